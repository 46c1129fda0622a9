"""``chorally up --cluster``: every service as a process of its own, and one address in front of them."""

import os
import sys
from collections.abc import Mapping

import structlog

from chorally_core import logs
from chorally_core.bootstrap import Parts, Role, installed
from chorally_core.bootstrap.back_ends import BackEnds
from chorally_core.bootstrap.migrating import migrate
from chorally_core.bootstrap.stores import missing
from chorally_core.bootstrap.vault import open_vault
from chorally_core.children import Child, run_all
from chorally_core.commands.running import Refused
from chorally_core.gateway import Gateway
from chorally_core.ports.schemas import CannotMigrate, TooNew
from chorally_core.serving import Ending, listen, run, served, url_of
from chorally_core.settings import InvalidSettings, Settings

log = structlog.get_logger(__name__)


def cluster(settings: Settings, *, split: bool) -> None:
    """Run all services as processes of their own until this one is asked to stop.

    Args:
        settings: Those of this process, which the others read from the same environment.
        split: Each role of a service is a process of its own, too.

    Raises:
        Refused: The address is taken, or a setting cannot be used or is missing.
    """
    try:
        check(settings)
        logs.configure(settings.log_level, settings.log_format)
        run(_cluster(settings, split=split))
    except (CannotMigrate, InvalidSettings, TooNew) as error:
        raise Refused(str(error)) from error


def check(settings: Settings) -> None:
    """Find what the processes would refuse, before any is started.

    Raises:
        InvalidSettings: Every mistake.
    """
    mistakes = BackEnds(settings).mistakes + missing(settings, Parts(alone=False))
    try:
        if settings.secret_keys:
            open_vault(settings)
    except InvalidSettings as error:
        mistakes.append(str(error))
    if mistakes:
        raise InvalidSettings("\n".join(mistakes))


def commands(*, split: bool) -> dict[str, list[str]]:
    """Return the arguments of each process, by its name."""
    if not split:
        return {name: ["service", name] for name in installed()}
    return {
        f"{name}-{role}": ["service", name, "--role", role.value]
        for name, roles in installed().items()
        for role in roles
    }


async def _cluster(settings: Settings, *, split: bool) -> None:
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise Refused(f"{error}; is another program at {place}? (CHORALLY_HOST, CHORALLY_PORT)") from error
    children = {
        name: Child(name, [sys.executable, "-m", "chorally_core.following", *arguments], _environment(os.environ))
        for name, arguments in commands(split=split).items()
    }
    doors = {name: children[f"{name}-{Role.API}" if split else name] for name in installed()}
    gateway = Gateway(lambda: {name: child.url for name, child in doors.items()})
    try:
        with listener, Ending() as ending:
            for done in (await migrate(settings)).told:
                log.info("made ready", what=done)

            async def until_told() -> None:
                async with served(gateway, listener):
                    _tell(url_of(listener), list(children))
                    await ending.told.wait()

            await run_all(list(children.values()), until_told)
    finally:
        await gateway.aclose()


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of the processes: ours, but for where they listen, and nobody waits to see that they stop."""
    return {**ours, "CHORALLY_HOST": "127.0.0.1", "CHORALLY_PORT": "0", "CHORALLY_DRAIN_S": "0"}


def _tell(url: str, names: list[str]) -> None:
    lines = (
        f"Chorally serves {len(names)} processes at {url}",
        f"  processes {', '.join(names)}",
        f"  ready     {url}/readyz",
        f"  API       {url}/docs",
        "  a token   chorally token --tenant TENANT --role admin   (with the same settings)",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
