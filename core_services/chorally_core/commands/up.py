"""``chorally up``."""

import sys

from chorally_core import logs
from chorally_core.adapters.identity.keyring import InvalidKeyring
from chorally_core.bootstrap import InUse, System, Unreachable
from chorally_core.ports.secrets import Unopenable
from chorally_core.serving import listen, run, serve, url_of
from chorally_core.settings import InvalidSettings, Settings


class Refused(Exception):
    """The system cannot start; the message says why."""


def up(settings: Settings) -> None:
    """Run the whole system until the process is asked to stop.

    Raises:
        Refused: The folder or the address is taken, or a setting cannot be used.
    """
    logs.configure(settings.log_level, settings.log_format)
    try:
        run(_up(settings))
    except (InUse, InvalidKeyring, InvalidSettings, Unopenable, Unreachable, ValueError) as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"{settings.data} cannot be used: {error} (CHORALLY_DATA)") from error


async def _up(settings: Settings) -> None:
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise Refused(f"{error}; is another program at {place}? (CHORALLY_HOST, CHORALLY_PORT)") from error
    system = System(settings)
    try:
        await system.start()
        await serve(system.app, listener, lambda: _tell(settings, url_of(listener)))
    finally:
        await system.stop()


def _tell(settings: Settings, url: str) -> None:
    lines = (
        f"Chorally serves {settings.data} at {url}",
        f"  API       {url}/docs",
        f"  a token   chorally token --data {settings.data} --tenant TENANT --role admin",
    )
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
