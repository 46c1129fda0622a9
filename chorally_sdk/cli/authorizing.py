"""What ``auth`` does: consent, the accounts that it opens, and the grant in its file."""

import asyncio
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

from chorally_sdk.cli.connecting import Access, for_app, keeping
from chorally_sdk.cli.consenting import consented
from chorally_sdk.cli.finding import Found
from chorally_sdk.cli.telling import Told
from chorally_sdk.connector.abilities import Authorizes
from chorally_sdk.sandbox.levers import Levers


@dataclass(frozen=True)
class Wanted:
    """How the person is asked."""

    hint: str = ""
    port: int = 0
    redirect_uri: str = ""
    pasted: Callable[[], str] | None = None
    """Reads the call-back from the person, where it does not arrive by itself."""
    opens: Callable[[str], Any] = webbrowser.open


async def authorize(found: Found, access: Access, wanted: Wanted, say: Callable[[str], None]) -> Sequence[str]:
    """Ask for consent, keep its grant, and return what a person should know of it.

    Raises:
        Told: There is none to be had.
    """
    if not issubclass(found.connector, Authorizes):
        raise Told(f"{found.platform} asks nobody for consent; give what it needs by --token and --set")
    async with for_app(found, access) as (connector, levers):
        agreeing: list[asyncio.Task[None]] = []

        def show(page: str) -> None:
            if levers is not None:
                agreeing.append(asyncio.create_task(_agree(levers, page), name="the person who agrees"))
                return
            say(f"open this page and agree:\n  {page}")
            wanted.opens(page)

        grant = await consented(
            connector, show, hint=wanted.hint, port=wanted.port, redirect_uri=wanted.redirect_uri, pasted=wanted.pasted
        )
        await asyncio.gather(*agreeing)
    ends = f"until {grant.expires_at:%Y-%m-%d %H:%M} UTC" if grant.expires_at else "without an end that is known"
    renewed = "and can be renewed" if grant.refresh else "and has no refresh token"
    told = f"the grant lasts {ends}, {renewed}; scopes: {', '.join(sorted(grant.scopes)) or 'not said'}"
    if levers is not None:
        return [told, "nothing is kept: it was the sandbox's"]
    async with keeping(found, access) as keeper:
        await keeper.put(access.name or found.platform, grant)
    return [told, f"kept in {access.grants}; next: chorally-connector pull {found.checkout or found.platform}"]


async def _agree(levers: Levers, page: str) -> None:
    """Be the person, and the browser that is sent back."""
    params = levers.consent(page)
    back = dict(httpx.QueryParams(httpx.URL(page).query))["redirect_uri"]
    async with httpx.AsyncClient(trust_env=False) as browser:
        await browser.get(f"{back}?{urlencode(params)}")
