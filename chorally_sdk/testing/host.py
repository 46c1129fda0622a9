"""A host in miniature: enough to call one connector in a test, without a network."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from chorally_sdk.connector.base import Connector
from chorally_sdk.http.client import Http
from chorally_sdk.http.hosts import LOOPBACK
from chorally_sdk.model.accounts import Account, App, Grant
from chorally_sdk.model.hooks import RawHook
from chorally_sdk.model.inbound import Attachment, Page

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""The time it is in tests that do not say otherwise."""

C = TypeVar("C", bound=Connector)
Answers = Callable[[httpx.Request], httpx.Response]


async def _at_once(_: float) -> None:
    """Wait no time at all."""


def _no_network(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"this call must not use the network, but asked {request.method} {request.url}")


def connect(
    connector: type[C],
    platform: Answers | httpx.AsyncBaseTransport = _no_network,
    *,
    settings: Any = None,
    app_settings: Any = None,
    external_id: str = "account-1",
    data: Mapping[str, Any] | None = None,
    grant: Grant | None = None,
    now: Callable[[], datetime] = lambda: NOW,
    base_url: str = "",
    for_app: bool = False,
    media: Callable[[Attachment], AsyncIterator[bytes]] | None = None,
    media_url: Callable[[Attachment], Awaitable[str]] | None = None,
) -> C:
    """Return a connector for one account whose platform is a function, or an httpx transport.

    Args:
        connector: The class under test.
        platform: Answers requests; without it, any request fails the test.
        settings: An instance of the manifest's ``account_settings``.
        app_settings: An instance of the manifest's ``app_settings``.
        external_id: The account's id on the platform.
        data: ``Account.data``.
        grant: What authorises calls; a grant with the access token ``token`` where None.
        now: The clock.
        base_url: Replaces the manifest's.
        for_app: Make it for the app alone, as ``verify``, ``parse`` and the consent are.
        media: Reads files of ours, in pieces; without it, there are none.
        media_url: Gives the public address of such a file; without it, they have none.
    """
    grant = grant or Grant(access=SecretStr("token"))
    transport = platform if isinstance(platform, httpx.AsyncBaseTransport) else httpx.MockTransport(platform)
    http = Http(
        base_url=base_url or connector.manifest.base_url,
        hosts=connector.manifest.hosts,
        grant=grant,
        transport=transport,
        sleep=_at_once,
        private=LOOPBACK,
    )
    account = Account(id="1", tenant="acme", external_id=external_id, name="Acme", data=data or {}, settings=settings)
    app = App(id="app-1", settings=app_settings, accounts=frozenset({external_id}))

    async def token() -> SecretStr:
        return grant.access

    return connector(app, http, None if for_app else account, now=now, token=token, media=media, media_url=media_url)


def a_hook(
    body: bytes | str = b"",
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    received_at: datetime = NOW,
    account: str | None = None,
) -> RawHook:
    """Return a webhook as it would arrive; header names are put in lower case."""
    raw = body.encode() if isinstance(body, str) else body
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    return RawHook(
        method=method, path="/", query=query or {}, headers=lower, body=raw, received_at=received_at, account=account
    )


async def pulled(
    pages: AsyncIterator[Page], *, most: int = 1000, stored: Callable[[Page], Awaitable[None]] | None = None
) -> list[Page]:
    """Return the pages of a pull up to the one that is done; ``stored`` is awaited after each.

    Raises:
        AssertionError: A cursor repeats without ``done``, or ``most`` pages were not enough.
    """
    found: list[Page] = []
    async for page in pages:
        if stored:
            await stored(page)
        stuck = bool(found) and not page.done and page.events and page.cursor == found[-1].cursor
        assert not stuck, f"the cursor {page.cursor} repeats with events and without done"
        found.append(page)
        if page.done:
            break
        assert len(found) < most, f"no page of {most} was done"
    await pages.aclose()  # type: ignore[attr-defined]
    return found
