"""Packages as an installation leaves them: a module, and what it says of itself."""

import re
import textwrap
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from chorally_sdk.plugins import Registry, discover

NEEDS = ("chorally-sdk>=0.1,<1",)


def working(platform: str, *channels: str) -> str:
    """Return the source of a connector that can be used."""
    declared = ", ".join(f"sdk.Channel(name={name!r})" for name in channels or (f"{platform}_note",))
    return f"""
        import chorally_sdk as sdk

        class Working(sdk.Connector):
            manifest = sdk.Manifest(platform={platform!r}, channels=({declared},))

            async def check(self):
                return sdk.AccountInfo(external_id="1", name="one")

        @sdk.hookimpl
        def chorally_connector():
            return Working
    """


def hooked(body: str) -> str:
    """Return the source of a hook."""
    return f"""
        import chorally_sdk as sdk

        @sdk.hookimpl
        def chorally_connector():
            {body}
    """


class Site:
    """A folder that packages are installed in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: set[str] = set()

    def install(
        self,
        package: str,
        source: str,
        *names: str,
        requires: Sequence[str] = NEEDS,
        about: str | None = None,
        entries: str | None = None,
    ) -> None:
        """Install a package.

        Args:
            package: Its name.
            source: Its only module.
            names: Of its entry points; the last word of its own where empty.
            requires: What it says that it needs.
            about: Replaces its metadata; empty leaves the file out.
            entries: Replaces its list of entry points.
        """
        module = "made_up_" + re.sub(r"\W", "_", package).lower()
        self.modules.add(module)
        (self.folder / f"{module}.py").write_text(textwrap.dedent(source), "utf-8")
        info = self.folder / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
        about = f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n{needs}" if about is None else about
        if about:
            (info / "METADATA").write_text(about, "utf-8")
        pairs = "".join(f"{name} = {module}\n" for name in names or (package.rpartition("-")[2],))
        text = f"[console_scripts]\na = b:c\n[chorally.connectors]\n{pairs}" if entries is None else entries
        (info / "entry_points.txt").write_text(text, "utf-8")

    def discover(self) -> Registry:
        """Return what is found there."""
        return discover(metadata.distributions(path=[str(self.folder)]))

    def reason(self, name: str) -> str:
        """Return why a connector cannot be used."""
        loaded = self.discover().plugins[name].loaded
        assert isinstance(loaded, str), f"{name} can be used: {loaded}"
        return loaded
