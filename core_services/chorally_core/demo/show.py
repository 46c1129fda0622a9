"""``chorally demo``: the whole flow over real HTTP, told as it happens and checked at its end."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

import chorally_sdk as sdk
from chorally_core import logs
from chorally_core.bootstrap import System
from chorally_core.demo.story import Failed, Story, told
from chorally_core.serving import listen, run, served
from chorally_core.settings import load_settings

PLATFORM = "facebook"
TENANT = "acme"

__all__ = ["Failed", "show"]


def show(*, once: bool, data: Path | None, port: int) -> None:
    """Play the demonstration; without ``once``, leave the API open until interrupted.

    Raises:
        Failed: Something that should have happened did not.
    """
    console = Console()
    logs.configure("error", "text")
    folder = data or Path(tempfile.mkdtemp(prefix="chorally-demo-"))
    with contextlib.suppress(KeyboardInterrupt):
        try:
            run(_play(console, folder, 0 if once else port, once=once))
        finally:
            if data is None:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def _sandbox(system_registry: type[sdk.Connector]) -> AsyncIterator[str]:
    """A sandbox of the platform, on loopback."""
    if not issubclass(system_registry, sdk.Sandboxes):
        raise Failed(f"the connector {PLATFORM} brings no sandbox")
    try:
        app = system_registry.sandbox()
    except ImportError as error:
        raise Failed(f"the sandbox needs {error.name}; pip install 'chorally-{PLATFORM}[sandbox]'") from error
    async with served(app, listen("127.0.0.1", 0)) as url:
        yield url


async def _play(console: Console, folder: Path, port: int, *, once: bool) -> None:
    from chorally_sdk.plugins import discover

    registry = discover()
    try:
        connector = registry.get(PLATFORM)
    except LookupError as error:
        raise Failed(str(error)) from error
    try:
        listener = listen("127.0.0.1", port)
    except OSError:
        listener = listen("127.0.0.1", 0)
    async with _sandbox(connector) as platform_url:
        settings = load_settings(
            data=folder, base_urls={PLATFORM: f"{platform_url}/v25.0"}, pull_every_s=1.0, token_rate=100_000
        )
        system = System(settings, registry=registry)
        await system.start()
        try:
            async with served(system.app, listener) as url:
                story = Story(console, url, platform_url, system.token(TENANT, "admin"))
                console.rule("[bold]Chorally: the main job, with a sandbox page in place of Facebook")
                outcome = await story.play()
                console.print(_table(outcome))
                if failed := [name for name, happened, _ in outcome if not happened]:
                    raise Failed(f"did not happen: {', '.join(failed)}")
                if not once:
                    console.print(told(url, system.token(TENANT, "admin")), soft_wrap=True, highlight=False)
                    await asyncio.Event().wait()
        finally:
            await system.stop()


def _table(outcome: list[tuple[str, bool, str]]) -> Table:
    table = Table("what", "happened", "seen", title="What happened")
    for name, happened, seen in outcome:
        table.add_row(name, "[green]yes[/green]" if happened else "[red]NO[/red]", seen)
    return table
