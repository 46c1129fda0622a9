"""As an application service: who may tell us something, what a transaction holds, and speaking as a user."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chorally_matrix import Matrix
from chorally_matrix.sandbox import Homeserver
from chorally_matrix.sandbox.world import LOBBY, US, user
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect, pulled
from chorally_sdk.testing.recording import Exchange

ELSEWHERE = "!elsewhere:matrix.example"
BASE = "/matrix/v1/webhook/token"
KEYS = sdk.Keys(secrets={"hs_token": (SecretStr("secret-word"),)})


def judged(method: str, path: str, token: str = "secret-word", scheme: str = "Bearer") -> sdk.Verdict:
    """Return the verdict on a request."""
    hook = a_hook("{}", method=method, headers={"Authorization": f"{scheme} {token}"})
    return connect(Matrix, for_app=True).verify(hook.model_copy(update={"path": BASE + path}), KEYS)


def test_a_transaction_is_accepted_under_its_id() -> None:
    """Answered by an empty object; sent again, it has the same id."""
    verdict = judged("PUT", "/_matrix/app/v1/transactions/a%2Fb")

    assert (verdict.kind, verdict.status, verdict.body, verdict.delivery_id) == ("accept", 200, b"{}", "a/b")
    assert verdict.media_type == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("POST", "/_matrix/app/v1/ping", ("handshake", 200)),
        ("GET", "/_matrix/app/v1/users/%40a%3Ax", ("handshake", 404)),
        ("GET", "/_matrix/app/v1/rooms/%23a%3Ax", ("handshake", 404)),
        ("GET", "/_matrix/app/v1/transactions/1", ("reject", 404)),
        ("PUT", "/_matrix/app/v1/transactions/", ("reject", 404)),
        ("PUT", "/", ("reject", 404)),
    ],
)
def test_what_else_a_homeserver_asks_is_answered_and_not_kept(method: str, path: str, told: tuple[str, int]) -> None:
    """A ping is answered; users and rooms are not made on demand."""
    verdict = judged(method, path)
    assert (verdict.kind, verdict.status) == told


@pytest.mark.parametrize(("token", "scheme"), [("other-word", "Bearer"), ("", "Bearer"), ("secret-word", "Basic")])
def test_whoever_does_not_know_the_word_is_refused(token: str, scheme: str) -> None:
    """Whatever is asked."""
    for method, path in (("PUT", "/_matrix/app/v1/transactions/1"), ("POST", "/_matrix/app/v1/ping")):
        assert judged(method, path, token, scheme).kind == "reject"


def test_every_event_of_a_transaction_is_heard() -> None:
    """Of several rooms, with what is told of reading and the names that are among them."""
    ada = {"sender": "@ada:x", "origin_server_ts": 1_700_000_000_000, "event_id": "$1"}
    member = {
        **ada,
        "type": "m.room.member",
        "state_key": "@ada:x",
        "content": {"displayname": "Ada"},
        "room_id": "!1:x",
    }
    said = {**ada, "type": "m.room.message", "content": {"msgtype": "m.text", "body": "Hi"}}
    receipt = {"type": "m.receipt", "room_id": "!1:x", "content": {"$1": {"m.read": {"@ada:x": {"ts": 1}}}}}
    body = {"events": [member, {**said, "room_id": "!1:x"}, {**said, "room_id": "!2:x"}], "ephemeral": [receipt]}

    first, second, mark = connect(Matrix, for_app=True).parse(a_hook(json.dumps(body), account="@us:x"))

    assert isinstance(first, sdk.Message)
    assert isinstance(second, sdk.Message)
    assert isinstance(mark, sdk.Mark)
    assert (first.conversation_id, second.conversation_id, mark.conversation_id) == ("!1:x", "!2:x", "!1:x")
    assert (first.author and first.author.name, second.author and second.author.name) == ("Ada", "")


def test_an_event_without_its_room_has_the_rooms_looked_at() -> None:
    """No homeserver should send it; the others of its transaction are heard."""
    said = {"type": "m.sticker", "sender": "@ada:x", "origin_server_ts": 1, "event_id": "$1", "content": {}}
    body = json.dumps({"events": [said, {**said, "room_id": "!1:x"}]})
    ping, message = connect(Matrix, for_app=True).parse(a_hook(body, account="@us:x"))

    assert ping == sdk.Ping(stream="rooms")
    assert isinstance(message, sdk.Message)


@pytest.fixture
def service(user: Callable[..., Matrix]) -> Matrix:
    """A connector for the user of an application service."""
    return user(is_application_service=True)


async def test_an_invitation_is_accepted_by_looking(server: Homeserver, service: Matrix) -> None:
    """A transaction can only ask for it."""
    server.world.create(ELSEWHERE, user("ada"))
    server.hooks()
    server.world.member(ELSEWHERE, US, "invite", by=user("ada"))
    (ping,) = connect(Matrix, for_app=True).parse(server.hooks()[0])

    assert ping == sdk.Ping(stream="rooms", external_id=f"{ELSEWHERE}/join")
    assert await service.fetch(ping) == []
    assert server.world.rooms[ELSEWHERE].members[US] == "join"


async def test_an_invitation_waits_where_the_settings_say_so(server: Homeserver, user: Callable[..., Matrix]) -> None:
    """Nothing is joined."""
    server.world.create(ELSEWHERE)
    server.world.member(ELSEWHERE, US, "invite", by="@ada:matrix.example")
    ping = sdk.Ping(stream="rooms", external_id=f"{ELSEWHERE}/join")

    assert await user(is_application_service=True, accept_invites=False).fetch(ping) == []
    assert server.world.rooms[ELSEWHERE].members[US] == "invite"


async def test_calls_say_as_whom_they_speak(service: Matrix, us: Matrix, asked: list[Exchange]) -> None:
    """Only those of an application service."""
    await service.check()
    await us.check()

    assert [httpx.URL(each.url).params.get("user_id") for each in asked] == [US, None]


def bodies(pages: list[sdk.Page]) -> list[str]:
    """Return what was said."""
    return [event.body for page in pages for event in page.events if isinstance(event, sdk.Message)]


async def test_rooms_are_read_backwards_at_first_and_then_on(server: Homeserver, service: Matrix) -> None:
    """Resumed at any page; a room that is new is read from its end."""
    assert [(stream.name, stream.live) for stream in service.streams()] == [("rooms", False)]
    server.page_size(2)
    said = [f"note {number}" for number in range(7)]
    for body in said:
        await server.say(body)
    pages = await pulled(service.pull("rooms", None, None))
    assert sorted(bodies(pages)) == said
    for last in range(1, len(pages)):
        rest = await pulled(service.pull("rooms", pages[last - 1].cursor, None))
        assert sorted({*bodies(pages[:last]), *bodies(rest)}) == said

    server.world.create(ELSEWHERE, US)
    await server.say("there", room=ELSEWHERE)
    for body in ("eight", "nine", "ten"):
        await server.say(body)
    more = await pulled(service.pull("rooms", pages[-1].cursor, None))
    assert sorted(bodies(more)) == ["eight", "nine", "ten", "there"]
    assert bodies(await pulled(service.pull("rooms", more[-1].cursor, None))) == []


async def test_old_rooms_are_read_no_further_than_wanted(server: Homeserver, service: Matrix) -> None:
    """An import begins where it is told to."""
    await server.say("old")
    server.clock.pass_(hours=1)
    at = server.clock()
    await server.say("new")

    assert bodies(await pulled(service.pull("rooms", None, at))) == ["new"]


async def test_without_rooms_there_is_nothing(server: Homeserver, service: Matrix) -> None:
    """And that is said."""
    server.world.rooms[LOBBY].members[US] = "leave"
    (page,) = await pulled(service.pull("rooms", None, None))
    assert (page.events, page.done) == ((), True)


async def test_a_room_that_may_not_be_read_holds_up_nothing(server: Homeserver, service: Matrix) -> None:
    """It is passed over."""
    await server.say("Hello")
    cursor: dict[str, Any] = {"rooms": {}, "left": {ELSEWHERE: {"dir": "b"}, LOBBY: {"dir": "b"}}}
    assert bodies(await pulled(service.pull("rooms", cursor, None))) == ["Hello"]
