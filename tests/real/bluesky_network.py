"""The AT Protocol network as tests see it: our account and a customer's, and a person on the page of consent."""

import asyncio
import os
import secrets
import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from chorally_bluesky import Bluesky
from chorally_bluesky.config import PLC, AccountSettings, AppSettings
from chorally_bluesky.names import POST
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.oauth import MemoryGrants, Renewing
from chorally_sdk.testing import connect, pulled

PATIENCE_S = 30.0
"""Seconds that the AppView may take to know of something."""

_API = "/@atproto/oauth-provider/~api"
_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"


class Directory(httpx.AsyncBaseTransport):
    """The network, with the public directory's name leading to the one beside it, which speaks no TLS."""

    def __init__(self, plc: str) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._plc = urlsplit(plc)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        if request.url.host == urlsplit(PLC).hostname:
            place = {"scheme": "http", "host": self._plc.hostname, "port": self._plc.port}
            request.url = request.url.copy_with(**place)
            request.headers["Host"] = self._plc.netloc
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class Person:
    """Somebody with an account, speaking to the server without a connector."""

    def __init__(self, url: str, handle: str, password: str, did: str) -> None:
        self.handle, self.password, self.did = handle, password, did
        self._http = httpx.AsyncClient(base_url=url, timeout=30)

    async def call(self, method: str, name: str, **options: Any) -> Any:
        """Call the server, signed in."""
        if "authorization" not in self._http.headers:
            given = {"identifier": self.handle, "password": self.password}
            session = (await self._http.post("/xrpc/com.atproto.server.createSession", json=given)).json()
            self._http.headers["authorization"] = f"Bearer {session['accessJwt']}"
        answer = await self._http.request(method, f"/xrpc/{name}", **options)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def post(self, text: str, *, key: str = "", parent: Mapping[str, str] | None = None, **more: Any) -> Any:
        """Post, or answer what begins a thread; return its uri and cid."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = {"$type": POST, "text": text, "createdAt": at, **more}
        if parent:
            record["reply"] = {"root": dict(parent), "parent": dict(parent)}
        asked = {"repo": self.did, "collection": POST, "rkey": key or a_key(), "record": record}
        made = await self.call("POST", "com.atproto.repo.putRecord", json=asked)
        return {"uri": made["uri"], "cid": made["cid"]}

    async def delete(self, uri: str) -> None:
        """Delete a post."""
        asked = {"repo": self.did, "collection": POST, "rkey": uri.rpartition("/")[2]}
        await self.call("POST", "com.atproto.repo.deleteRecord", json=asked)

    async def sees(self, uri: str, *, is_there: bool = True) -> dict[str, Any]:
        """Wait until the AppView shows a post, or does not any more."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                posts = (await self.call("GET", "app.bsky.feed.getPosts", params={"uris": [uri]}))["posts"]
                if bool(posts) == is_there:
                    return dict(posts[0]) if posts else {}
                await asyncio.sleep(0.1)

    async def notified(self, uri: str) -> None:
        """Wait until a notification of a post is there."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if uri in await self.notifications():
                    return
                await asyncio.sleep(0.1)

    async def notifications(self) -> list[str]:
        """Return what the person is notified of."""
        told = await self.call("GET", "app.bsky.notification.listNotifications", params={"limit": 100})
        return [each["uri"] for each in told["notifications"]]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


@dataclass
class Network:
    """The servers, our account alice and the customer bob."""

    url: str
    directory: Directory
    alice: Person
    bob: Person

    def connect(self, grant: sdk.Grant | None = None, *, app: AppSettings | None = None, **options: Any) -> Bluesky:
        """Connect alice's account."""
        return connect(
            Bluesky, self.directory, base_url=self.url, app_settings=app or AppSettings(appview=""),
            settings=options.pop("settings", AccountSettings()), external_id=self.alice.did, grant=grant,
            now=lambda: datetime.now(UTC), **options,
        )  # fmt: skip

    @property
    def typed(self) -> sdk.Grant:
        """What a person types in."""
        return sdk.Grant(access=SecretStr(f"{self.alice.handle}:{self.alice.password}"))

    async def session(self) -> sdk.Grant:
        """Open a session of alice's."""
        return await self.connect(self.typed).renew(self.typed)

    def renewing(self, grant: sdk.Grant) -> "Renewing":
        """Return what keeps a grant good, as a host has it."""

        async def renew(_: str, before: sdk.Grant | None) -> sdk.Grant:
            return await self.connect(before).renew(before)

        return Renewing(MemoryGrants(), renew, now=lambda: datetime.now(UTC))

    async def events(self, stream: str, grant: sdk.Grant, since: datetime | None = None) -> list[sdk.Event]:
        """Pull a stream from its beginning."""
        pages = await pulled(self.connect(grant).pull(stream, None, since))
        return [event for page in pages for event in page.events]


async def prepared(connector: Bluesky, outgoing: Any) -> Any:
    """Take the unseen steps, each from what the one before left behind."""
    for _ in range(10):
        step = await connector.prepare(outgoing)
        outgoing = outgoing.model_copy(update={"prepared": step.state})
        if step.ready:
            return outgoing
    raise AssertionError("ten steps, and none is ready")


async def consented(url: str, who: Person) -> dict[str, str]:
    """Let a person sign in on the page of consent and agree; return the query of the call-back."""
    site = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    navigating = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": "cross-site"}
    async with httpx.AsyncClient(timeout=30) as browser:
        page = await browser.get(url, headers={**navigating, "accept": "text/html"})
        cookies = _set_by(page)
        asking = {
            "x-csrf-token": cookies["csrf-token"], "origin": site, "referer": url,
            "sec-fetch-mode": "same-origin", "sec-fetch-site": "same-origin", "sec-fetch-dest": "empty",
        }  # fmt: skip

        async def ask(name: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
            browser.cookies.clear()  # the page's cookies are Secure, and this is no TLS: they are sent by hand
            told = {**asking, "cookie": _joined(cookies), **headers}
            answer = await browser.post(f"{site}{_API}/{name}", json=body, headers=told)
            assert answer.is_success, answer.text
            cookies.update(_set_by(answer))
            return dict(answer.json())

        signed = await ask("sign-in", {"locale": "en", "username": who.handle, "password": who.password})
        bearer = {"authorization": f"Bearer {signed['ephemeralToken']}"}
        agreed = await ask("consent", {"did": who.did}, **bearer)
        where = str(agreed["url"])
        if where.startswith(site):  # leads on to the call-back
            told = {**navigating, "sec-fetch-site": "same-origin", "cookie": _joined(cookies), "referer": url}
            led = await browser.get(where, headers=told)
            assert led.is_redirect, led.text
            where = led.headers["location"]
    return dict(parse_qsl(urlsplit(where).query))


def _set_by(answer: httpx.Response) -> dict[str, str]:
    pairs = (each.partition(";")[0].partition("=") for each in answer.headers.get_list("set-cookie"))
    return {name: value for name, _, value in pairs}


def _joined(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def a_key() -> str:
    """Return a record key that nobody has used: thirteen letters of a TID."""
    return "3m" + "".join(secrets.choice(_LETTERS) for _ in range(11))


def a_picture(width: int = 40, height: int = 20) -> bytes:
    """Return a PNG of one colour that nobody has uploaded before."""
    row = b"\0" + secrets.token_bytes(3) * width
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(row * height))]
    chunks = [
        struct.pack(">I", len(told)) + name + told + struct.pack(">I", zlib.crc32(name + told))
        for name, told in [*parts, (b"IEND", b"")]
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


async def network() -> AsyncIterator[Network]:
    """The network that the environment names; without it a test is skipped, and fails in CI."""
    names = ["URL", "PLC_URL", *(f"{who}_{what}" for who in ("ALICE", "BOB") for what in ("HANDLE", "PASSWORD", "DID"))]
    found = {name: os.environ.get(f"CHORALLY_BLUESKY_{name}", "") for name in names}
    if missing := [name for name in names if not found[name]]:
        told = f"no AT Protocol network: CHORALLY_BLUESKY_{', CHORALLY_BLUESKY_'.join(missing)} not set"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    people = [
        Person(found["URL"], *(found[f"{who}_{what}"] for what in ("HANDLE", "PASSWORD", "DID")))
        for who in ("ALICE", "BOB")
    ]
    directory = Directory(found["PLC_URL"])
    yield Network(found["URL"], directory, *people)
    await directory.aclose()
    for person in people:
        await person.aclose()
