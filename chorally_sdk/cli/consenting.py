"""``auth``: a person's consent, asked in the browser, answered on loopback (RFC 8252), and kept for later commands."""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chorally_sdk.cli.telling import Told
from chorally_sdk.connector.abilities import Authorizes
from chorally_sdk.model.accounts import Callback, Grant
from chorally_sdk.oauth.files import FileGrants
from chorally_sdk.oauth.pkce import challenge_of, new_verifier
from chorally_sdk.oauth.renewing import Renewing

PATH = "/callback"
PATIENCE_S = 300.0
_DONE = "The consent has arrived. You may close this page and go back to the terminal."
_NOT = "This is not the call-back that the terminal waits for."

Show = Callable[[str], Awaitable[None] | None]


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where grants are kept: ``$CHORALLY_GRANTS``, else in the person's folder of state."""
    if told := environment.get("CHORALLY_GRANTS"):
        return Path(told)
    state = environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "chorally" / "grants"


def renewing(connector: Callable[[Grant | None], Any], into: Path) -> Renewing:
    """Return what keeps the grants of a folder good; ``connector`` makes one that can renew."""

    async def renew(_: str, grant: Grant | None) -> Grant:
        renewed: Grant = await connector(grant).renew(grant)
        return renewed

    return Renewing(FileGrants(into), renew, now=lambda: datetime.now(UTC))


async def consented(
    connector: Any,
    show: Show,
    *,
    hint: str = "",
    port: int = 0,
    redirect_uri: str = "",
    pasted: Callable[[], str] | None = None,
    patience_s: float = PATIENCE_S,
) -> Grant:
    """Return the grant of a consent.

    Args:
        connector: For the app alone.
        show: Given the page's URL, for a person to open.
        hint: The handle or instance that the person typed.
        port: Of loopback, where the call-back arrives; any that is free where 0.
        redirect_uri: Registered at the platform, where it takes no loopback; the call-back is then pasted.
        pasted: Reads the URL that the browser was sent to, where it does not lead here.
        patience_s: Seconds after which nobody is waited for any more.

    Raises:
        Told: The person said no, nobody answered, or the connector asks no one.
    """
    if not isinstance(connector, Authorizes):
        raise Told("this connector asks nobody for consent; give what it needs by --token and --set")
    state, verifier = secrets.token_urlsafe(32), new_verifier()
    arrived: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
    server = None if pasted else await asyncio.start_server(_answering(arrived, state), "127.0.0.1", port)
    try:
        if server is not None:
            redirect_uri = redirect_uri or f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PATH}"
        consent = await connector.authorize(state, challenge_of(verifier), redirect_uri, hint)
        if (shown := show(consent.url)) is not None:
            await shown
        params = await _params(arrived, pasted, patience_s)
    finally:
        if server is not None:
            server.close()
    _ours(params, state)
    return await connector.exchange(
        Callback(params=params, verifier=verifier, redirect_uri=redirect_uri, keep=consent.keep)
    )


async def _params(
    arrived: "asyncio.Future[dict[str, str]]", pasted: Callable[[], str] | None, patience_s: float
) -> dict[str, str]:
    if pasted is not None:
        return _query((await asyncio.to_thread(pasted)).strip())
    try:
        return await asyncio.wait_for(arrived, patience_s)
    except TimeoutError as error:
        raise Told(f"nobody answered in {patience_s:.0f} s; run it again, and open the page that it names") from error


def _ours(params: Mapping[str, str], state: str) -> None:
    if not secrets.compare_digest(params.get("state", "").encode(), state.encode()):
        raise Told("the call-back bears another state than this consent; run it again, and use its own page")
    if "error" in params:
        told = params.get("error_description") or params["error"]
        raise Told(f"the platform gives no consent: {told}; was it declined, or is the app not set up?", status=1)


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def _answering(
    arrived: "asyncio.Future[dict[str, str]]", state: str
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Answer browsers until the call-back of this consent is there; anything else ends nothing."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = (await reader.readline()).decode("latin-1").split(" ")
            while (await reader.readline()).strip():
                pass
            target = line[1] if len(line) > 1 else ""
            params = _query(target)
            is_it = target.startswith(f"{PATH}?") and secrets.compare_digest(
                params.get("state", "").encode(), state.encode()
            )
            text = (_DONE if is_it else _NOT).encode()
            head = f"HTTP/1.1 {'200 OK' if is_it else '404 Not Found'}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            head += f"Referrer-Policy: no-referrer\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + text)
            await writer.drain()
            if is_it and not arrived.done():
                arrived.set_result(params)
        except (ConnectionError, ValueError):
            pass  # a browser that went away, or a line that is too long: the person tries again
        finally:
            writer.close()

    return answer
