"""Finds the installed connectors and keeps a broken one from disturbing the others.

Names and contract ranges come from package metadata, without an import. Each connector is imported
alone, on first use, in its own ``try``: one that cannot be loaded is listed with its reason.
"""

import importlib.metadata as metadata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import pluggy
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from chorally_sdk import hookspecs
from chorally_sdk.connector.abilities import abilities_of
from chorally_sdk.connector.base import Connector
from chorally_sdk.model.manifest import Manifest

SDK = "chorally-sdk"
RESERVED = frozenset(
    (
        *("io", "author", "message", "log", "identity", "rule", "rule-engine", "publishing", "outbound", "package"),
        *("provision", "metadata", "search", "media", "export", "chatbot"),
        *("healthz", "readyz", "metrics", "docs", "openapi", "asyncapi"),
    )
)
"""Names of services and routes that no connector may take."""


@dataclass(frozen=True)
class Plugin:
    """One installed package that claims to be a connector."""

    name: str
    """The entry point's name, which must be its platform."""
    distribution: str
    version: str
    entry: metadata.EntryPoint
    requires: str
    """The package's requirement on the SDK, empty where it states none."""
    sdk_version: str

    @property
    def incompatible(self) -> str:
        """Why the package cannot work with this SDK, empty where it can; known without an import."""
        if self.name in RESERVED:
            return f"the name {self.name!r} is reserved for a service; rename the entry point"
        if not self.requires:
            return f"the package does not require {SDK}; add it to its dependencies, with a range"
        if not Requirement(self.requires).specifier.contains(self.sdk_version, prereleases=True):
            return f"needs {self.requires}, but {SDK} {self.sdk_version} is installed; upgrade one of them"
        return ""

    @cached_property
    def loaded(self) -> "type[Connector] | str":
        """The connector class, or the reason why there is none."""
        if reason := self.incompatible:
            return reason
        try:
            return self._load()
        except (Exception, SystemExit) as error:  # whatever a plugin does at import must not disturb the others
            return f"{type(error).__name__}: {error}"

    def _load(self) -> type[Connector]:
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.register(self.entry.load(), name=self.name)
        connector = manager.hook.chorally_connector()
        if not (isinstance(connector, type) and issubclass(connector, Connector)):
            raise TypeError(f"the hook chorally_connector returned {connector!r}, not a Connector class")
        manifest = getattr(connector, "manifest", None)
        if not isinstance(manifest, Manifest):
            raise TypeError(f"{connector.__name__} has no manifest")
        if manifest.platform != self.name:
            raise ValueError(f"the manifest says {manifest.platform!r}, the entry point {self.name!r}; use one name")
        if missing := sorted(getattr(connector, "__abstractmethods__", ())):
            raise TypeError(f"{connector.__name__} does not implement {', '.join(missing)}")
        return connector

    @property
    def abilities(self) -> tuple[str, ...]:
        """Names of what the connector can do; empty where it could not be loaded."""
        return () if isinstance(self.loaded, str) else abilities_of(self.loaded)


@dataclass
class Registry:
    """The installed connectors by platform."""

    plugins: dict[str, Plugin] = field(default_factory=dict)
    duplicates: list[Plugin] = field(default_factory=list)
    """Packages that claim a name already taken: ``chorally-NAME`` keeps it, or else the first by package name."""

    def __iter__(self) -> Iterator[Plugin]:
        return iter(self.plugins.values())

    def connectors(self) -> dict[str, type[Connector]]:
        """Return every connector that loads, by platform.

        A channel claimed twice belongs to the platform it is named after, or else to the first by name; who
        claims another's channel is listed with that reason.
        """
        found = {n: c for n in sorted(self.plugins) if not isinstance(c := self.plugins[n].loaded, str)}
        owners: dict[str, str] = {}
        for name in sorted(found):
            for channel in found[name].manifest.channels:
                if channel.name not in owners or _is_named_after(channel.name, name):
                    owners[channel.name] = name
        for name, connector in list(found.items()):
            foreign = sorted(c.name for c in connector.manifest.channels if owners[c.name] != name)
            if foreign:
                reason = f"its channel {foreign[0]!r} belongs to another connector, {owners[foreign[0]]!r}"
                self.plugins[name].__dict__["loaded"] = reason
                del found[name]
        return found

    def get(self, platform: str) -> type[Connector]:
        """Return the connector of a platform.

        Raises:
            LookupError: None is installed, or it cannot be loaded; the message says why.
        """
        plugin = self.plugins.get(platform)
        if plugin is None:
            names = ", ".join(sorted(self.plugins)) or "none"
            raise LookupError(
                f"no connector {platform!r} is installed (installed: {names}); pip install chorally-{platform}"
            )
        if isinstance(plugin.loaded, str):
            raise LookupError(f"the connector {platform!r} cannot be used: {plugin.loaded}")
        return plugin.loaded


def discover(distributions: Iterable[metadata.Distribution] | None = None) -> Registry:
    """Return what is installed, without importing any of it.

    Args:
        distributions: Packages to look at; those of the running interpreter where None.
    """
    if distributions is None:
        entries = metadata.entry_points(group=hookspecs.ENTRY_POINTS)
        pairs = [(entry, entry.dist) for entry in entries]
    else:
        pairs = [(e, d) for d in distributions for e in d.entry_points if e.group == hookspecs.ENTRY_POINTS]
    sdk_version = metadata.version(SDK)
    registry = Registry()
    known = [(entry, dist) for entry, dist in pairs if dist is not None]
    for entry, dist in sorted(known, key=lambda pair: _precedence(pair[0].name, pair[1].name)):
        plugin = Plugin(entry.name, dist.name, dist.version, entry, _requirement(dist), sdk_version)
        if entry.name in registry.plugins:
            registry.duplicates.append(plugin)
        else:
            registry.plugins[entry.name] = plugin
    return registry


def _precedence(name: str, distribution: str) -> tuple[str, bool, str]:
    package = canonicalize_name(distribution)
    return name, package != canonicalize_name(f"chorally-{name}"), package


def _is_named_after(channel: str, platform: str) -> bool:
    return channel == platform or channel.startswith(f"{platform}_")


def _requirement(dist: metadata.Distribution) -> str:
    for text in dist.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) == SDK and not (
            requirement.marker and "extra" in str(requirement.marker)
        ):
            return f"{requirement.name}{requirement.specifier}"
    return ""
