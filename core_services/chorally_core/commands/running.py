"""Runs the parts of one process from its start to its end."""

import os
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack

from chorally_core import logs
from chorally_core.adapters.identity.key_set import InvalidKeyring
from chorally_core.bootstrap import InUse, Parts, System, Unreachable
from chorally_core.ports.schemas import NotMigrated, TooNew
from chorally_core.ports.secrets import Unopenable
from chorally_core.serving import Ending, Reach, listen, run, served
from chorally_core.settings import InvalidSettings, Settings
from chorally_core.telemetry.exporting import NoExporter, exported


class Refused(Exception):
    """The process cannot start; the message says why."""


def run_parts(settings: Settings, parts: Parts, tell: Callable[[str], None]) -> None:
    """Run some parts until the process is asked to stop.

    Args:
        settings: What the operator sets.
        parts: What the process consists of.
        tell: Given the URL at which it listens: where the process is alone once it serves, otherwise at once.

    Raises:
        Refused: The folder or the address is taken, a setting cannot be used, or a back end cannot be reached.
    """
    logs.configure(settings.log_level, settings.log_format)
    name = "-".join(parts.services) if not parts.alone else ""
    where = f"{socket.gethostname()}-{os.getpid()}"
    try:
        with exported(settings.otlp_endpoint, ratio=settings.trace_ratio, service=name, instance=where):
            run(_run(settings, parts, tell))
    except (
        InUse, InvalidKeyring, InvalidSettings, NoExporter, NotMigrated, TooNew, Unopenable, Unreachable, ValueError,
    ) as error:  # fmt: skip
        raise Refused(str(error)) from error
    except OSError as error:
        place = f"{settings.data} cannot be used: {error} (CHORALLY_DATA)" if parts.alone else str(error)
        raise Refused(place) from error


async def _run(settings: Settings, parts: Parts, tell: Callable[[str], None]) -> None:
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise Refused(f"{error}; is another program at {place}? (CHORALLY_HOST, CHORALLY_PORT)") from error
    with listener, Ending() as ending:
        system = System(settings, parts=parts)
        reach = Reach(tuple(map(str, settings.proxies)), settings.connections)
        try:
            async with AsyncExitStack() as serving:
                if not parts.alone:  # operators are answered from the beginning
                    tell(await serving.enter_async_context(served(system.app, listener, reach)))
                if not await ending.before(system.start()):
                    return
                if parts.alone:
                    tell(await serving.enter_async_context(served(system.app, listener, reach)))
                await ending.told.wait()
                await system.retire(0 if parts.alone else settings.drain_s)
        finally:
            await system.stop()
