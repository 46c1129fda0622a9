"""Several tasks of one process that want the same grant; ``python -m tests.sdk.oauth.renewer FOLDER URL TASKS``."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk import oauth
from tests.sdk.oauth.loopback import FIRST

NAME = "page-1"


class Once(sdk.Connector):
    """Renews at the server."""

    manifest = sdk.Manifest(platform="once", hosts=("127.0.0.1",), channels=(sdk.Channel(name="once"),))

    async def check(self) -> sdk.AccountInfo:
        """Not asked here."""
        raise NotImplementedError


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def an_old_grant() -> sdk.Grant:
    """Return a grant that has ended and can be renewed once."""
    return sdk.Grant(
        access=SecretStr("access-1"), refresh=SecretStr(FIRST), expires_at=utc_now() - timedelta(minutes=1)
    )


async def renew_at(url: str, grant: sdk.Grant | None) -> sdk.Grant:
    """Renew over a client of this task's own loop."""
    http = sdk.Http(base_url=url, hosts=())
    try:
        connector = Once(sdk.App(id=""), http, None, now=utc_now)
        return await oauth.Client(connector, "app", SecretStr("secret"), token_url="/token").refresh(grant)
    finally:
        await http.aclose()


def renewing(store: oauth.GrantStore, url: str) -> oauth.Renewing:
    """Return what keeps the grants of a store good."""
    return oauth.Renewing(store, lambda name, grant: renew_at(url, grant), now=utc_now)


async def all_at_once(renewing: oauth.Renewing, tasks: int) -> list[str]:
    """Return what so many tasks get."""
    grants = await asyncio.gather(*(renewing.fresh(NAME) for _ in range(tasks)))
    return [grant.access.get_secret_value() for grant in grants]


def main() -> None:
    """Wait for the word, then ask."""
    folder, url, tasks = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    store = oauth.FileGrants(folder)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    got = asyncio.run(all_at_once(renewing(store, url), tasks))
    sys.stdout.write(" ".join(got))


if __name__ == "__main__":
    main()
