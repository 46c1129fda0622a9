"""The Matrix connector against a real Synapse: our user by sync, a customer by the bare client API."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from chorally_matrix import Matrix
from chorally_matrix.sending import MAX_TEXT
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from tests.real import matrix_server
from tests.real.matrix_server import Person, Server, answer, caught_up, events_of, joined, messages_of, news, now

pytestmark = pytest.mark.real


@pytest.fixture
def server() -> Server:
    """Synapse."""
    return matrix_server.server()


@pytest.fixture
async def us(server: Server) -> Matrix:
    """Our user, signed in."""
    return await server.user()


@pytest.fixture
async def customer(server: Server) -> AsyncIterator[Person]:
    """A customer."""
    async with matrix_server.person(server) as signed_in:
        yield signed_in


async def test_a_password_gives_a_session_that_is_renewed(server: Server) -> None:
    """Each renewal gives other tokens, which work; the owner is named by one call."""
    first = await server.unbound().renew(None)
    second = await server.unbound().renew(first)

    assert first.expires_at is not None
    assert now() < first.expires_at < now() + timedelta(minutes=6)
    assert first.access != second.access
    assert second.refresh not in (None, first.refresh)
    ours = connect(Matrix, matrix_server.network(), base_url=server.url, grant=second)
    assert (await ours.check()).external_id == server.us


async def test_a_session_that_is_over_is_begun_again_by_the_password(server: Server) -> None:
    """Without the password a person is asked."""
    grant = await server.unbound().renew(None)
    lost = grant.model_copy(update={"refresh": SecretStr("syr_nobody_knows_it")})

    with pytest.raises(sdk.Reauthorize):
        await server.unbound(app_settings=None).renew(lost)
    assert (await server.unbound().renew(lost)).access != grant.access


async def test_a_wrong_password_is_the_operators_and_a_wrong_token_a_persons(server: Server) -> None:
    """The first is refused for want of permission, the second asks to connect again."""
    with pytest.raises(sdk.Rejected) as caught:
        await server.unbound(app_settings=server.app("wr0ng-word")).renew(None)
    assert caught.value.reason is sdk.Reason.PERMISSION
    wrong = sdk.Grant(access=SecretStr("syt_nobody_knows_it"))
    with pytest.raises(sdk.Reauthorize):
        await connect(Matrix, matrix_server.network(), base_url=server.url, grant=wrong).check()


async def test_an_invitation_is_accepted_and_what_was_said_before_comes(us: Matrix, customer: Person) -> None:
    """The customer writes before we are in the room; nothing of it is lost."""
    cursor = (await caught_up(us))[-1].cursor
    room = await customer.room(us.account.external_id, initial_state=[_readable()])
    event = await customer.say(room, "Anybody there?")

    invited = await caught_up(us, cursor)
    pages = await caught_up(us, invited[-1].cursor)

    assert await customer.member(room, us.account.external_id) == "join"
    (message,) = [m for m in messages_of(invited + pages) if m.conversation_id == room]
    assert (message.external_id, message.body) == (f"{room}/{event}", "Anybody there?")


async def test_an_invitation_waits_where_the_settings_say_so(server: Server, customer: Person) -> None:
    """Somebody accepts it by another client."""
    us = await server.user(accept_invites=False)
    cursor = (await caught_up(us))[-1].cursor
    room = await customer.room(server.us)
    await caught_up(us, cursor)

    assert await customer.member(room, server.us) == "invite"


def _readable() -> dict[str, Any]:
    return {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "shared"}}


async def test_what_is_said_is_told_while_the_sync_waits(us: Matrix, customer: Person) -> None:
    """At once, with the name of who said it."""
    room, cursor = await joined(us, customer)
    coming = asyncio.ensure_future(news(us, cursor))
    await asyncio.sleep(0)
    html = {"format": "org.matrix.custom.html", "formatted_body": "<b>Perché?</b>"}
    event = await customer.say(room, "Perché? \N{CAT FACE}", **html)

    (message,) = await coming
    assert isinstance(message, sdk.Message)
    assert (message.external_id, message.body) == (f"{room}/{event}", "Perché? \N{CAT FACE}")
    assert message.author is not None
    assert (message.author.external_id, message.author.name) == (customer.id, "bob")
    assert message.extra["html"] == "<b>Perché?</b>"
    assert abs(message.sent_at - now()) < timedelta(minutes=1)


async def test_every_kind_of_message_comes(us: Matrix, customer: Person) -> None:
    """Each under its kind; what a machine said is marked."""
    room, cursor = await joined(us, customer)
    for kind in ("m.text", "m.notice", "m.emote", "org.example.odd"):
        await customer.send(room, {"msgtype": kind, "body": f"a {kind}"})
    await customer.send(room, {"msgtype": "m.location", "body": "Here", "geo_uri": "geo:45.4,9.2"})
    await customer.send(room, {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"}, "m.room.encrypted")
    await customer.send(room, {"steps": 3}, "org.example.dance")

    found = messages_of(await caught_up(us, cursor))

    kinds = ["text", "notice", "emote", "org.example.odd", "location", "unreadable"]
    assert [message.kind for message in found] == kinds
    assert [message.automatic for message in found] == [False, True, False, False, False, False]
    assert found[4].extra["geo_uri"] == "geo:45.4,9.2"
    assert "cannot" in str(found[5].extra["note"]) or "not here" in str(found[5].extra["note"])


async def test_nothing_is_lost_however_much_was_said_meanwhile(us: Matrix, customer: Person) -> None:
    """A sync shows the last 50; the rest is read backwards, and resumed from any page."""
    room, cursor = await joined(us, customer)
    said = [f"{room}/{await customer.say(room, f'note {number}')}" for number in range(170)]

    pages = await caught_up(us, cursor)

    assert len(pages) > 2
    came = [message.external_id for message in messages_of(pages)]
    assert (sorted(came), len(came)) == (sorted(said), len(set(came)))
    for last in range(1, len(pages)):
        rest = await caught_up(us, pages[last - 1].cursor)
        before = [message.external_id for message in messages_of(pages[:last])]
        assert set(said) <= {*before, *(message.external_id for message in messages_of(rest))}


async def test_an_import_ends_where_it_is_told_to(us: Matrix, customer: Person) -> None:
    """What is older is passed over, all that is newer comes."""
    room, _ = await joined(us, customer)
    await customer.say(room, "old")
    await asyncio.sleep(1.1)
    at = now()
    said = {f"{room}/{await customer.say(room, f'new {number}')}" for number in range(5)}

    found = {m.external_id for m in messages_of(await caught_up(us, None, at)) if m.conversation_id == room}

    assert found == said


async def test_a_token_that_nobody_knows_begins_anew(us: Matrix, customer: Person) -> None:
    """As after a restore of the homeserver from a backup."""
    room, _ = await joined(us, customer)
    event = await customer.say(room, "Still here?")

    found = messages_of(await caught_up(us, {"since": "not-a-token"}, now() - timedelta(minutes=1)))

    assert f"{room}/{event}" in {message.external_id for message in found}


async def test_answers_threads_and_quotes_are_read(us: Matrix, customer: Person) -> None:
    """The quote that older clients put before an answer is left out; a thread is named."""
    room, cursor = await joined(us, customer)
    first = await customer.say(room, "Lamp broken")
    reply = {"m.relates_to": {"m.in_reply_to": {"event_id": first}}}
    await customer.say(room, "> <@bob:chorally.test> Lamp broken\n\nIt is blue", **reply)
    makeshift = {"m.in_reply_to": {"event_id": first}, "is_falling_back": True}
    await customer.say(
        room, "In a thread", **{"m.relates_to": {"rel_type": "m.thread", "event_id": first, **makeshift}}
    )

    _, answered, threaded = messages_of(await caught_up(us, cursor))

    assert (answered.body, answered.parent_id) == ("It is blue", f"{room}/{first}")
    assert (threaded.parent_id, threaded.route["thread"]) == (f"{room}/{first}", first)
    receipt = await us.push(answer(threaded, "Here too"))
    seen = await customer.seen(room, str(receipt.external_id).removeprefix(f"{room}/"))
    assert seen["content"]["m.relates_to"]["rel_type"] == "m.thread"


async def test_edits_redactions_reactions_and_receipts_are_read(us: Matrix, customer: Person) -> None:
    """An edit is the message again; the others are marks of it."""
    room, cursor = await joined(us, customer)
    first, second = await customer.say(room, "No. 17"), await customer.say(room, "Oops")
    cursor = (await caught_up(us, cursor))[-1].cursor
    receipt = await us.push(_first(room))
    ours = str(receipt.external_id).removeprefix(f"{room}/")
    await customer.edit(room, first, "No. 18")
    await customer.redact(room, second)
    relation = {"rel_type": "m.annotation", "event_id": ours, "key": "\N{THUMBS UP SIGN}"}
    await customer.send(room, {"m.relates_to": relation}, "m.reaction")
    await customer.call("POST", f"/rooms/{room}/receipt/m.read/{ours}")

    events = events_of(await caught_up(us, cursor))

    edited = next(e for e in events if isinstance(e, sdk.Message) and e.external_id == f"{room}/{first}")
    assert edited.body == "No. 18"
    assert edited.edited_at is not None
    assert edited.sent_at <= edited.edited_at
    marks = {(m.state, m.external_id) for m in events if isinstance(m, sdk.Mark)}
    assert {("deleted", f"{room}/{second}"), ("read", receipt.external_id), ("read", None)} <= marks


def _first(room: str, body: str = "Hello", **changes: Any) -> sdk.OutboundMessage:
    nobody = sdk.Message(external_id="none", channel="matrix_message", conversation_id=room, sent_at=now())
    return answer(nobody, body, in_reply_to=None, **changes)


async def test_the_same_call_again_makes_no_second_message(us: Matrix, customer: Person) -> None:
    """The answer is seen once, under what it answers; it comes back as ours, and is found by its reference."""
    room, cursor = await joined(us, customer)
    await customer.say(room, "Open?")
    (asked,) = messages_of(await caught_up(us, cursor))
    outgoing = answer(asked, "Until six.\nOn Sundays not.")

    assert await us.find(outgoing) is None
    first, second = await us.push(outgoing), await us.push(outgoing)

    assert first == second == await us.find(outgoing)
    seen = await customer.seen(room, str(first.external_id).removeprefix(f"{room}/"))
    assert seen["content"]["body"] == outgoing.body
    assert seen["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == asked.external_id.removeprefix(f"{room}/")
    assert seen["content"]["m.mentions"] == {"user_ids": [customer.id]}
    echoes = [m for m in messages_of(await caught_up(us, cursor)) if m.ours]
    assert [(m.external_id, m.client_ref) for m in echoes] == [(first.external_id, outgoing.client_ref)]


async def test_what_we_said_is_edited_liked_read_and_redacted(us: Matrix, customer: Person) -> None:
    """Each is done again without harm."""
    room, cursor = await joined(us, customer)
    await customer.say(room, "Open?")
    (asked,) = messages_of(await caught_up(us, cursor))
    receipt = await us.push(answer(asked))
    ours = str(receipt.external_id)

    for _ in range(2):
        await us.moderate(_action("edit", ours, body="Until seven."))
        await us.moderate(_action("like", asked.external_id))
        await us.moderate(_action("read", asked.external_id))
    again = [m for m in messages_of(await caught_up(us, cursor)) if m.external_id == ours]
    assert again[-1].body == "Until seven."
    for _ in range(2):
        await us.moderate(_action("delete", ours))
    assert (await customer.seen(room, ours.removeprefix(f"{room}/")))["content"] == {}
    gone = sdk.Ping(stream="sync", external_id=ours)
    with pytest.raises(sdk.Rejected) as caught:
        await us.fetch(gone)
    assert caught.value.reason is sdk.Reason.GONE


def _action(verb: Any, external_id: str, **more: Any) -> sdk.Action:
    return sdk.Action(verb=verb, external_id=external_id, channel="matrix_message", **more)


@pytest.mark.parametrize("size_bytes", [300_000, None], ids=["a size that is known", "a size that is not"])
async def test_files_go_out_and_come_back(us: Matrix, customer: Person, size_bytes: int | None) -> None:
    """Byte for byte, in pieces, with a caption."""
    room, cursor = await joined(us, customer)
    content = bytes(range(256)) * 1200
    size = size_bytes and len(content)
    file = sdk.Attachment(kind="image", media_type="image/png", name="lämp.png", size_bytes=size)
    sending = _with_files(us, content)
    outgoing = _first(room, "The lamp", attachments=(file,))

    outgoing = outgoing.model_copy(update={"prepared": dict((await sending.prepare(outgoing)).state)})
    await sending.push(outgoing)

    (message,) = messages_of(await caught_up(us, cursor))
    assert message.body == "The lamp"
    (came,) = message.attachments
    assert (came.kind, came.name, came.media_type, came.size_bytes) == (
        "image", "lämp.png", "image/png", len(content),
    )  # fmt: skip
    pieces = [piece async for piece in us.download(came)]
    assert len(pieces) > 1
    assert b"".join(pieces) == content
    lost = came.model_copy(update={"external_id": f"{came.external_id}x"})
    with pytest.raises(sdk.Rejected) as caught:
        _ = [piece async for piece in us.download(lost)]
    assert caught.value.reason is sdk.Reason.GONE


def _with_files(us: Matrix, content: bytes) -> Matrix:
    """The same user, on a host that keeps a file."""

    async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
        for at in range(0, len(content), 65_536):
            yield content[at : at + 65_536]

    return Matrix(us.app, us.http, us.account, now=now, media=media)


async def test_a_text_as_long_as_declared_is_taken_and_a_longer_one_refused(us: Matrix, customer: Person) -> None:
    """In bytes of UTF-8; what is refused is refused before it is sent."""
    room, cursor = await joined(us, customer)
    await customer.say(room, "Tell me everything")
    (asked,) = messages_of(await caught_up(us, cursor))
    for text in ("a" * MAX_TEXT, "\N{CAT FACE}" * (MAX_TEXT // 4)):
        receipt = await us.push(answer(asked, text))
        seen = await customer.seen(room, str(receipt.external_id).removeprefix(f"{room}/"))
        assert seen["content"]["body"] == text
    with pytest.raises(sdk.Rejected, match="shorten"):
        await us.push(answer(asked, "a" * 65_000))


async def test_an_encrypted_room_is_told_and_not_answered_in_clear(us: Matrix, customer: Person) -> None:
    """The agent learns that something was said, and why it cannot be read."""
    sealed = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    room = await customer.room(preset="public_chat", initial_state=[sealed])
    await us.http.post(f"/_matrix/client/v3/rooms/{room}/join", json={})
    cursor = (await caught_up(us))[-1].cursor
    await customer.send(room, {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x"}, "m.room.encrypted")

    (message,) = messages_of(await caught_up(us, cursor))

    assert (message.kind, message.body) == ("unreadable", "")
    with pytest.raises(sdk.Rejected, match="encrypted"):
        await us.push(answer(message))


async def test_a_room_that_we_were_put_out_of_is_told(us: Matrix, customer: Person) -> None:
    """What was said until then comes; nothing can be said there any more."""
    room, cursor = await joined(us, customer)
    event = await customer.say(room, "Goodbye")
    await customer.call("POST", f"/rooms/{room}/kick", {"user_id": us.account.external_id})

    events = events_of(await caught_up(us, cursor))

    assert [e.external_id for e in events if isinstance(e, sdk.Message)] == [f"{room}/{event}"]
    assert [(e.kind, e.external_id) for e in events if isinstance(e, sdk.Notice)] == [("subscription_lost", room)]
    with pytest.raises(sdk.Rejected) as caught:
        await us.push(_first(room))
    assert caught.value.reason is sdk.Reason.PERMISSION
