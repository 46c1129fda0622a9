"""The Bluesky connector against a real server of accounts and its AppView: reading, answering, posting."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chorally_bluesky import records
from chorally_bluesky.config import AccountSettings
from chorally_bluesky.names import key_of
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.oauth import Live
from chorally_sdk.text import length
from tests.real.bluesky_network import Network, a_key, a_picture, network, prepared

pytestmark = pytest.mark.real
net = pytest.fixture(network)

_COUNT = iter(range(1, 10**6))


@pytest.fixture
async def grant(net: Network) -> sdk.Grant:
    """A session of alice's."""
    return await net.session()


def outgoing(body: str, *, to: str = "", **fields: Any) -> sdk.OutboundMessage:
    """Return an answer that is about to be sent, with a reference that was never used."""
    reference = f"{datetime.now(UTC).timestamp()} {next(_COUNT)}"
    given = {"id": "1", "client_ref": reference, "channel": "bluesky_reply", "body": body, "in_reply_to": to, **fields}
    return sdk.OutboundMessage.model_validate(given)


def publication(body: str, **fields: Any) -> sdk.Publication:
    """Return a post that is about to be made."""
    reference = f"{datetime.now(UTC).timestamp()} {next(_COUNT)}"
    given = {"id": "1", "client_ref": reference, "channel": "bluesky_post", "body": body, **fields}
    return sdk.Publication.model_validate(given)


def message_of(events: list[sdk.Event], uri: str) -> sdk.Message:
    """Return the message of a post."""
    return next(event for event in events if isinstance(event, sdk.Message) and event.external_id == uri)


async def test_handle_and_app_password_become_a_session_at_the_first_call(net: Network) -> None:
    """As a host does it: the call finds that there is no session, the grant is renewed, the call is made again."""
    renewing = net.renewing(net.typed)
    await renewing.put("alice", net.typed)
    connector = net.connect(net.typed)
    connector.http._grants = Live(renewing, "alice")
    info = await connector.check()
    assert (info.external_id, info.name) == (net.alice.did, net.alice.handle)
    kept = await renewing.kept("alice")
    assert kept is not None
    assert kept.grant is not None
    assert kept.grant.base_url == net.url
    assert kept.grant.expires_at is not None
    assert kept.grant.expires_at > datetime.now(UTC) + timedelta(minutes=30)


async def test_a_session_is_renewed_and_its_tokens_rotate(net: Network, grant: sdk.Grant) -> None:
    """The new pair opens the account; a wrong refresh token falls back on the password, and without it is refused."""
    renewed = await net.connect(grant).renew(grant)
    assert renewed.refresh != grant.refresh
    assert (await net.connect(renewed).check()).external_id == net.alice.did
    wrong = renewed.model_copy(update={"refresh": SecretStr("wrong.refresh.token")})
    assert (await net.connect(await net.connect(wrong).renew(wrong)).check()).external_id == net.alice.did
    bare = wrong.model_copy(update={"keep": {}})
    with pytest.raises(sdk.Reauthorize):
        await net.connect(bare).renew(bare)
    with pytest.raises(sdk.Reauthorize):
        await net.connect(wrong.model_copy(update={"access": SecretStr("a.b.c")})).check()


async def test_a_wrong_password_asks_a_person_and_is_not_told(net: Network) -> None:
    """The server's refusal names neither."""
    typed = sdk.Grant(access=SecretStr(f"{net.alice.handle}:wr0ng-pass-word"))
    with pytest.raises(sdk.Reauthorize) as refusal:
        await net.connect(typed).renew(typed)
    assert "wr0ng" not in str(refusal.value)


async def test_a_reply_comes_by_notification_and_with_its_thread_as_the_same(net: Network, grant: sdk.Grant) -> None:
    """One id, one content, whichever way it is read; a look at it alone brings it too."""
    post = await net.alice.post("We are open")
    await net.alice.sees(post["uri"])
    reply = await net.bob.post("Until when? \N{CAT FACE WITH TEARS OF JOY}", parent=post)
    await net.alice.notified(reply["uri"])
    told = message_of(await net.events("notifications", grant), reply["uri"])
    read = message_of(await net.events("threads", grant), reply["uri"])
    [fetched] = await net.connect(grant).fetch(sdk.Ping(stream="threads", external_id=reply["uri"]))
    assert told == read == fetched
    assert (told.conversation_id, told.parent_id, told.kind, told.ours) == (post["uri"], post["uri"], "reply", False)
    assert told.author is not None
    assert (told.author.external_id, told.author.handle) == (net.bob.did, net.bob.handle)
    assert abs(told.sent_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_reply_that_never_brings_a_notification_is_read_from_its_thread(net: Network, grant: sdk.Grant) -> None:
    """It was made before the AppView knew the post that it answers: nobody is ever notified of it."""
    key = a_key()
    early = {"uri": f"at://{net.alice.did}/app.bsky.feed.post/{key}", "cid": (await net.alice.post("other"))["cid"]}
    reply = await net.bob.post("I was first", parent=early)
    await net.bob.sees(reply["uri"])
    await net.alice.post("We are open", key=key)
    await net.alice.sees(early["uri"])
    later = await net.bob.post("I was second", parent=early)
    await net.alice.notified(later["uri"])
    assert reply["uri"] not in await net.alice.notifications()
    assert message_of(await net.events("threads", grant), reply["uri"]).body == "I was first"


async def test_mentions_and_quotes_come_and_old_ones_do_not(net: Network, grant: sdk.Grant) -> None:
    """By notification, each of its kind; nothing older than wanted."""
    post = await net.alice.post("News")
    await net.alice.sees(post["uri"])
    facet = {
        "index": {"byteStart": 3, "byteEnd": 14},
        "features": [{"$type": "app.bsky.richtext.facet#mention", "did": net.alice.did}],
    }
    mention = await net.bob.post("hi @alice.test", facets=[facet])
    quote = await net.bob.post("look", embed={"$type": "app.bsky.embed.record", "record": post})
    await net.alice.notified(mention["uri"])
    await net.alice.notified(quote["uri"])
    events = await net.events("notifications", grant)
    assert [message_of(events, each["uri"]).kind for each in (mention, quote)] == ["mention", "quote"]
    assert message_of(events, quote["uri"]).extra["quotes"] == post["uri"]
    assert await net.events("notifications", grant, datetime.now(UTC) + timedelta(minutes=1)) == []


async def test_an_answer_is_made_once_however_often_it_is_sent(net: Network, grant: sdk.Grant) -> None:
    """Under a key of ours: the same call again is the same record; it is found, and deleted, and then it is not."""
    asked = await net.bob.post("Are you open?")
    await net.alice.sees(asked["uri"])
    connector = net.connect(grant)
    text = "Ciao @bob.test \N{CAT FACE WITH TEARS OF JOY}: https://example.com/a?b=1, #orari"
    ready = await prepared(connector, outgoing(text, to=asked["uri"]))
    assert await connector.find(ready) is None
    with sdk.visible_call():
        first = await connector.push(ready)
        assert await connector.push(ready) == first
    assert await connector.find(ready) == first
    assert (first.external_id or "").endswith(key_of(ready.client_ref))
    shown = await net.bob.sees(first.external_id or "")
    assert (shown["record"]["text"], shown["record"]["reply"]["parent"]["uri"]) == (text, asked["uri"])
    raw = text.encode()
    marked = {
        raw[f["index"]["byteStart"] : f["index"]["byteEnd"]].decode(): f["features"][0]
        for f in shown["record"]["facets"]
    }
    assert list(marked) == ["@bob.test", "https://example.com/a?b=1", "#orari"]
    assert marked["@bob.test"]["did"] == net.bob.did
    await net.bob.notified(first.external_id or "")
    for _ in range(2):
        await connector.moderate(
            sdk.Action(verb="delete", external_id=first.external_id or "", channel="bluesky_reply")
        )
    assert await connector.find(ready) is None
    await net.bob.sees(first.external_id or "", is_there=False)


async def test_a_draft_that_was_lost_makes_no_second_answer(net: Network, grant: sdk.Grant) -> None:
    """Drafted anew it has another time: the server refuses to write over the first, whose receipt is given."""
    asked = await net.bob.post("Are you open?")
    await net.alice.sees(asked["uri"])
    connector, message = net.connect(grant), outgoing("Yes", to=asked["uri"])
    first = await connector.push(await prepared(connector, message))
    again = await prepared(connector, message)
    assert await connector.push(again) == first
    other = again.model_copy(update={"body": "No", "prepared": {"record": {**again.prepared["record"], "text": "No"}}})
    with pytest.raises(sdk.Rejected, match="another post"):
        await connector.push(other)


async def test_a_post_with_a_picture_and_a_quote_is_shown_with_both(net: Network, grant: sdk.Grant) -> None:
    """Streamed up, described, in its shape; who reads it can download the picture."""
    quoted = await net.bob.post("They are great")
    await net.alice.sees(quoted["uri"])
    picture = a_picture(40, 20)

    async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
        for at in range(0, len(picture), 16):
            yield picture[at : at + 16]

    connector = net.connect(grant, media=media)
    attachment = sdk.Attachment(kind="image", media_type="image/png", external_id="m1", size_bytes=len(picture))
    options = {"alts": ["A red shop"], "langs": ["it"], "quote": quoted["uri"], "labels": ["graphic-media"]}
    ready = await prepared(connector, publication("Thank you", attachments=(attachment,), options=options))
    with sdk.visible_call():
        receipt = await connector.publish(ready)
    shown = await net.bob.sees(receipt.external_id or "")
    [image] = shown["embed"]["media"]["images"]
    assert (image["alt"], image["aspectRatio"]) == ("A red shop", {"width": 40, "height": 20})
    assert shown["embed"]["record"]["record"]["uri"] == quoted["uri"]
    [message] = await connector.fetch(sdk.Ping(stream="threads", external_id=receipt.external_id))
    assert isinstance(message, sdk.Message)
    [file] = message.attachments
    assert (file.media_type, file.name, file.size_bytes) == ("image/png", "A red shop", len(picture))
    assert b"".join([piece async for piece in connector.download(file)]) == picture
    assert message.extra["labels"] == ["graphic-media"]


async def test_a_thread_is_shown_in_its_order(net: Network, grant: sdk.Grant) -> None:
    """Each under the one before; the same call again adds nothing."""
    connector = net.connect(grant)
    ready = await prepared(connector, publication("One", options={"thread": ["Two", "Three"]}))
    assert await connector.find(ready) is None
    receipt = await connector.publish(ready)
    assert receipt == await connector.publish(ready) == await connector.find(ready)
    last = records.places_of(net.alice.did, ready)[-1].uri
    await net.bob.sees(last)
    asked = {"uri": receipt.external_id, "depth": 10}
    node = (await net.bob.call("GET", "app.bsky.feed.getPostThread", params=asked))["thread"]
    shown = [node["post"]["record"]["text"]]
    while node.get("replies"):
        [node] = node["replies"]
        shown.append(node["post"]["record"]["text"])
    assert shown == ["One", "Two", "Three"]


async def test_a_link_is_shown_as_a_card_with_its_picture(net: Network, grant: sdk.Grant) -> None:
    """The attachment is the card's."""
    picture = a_picture()

    async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
        yield picture

    connector = net.connect(grant, media=media)
    card = {"uri": "https://example.com/orari", "title": "Opening hours", "description": "All of them"}
    attachment = sdk.Attachment(kind="image", media_type="image/png")
    ready = await prepared(connector, publication("Hours", attachments=(attachment,), options={"card": card}))
    receipt = await connector.publish(ready)
    shown = await net.bob.sees(receipt.external_id or "")
    external = shown["embed"]["external"]
    assert (external["uri"], external["title"], external["description"]) == tuple(card.values())
    assert external["thumb"]


async def test_a_text_of_three_hundred_letters_is_taken_and_a_longer_one_not(net: Network, grant: sdk.Grant) -> None:
    """Letters as people see them, of nine bytes each; the server counts as the manifest says."""
    connector = net.connect(grant)
    letter = "e\N{COMBINING ACUTE ACCENT}\N{COMBINING DIAERESIS}\N{COMBINING CEDILLA}"
    longest = letter * 300
    limits = connector.manifest.channel("bluesky_post").actions["publish"]
    assert (length(longest, limits.unit), limits.max_text) == (300, 300)
    receipt = await connector.publish(await prepared(connector, publication(longest)))
    assert receipt.external_id
    with pytest.raises(sdk.Rejected, match="301 letters"):
        await connector.prepare(publication("x" * 301))
    ready = await prepared(connector, publication("x"))
    long = {"record": {**ready.prepared["record"], "text": "x" * 301}}
    with pytest.raises(sdk.Rejected, match="grapheme"):
        await connector.publish(ready.model_copy(update={"prepared": long}))


async def test_an_answer_to_what_is_gone_is_refused(net: Network, grant: sdk.Grant) -> None:
    """A server would take it, and nobody would see it."""
    asked = await net.bob.post("Never mind")
    await net.alice.sees(asked["uri"])
    await net.bob.delete(asked["uri"])
    await net.alice.sees(asked["uri"], is_there=False)
    connector = net.connect(grant)
    with pytest.raises(sdk.Rejected) as refusal:
        await connector.prepare(outgoing("Yes", to=asked["uri"]))
    assert refusal.value.reason is sdk.Reason.GONE
    with pytest.raises(sdk.Rejected) as gone:
        await connector.fetch(sdk.Ping(stream="threads", external_id=asked["uri"]))
    assert gone.value.reason is sdk.Reason.GONE


async def test_replies_are_hidden_shown_and_liked(net: Network, grant: sdk.Grant) -> None:
    """In a thread of ours by its gate, which keeps what else it says; elsewhere hiding is refused."""
    post = await net.alice.post("News")
    await net.alice.sees(post["uri"])
    reply = await net.bob.post("Boo", parent=post)
    await net.alice.sees(reply["uri"])
    connector = net.connect(grant)

    async def hidden() -> list[str]:
        asked = {
            "repo": net.alice.did,
            "collection": "app.bsky.feed.threadgate",
            "rkey": post["uri"].rpartition("/")[2],
        }
        gate = await net.alice.call("GET", "com.atproto.repo.getRecord", params=asked)
        return list(gate["value"]["hiddenReplies"])

    for verb, wanted in (("hide", [reply["uri"]]), ("unhide", [])):
        for _ in range(2):
            action = {"verb": verb, "external_id": reply["uri"], "channel": "bluesky_reply"}
            await connector.moderate(sdk.Action.model_validate(action))
        assert await hidden() == wanted
    for _ in range(2):
        await connector.moderate(sdk.Action(verb="like", external_id=reply["uri"], channel="bluesky_reply"))
    likes = await net.alice.call(
        "GET", "com.atproto.repo.listRecords", params={"repo": net.alice.did, "collection": "app.bsky.feed.like"}
    )
    assert [each["value"]["subject"]["uri"] for each in likes["records"]].count(reply["uri"]) == 1
    elsewhere = await net.bob.post("My own thread")
    await net.alice.sees(elsewhere["uri"])
    with pytest.raises(sdk.Rejected) as refusal:
        await connector.moderate(sdk.Action(verb="hide", external_id=elsewhere["uri"], channel="bluesky_reply"))
    assert refusal.value.reason is sdk.Reason.PERMISSION
    with pytest.raises(sdk.Rejected):
        await connector.moderate(sdk.Action(verb="delete", external_id=elsewhere["uri"], channel="bluesky_reply"))


async def test_what_was_read_counts_as_seen_only_if_that_is_wanted(net: Network, grant: sdk.Grant) -> None:
    """The next walk says so, of what was stored."""
    post = await net.alice.post("News")
    await net.alice.sees(post["uri"])
    reply = await net.bob.post("Seen?", parent=post)
    await net.alice.notified(reply["uri"])

    async def unread() -> int:
        return int((await net.alice.call("GET", "app.bsky.notification.getUnreadCount"))["count"])

    before = await unread()
    assert before > 0
    for is_wanted in (False, True):
        connector = net.connect(grant, settings=AccountSettings(mark_seen=is_wanted))
        cursor: sdk.Cursor | None = None
        for _ in range(2):
            async for page in connector.pull("notifications", cursor, None):
                cursor = page.cursor
        assert await unread() == (0 if is_wanted else before)
