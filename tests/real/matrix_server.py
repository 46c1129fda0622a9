"""Synapse as the tests use it: our user by the connector, a customer by bare calls of the client API."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from chorally_matrix import Matrix
from chorally_matrix.config import AccountSettings, AppSettings
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect

PATIENCE_S = 30
NAMES = ("URL", "ALICE_ID", "ALICE_PASSWORD", "BOB_ID", "BOB_PASSWORD", "AS_URL", "AS_ID", "AS_TOKEN", "HS_TOKEN")


@dataclass(frozen=True)
class Server:
    """Where Synapse is, and who is there."""

    url: str
    us: str
    our_password: str
    customer: str
    customer_password: str
    as_url: str
    as_id: str
    as_token: str
    hs_token: str

    def app(self, password: str = "", device: str = "CHORALLY") -> AppSettings:
        """Return what our user signs in by."""
        return AppSettings(user=self.us, password=SecretStr(password or self.our_password), device_id=device)

    def unbound(self, **given: Any) -> Matrix:
        """Return a connector that is about no account."""
        app = given.pop("app_settings", self.app())
        return connect(Matrix, network(), base_url=self.url, app_settings=app, for_app=True, now=now, **given)

    async def user(self, *, device: str | None = None, **settings: Any) -> Matrix:
        """Return a connector for our user, signed in on a device of its own."""
        grant = await self.unbound(app_settings=self.app(device=device or uuid.uuid4().hex[:10])).renew(None)
        return connect(
            Matrix, network(), base_url=self.url, external_id=self.us, grant=grant, now=now,
            settings=AccountSettings(**settings),
        )  # fmt: skip

    def service(self, **settings: Any) -> Matrix:
        """Return a connector for the user of the application service."""
        given = {"is_application_service": True, "hs_token": SecretStr(self.hs_token), **settings}
        grant = sdk.Grant(access=SecretStr(self.as_token))
        return connect(
            Matrix, network(), base_url=self.url, external_id=self.as_id, grant=grant, now=now,
            settings=AccountSettings(**given),
        )  # fmt: skip


def server() -> Server:
    """Return the server of the environment; without one the test is skipped, and fails in CI."""
    missing = [f"CHORALLY_MATRIX_{name}" for name in NAMES if f"CHORALLY_MATRIX_{name}" not in os.environ]
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must start Synapse; {', '.join(missing)} not set")
    if missing:
        pytest.skip(f"no Matrix homeserver: {', '.join(missing)} not set")
    return Server(*(os.environ[f"CHORALLY_MATRIX_{name}"] for name in NAMES))


def network() -> httpx.AsyncBaseTransport:
    """Return the way to the server; connections end with each answer, so none is left open."""
    return httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))


def now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


@dataclass
class Person:
    """A customer with any Matrix client."""

    http: httpx.AsyncClient
    id: str
    sent: int = field(default=0)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the client API."""
        async with asyncio.timeout(3 * PATIENCE_S):
            while True:
                answer = await self.http.request(method, f"/_matrix/client/v3{path}", json={} if body is None else body)
                if answer.status_code != 429:
                    break
                await asyncio.sleep(answer.json()["retry_after_ms"] / 1000)
        assert answer.is_success, answer.text
        return answer.json()

    async def room(self, *invited: str, **more: Any) -> str:
        """Make a room and invite people."""
        made = await self.call("POST", "/createRoom", {"preset": "private_chat", "invite": list(invited), **more})
        return str(made["room_id"])

    async def send(self, room: str, content: dict[str, Any], kind: str = "m.room.message") -> str:
        """Send an event of any content and return its id."""
        path = f"/rooms/{quote(room)}/send/{kind}/{uuid.uuid4().hex}"
        return str((await self.call("PUT", path, content))["event_id"])

    async def say(self, room: str, body: str, **more: Any) -> str:
        """Say something."""
        return await self.send(room, {"msgtype": "m.text", "body": body, **more})

    async def edit(self, room: str, event: str, body: str) -> str:
        """Replace what was said."""
        new = {"msgtype": "m.text", "body": body}
        relation = {"rel_type": "m.replace", "event_id": event}
        return await self.say(room, f"* {body}", **{"m.new_content": new, "m.relates_to": relation})

    async def redact(self, room: str, event: str) -> None:
        """Take back what was said."""
        await self.call("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/{uuid.uuid4().hex}")

    async def seen(self, room: str, event: str) -> dict[str, Any]:
        """Look at an event."""
        return dict((await self.http.get(f"/_matrix/client/v3/rooms/{quote(room)}/event/{quote(event)}")).json())

    async def member(self, room: str, who: str) -> str:
        """Tell somebody's membership in a room; empty for none."""
        answer = await self.http.get(f"/_matrix/client/v3/rooms/{quote(room)}/state/m.room.member/{quote(who)}")
        return str(answer.json().get("membership", ""))


@asynccontextmanager
async def person(where: Server) -> AsyncIterator[Person]:
    """Sign the customer in."""
    async with httpx.AsyncClient(base_url=where.url, timeout=30, trust_env=False) as http:
        asked = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": where.customer},
            "password": where.customer_password,
        }
        told = (await http.post("/_matrix/client/v3/login", json=asked)).json()
        http.headers["Authorization"] = f"Bearer {told['access_token']}"
        yield Person(http, where.customer)


async def caught_up(us: Matrix, cursor: sdk.Cursor | None = None, since: datetime | None = None) -> list[sdk.Page]:
    """Return the pages until everything came that there is."""
    pages = []
    async with asyncio.timeout(PATIENCE_S), aclosing(us.pull("sync", cursor, since)) as opened:  # type: ignore[type-var]
        async for page in opened:
            pages.append(page)
            if page.done:
                break
    return pages


async def news(us: Matrix, cursor: sdk.Cursor) -> list[sdk.Event]:
    """Return what the next page that tells something tells."""
    async with asyncio.timeout(PATIENCE_S), aclosing(us.pull("sync", cursor, None)) as opened:  # type: ignore[type-var]
        async for page in opened:
            if page.events:
                return list(page.events)
    raise AssertionError("the sync ended")


def events_of(pages: list[sdk.Page]) -> list[sdk.Event]:
    """Return all events, in their order."""
    return [event for page in pages for event in page.events]


def messages_of(pages: list[sdk.Page]) -> list[sdk.Message]:
    """Return all messages, in their order."""
    return [event for event in events_of(pages) if isinstance(event, sdk.Message)]


async def shared_room(us: Matrix, customer: Person) -> str:
    """Return the room that the tests of our user share, with both in it: new rooms and invitations are rationed."""
    name = f"tests-{us.account.external_id[1:].partition(':')[0]}"
    alias = quote(f"#{name}:{customer.id.partition(':')[2]}")
    found = await customer.http.get(f"/_matrix/client/v3/directory/room/{alias}")
    if found.is_success:
        room = str(found.json()["room_id"])
    else:
        room = await customer.room(preset="public_chat", room_alias_name=name)
    if await customer.member(room, us.account.external_id) != "join":
        await us.http.post(f"/_matrix/client/v3/rooms/{quote(room)}/join", json={})
    return room


async def joined(us: Matrix, customer: Person) -> tuple[str, sdk.Cursor]:
    """Return the shared room, and the cursor from which on it is read."""
    return await shared_room(us, customer), (await caught_up(us))[-1].cursor


def answer(message: sdk.Message, body: str = "Until six.", **changes: Any) -> sdk.OutboundMessage:
    """Return an answer that is being sent now."""
    given: dict[str, Any] = {
        "id": "1", "client_ref": uuid.uuid4().hex, "channel": message.channel, "body": body, "tried_at": now(),
        "conversation_id": message.conversation_id, "in_reply_to": message.external_id, "route": dict(message.route),
        "to": message.author.external_id if message.author else None,
    }  # fmt: skip
    return sdk.OutboundMessage.model_validate(given | changes)
