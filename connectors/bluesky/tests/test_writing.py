"""What goes out: refused before anything is asked, made once, with all that belongs to it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from chorally_bluesky import Bluesky
from chorally_bluesky.names import key_of, place, uri_of
from chorally_bluesky.pictures import shape_of
from chorally_bluesky.sandbox import Network
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk

PICTURE = sdk.Attachment(kind="image", media_type="image/png", name="A map")
CARD = {"uri": "https://example.com/", "title": "Hours"}


def no_network(request: httpx.Request) -> httpx.Response:
    """Nothing may be asked."""
    raise AssertionError(f"asked {request.url}")


async def test_what_is_refused_shows_nothing_of_the_text(connects: Any, a_post: Any) -> None:
    """Errors are written to logs."""
    for fields in ({"body": "secret" * 90}, {"body": "x", "options": {"thread": ["secret" * 90]}}):
        with pytest.raises(sdk.Rejected) as caught:
            await connects(platform=no_network).prepare(a_post(**fields))
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"body": "e\N{COMBINING ACUTE ACCENT}" * 300 + "\N{COMBINING DIAERESIS}" * 1200}, "3000"),
        ({"body": "x" * 301}, "300"),
        ({"options": {"thread": ["fine", "x" * 301]}}, "300"),
        ({"options": {"thread": ["fine", " "]}}, "no text"),
        ({"options": {"thread": ["x"] * 25}}, "options.thread"),
        ({"body": "  "}, "nothing to post"),
        ({"attachments": (PICTURE,) * 5}, "4 pictures"),
        ({"attachments": (PICTURE,) * 2, "options": {"card": CARD}}, "1 pictures beside a card"),
        ({"options": {"alts": ["a"]}}, "more descriptions"),
        ({"options": {"color": "red"}}, "options.color"),
        ({"options": {"card": {"uri": "javascript:x", "title": "t"}}}, "options.card.uri"),
        ({"options": {"langs": ["a", "b", "c", "d"]}}, "options.langs"),
        ({"options": {"quote": "https://example.com/1"}}, "at://"),
        ({"in_reply_to": None}, "say which"),
        ({"in_reply_to": "123"}, "at://"),
    ],
)
async def test_what_bluesky_would_not_take_is_refused_before_anything_is_asked(
    connects: Any, an_answer: Any, fields: dict[str, Any], why: str
) -> None:
    """The agent reads why."""
    message = an_answer(**{"body": "Hi", "in_reply_to": "at://did:plc:x/app.bsky.feed.post/3k", **fields})
    with pytest.raises(sdk.Rejected, match=why):
        await connects(platform=no_network).prepare(message)


async def test_a_file_that_is_no_picture_or_too_large_is_refused(
    connects: Any, network: Network, a_post: Any, prepared: Any
) -> None:
    """By what is said of it, else while it is read; a card's picture may be half as large."""

    async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
        for letter in (b"x",) * 15:
            yield letter * 100_000

    bluesky = connects(media=media)
    video = sdk.Attachment(kind="video", media_type="video/mp4", name="film.mp4")
    with pytest.raises(sdk.Rejected, match=r"film\.mp4 is video/mp4"):
        await prepared(bluesky, a_post("News", attachments=(video,)))
    large = PICTURE.model_copy(update={"size_bytes": 2_000_001})
    with pytest.raises(sdk.Rejected, match="2,000,000"):
        await prepared(bluesky, a_post("News", attachments=(large,)))
    with pytest.raises(sdk.Rejected, match="1,000,000"):
        await prepared(bluesky, a_post("News", attachments=(PICTURE,), options={"card": CARD}))
    await prepared(bluesky, a_post("News", attachments=(PICTURE,)))


async def test_pictures_go_up_one_at_a_step(connects: Any, network: Network, a_post: Any) -> None:
    """Killed in between, those that are up stay up; nothing is seen meanwhile."""

    async def media(attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        yield (attachment.external_id or "").encode()

    bluesky = connects(media=media)
    files = tuple(PICTURE.model_copy(update={"external_id": f"file {number}"}) for number in range(3))
    post = a_post("News", attachments=files, options={"alts": ["one"]})
    steps: list[sdk.Prepared] = []
    while not steps or not steps[-1].ready:
        steps.append(await bluesky.prepare(post))
        post = post.model_copy(update={"prepared": steps[-1].state})
    images = post.prepared["record"]["embed"]["images"]
    assert [len(step.state.get("uploads", ())) for step in steps] == [0, 1, 2, 0]
    assert [image["alt"] for image in images] == ["one", "A map", "A map"]
    assert network.made() == []
    assert (await bluesky.prepare(post)).state == post.prepared


async def test_an_answer_names_its_parent_and_the_root_of_the_thread(
    network: Network, bluesky: Bluesky, an_answer: Any, prepared: Any
) -> None:
    """Both with the content that they have."""
    first = await network.say("Open?")
    second = await network.say("And on Sunday?", parent=first)
    receipt = await bluesky.push(await prepared(bluesky, an_answer("No", second)))
    record = network.world.records[receipt.external_id or ""].value
    assert record["reply"] == {
        "root": network.news.reference(), "parent": network.world.records[second].reference(),
    }  # fmt: skip
    assert receipt.conversation_id == network.news.uri
    assert (
        receipt.url == f"https://bsky.app/profile/{network.did}/post/{(receipt.external_id or '').rpartition('/')[2]}"
    )


async def test_a_conversation_alone_is_answered_at_its_root(
    network: Network, bluesky: Bluesky, an_answer: Any, prepared: Any
) -> None:
    """Where nothing is named that is answered."""
    receipt = await bluesky.push(await prepared(bluesky, an_answer("More", conversation_id=network.news.uri)))
    assert network.world.records[receipt.external_id or ""].refers("parent") == network.news.uri


async def test_a_lost_draft_makes_no_second_post_and_writes_over_nothing(
    network: Network, bluesky: Bluesky, a_post: Any, prepared: Any
) -> None:
    """Drafted anew it has another time; the first is found under the same key."""
    post = a_post("News")
    first = await bluesky.publish(await prepared(bluesky, post))
    network.clock.pass_(minutes=1)
    again = await prepared(bluesky, post)
    assert await bluesky.publish(again) == first
    other = {**again.prepared["record"], "text": "Other news"}
    with pytest.raises(sdk.Rejected, match="another post"):
        await bluesky.publish(again.model_copy(update={"body": "Other news", "prepared": {"record": other}}))
    assert [made.body for made in network.made()] == ["News"]


async def test_a_thread_is_posted_in_order_and_made_whole_by_the_same_call(
    network: Network, connects: Any, a_post: Any, prepared: Any
) -> None:
    """Cut off after any of its posts, it is not found; the same call makes what lacks, and nothing twice."""
    inner = network.transport()
    network.world.account("ada")
    texts = ["two #tag", "three @ada.test"]

    class Dying(httpx.AsyncBaseTransport):
        def __init__(self, left: int) -> None:
            self.left = left

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("putRecord"):
                self.left -= 1
                if self.left < 0:
                    raise httpx.ReadError("killed", request=request)
            return await inner.handle_async_request(request)

    ready = await prepared(connects(), a_post("one", options={"thread": texts, "langs": ["en"]}))
    for left in (0, 1, 2):
        with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown):
            await connects(platform=Dying(left)).publish(ready)
        assert await connects().find(ready) is None
        assert [made.body for made in network.made()] == ["one", *texts][:left]
    receipt = await connects().publish(ready)
    assert receipt == await connects().publish(ready) == await connects().find(ready)
    one, two, three = network.made()
    assert [made.body for made in (one, two, three)] == ["one", *texts]
    assert (receipt.external_id, two.target, three.target) == (one.external_id, one.external_id, two.external_id)
    records = [network.world.records[made.external_id].value for made in (one, two, three)]
    assert [record.get("reply", {}).get("root", {}).get("uri") for record in records] == [None, *[one.external_id] * 2]
    assert sorted({record["createdAt"] for record in records}) == [record["createdAt"] for record in records]
    assert [len(record.get("facets", ())) for record in records] == [0, 1, 1]


async def test_nothing_is_posted_that_was_not_prepared(bluesky: Bluesky, a_post: Any) -> None:
    """There would be no record to repeat."""
    with pytest.raises(sdk.Rejected, match="prepare"):
        await bluesky.publish(a_post("News"))


async def test_a_quote_beside_pictures_is_shown_with_them(
    connects: Any, network: Network, a_post: Any, prepared: Any
) -> None:
    """And a quote may be given by the address of its page."""

    async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
        yield b"GIF89a\x20\x00\x10\x00"

    bluesky = connects(media=media)
    page = network.news.uri.replace("at://", "https://bsky.app/profile/").replace("app.bsky.feed.post", "post")
    ready = await prepared(bluesky, a_post("Look", attachments=(PICTURE,), options={"quote": page}))
    embed = ready.prepared["record"]["embed"]
    assert embed["$type"] == "app.bsky.embed.recordWithMedia"
    assert embed["record"]["record"] == network.news.reference()
    assert embed["media"]["images"][0]["aspectRatio"] == {"width": 32, "height": 16}
    with pytest.raises(sdk.Rejected, match="quoted was deleted"):
        await bluesky.prepare(a_post("Look", options={"quote": network.news.uri + "x"}))


@pytest.mark.parametrize("head", [b"", b"\x89PNG", b"\xff\xd8\xff\xe0\0\x10JF", b"RIFF....WEBPVP8 ", b"x" * 99])
def test_a_picture_that_does_not_tell_its_shape_has_none(head: bytes) -> None:
    """Cut off, or of a kind that nobody knows."""
    assert shape_of(head) is None


class TestModeration:
    """Of what is there."""

    async def test_a_gate_keeps_its_other_rules(self, network: Network, bluesky: Bluesky) -> None:
        """Who may answer is nobody's affair here."""
        reply = await network.say("Boo")
        gate = network.news.uri.replace("feed.post", "feed.threadgate")
        rules = {"$type": "app.bsky.feed.threadgate", "post": network.news.uri, "createdAt": "2026-11-23T09:00:00Z"}
        network.world.put(gate, {**rules, "allow": [], "hiddenReplies": ["at://did:plc:x/app.bsky.feed.post/3k"]})
        action = {"external_id": reply, "channel": "bluesky_reply"}
        await bluesky.moderate(sdk.Action.model_validate({"verb": "hide", **action}))
        hidden = network.world.records[gate].value
        assert (hidden["allow"], len(hidden["hiddenReplies"])) == ([], 2)
        await bluesky.moderate(sdk.Action.model_validate({"verb": "unhide", **action}))
        assert network.world.records[gate].value["hiddenReplies"] == ["at://did:plc:x/app.bsky.feed.post/3k"]

    async def test_a_gate_that_changed_meanwhile_is_read_again_later(self, network: Network, connects: Any) -> None:
        """Nobody's change is written over."""
        reply, inner = await network.say("Boo"), network.transport()

        class Busy(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                if request.url.path.endswith("putRecord"):
                    network.world.put(network.news.uri.replace("feed.post", "feed.threadgate"), {"hiddenReplies": []})
                return await inner.handle_async_request(request)

        with pytest.raises(sdk.RetryLater, match="meanwhile"):
            await connects(platform=Busy()).moderate(
                sdk.Action(verb="hide", external_id=reply, channel="bluesky_reply")
            )

    async def test_a_full_gate_is_told(self, network: Network, bluesky: Bluesky) -> None:
        """Three hundred, and no more."""
        reply = await network.say("Boo")
        gate = network.news.uri.replace("feed.post", "feed.threadgate")
        network.world.put(gate, {"hiddenReplies": [f"at://did:plc:x/app.bsky.feed.post/{n}" for n in range(300)]})
        with pytest.raises(sdk.Rejected, match="300"):
            await bluesky.moderate(sdk.Action(verb="hide", external_id=reply, channel="bluesky_reply"))

    async def test_in_anothers_thread_nothing_is_hidden(self, network: Network, bluesky: Bluesky) -> None:
        """Only who began it can; nor can their posts be deleted, or anything be edited."""
        theirs = network.world.post(network.world.account("bob"), "Mine").uri
        for verb in ("hide", "unhide", "delete"):
            with pytest.raises(sdk.Rejected) as refusal:
                await bluesky.moderate(
                    sdk.Action.model_validate({"verb": verb, "external_id": theirs, "channel": "bluesky_reply"})
                )
            assert refusal.value.reason is sdk.Reason.PERMISSION
        with pytest.raises(sdk.Rejected, match="edited"):
            await bluesky.moderate(sdk.Action(verb="edit", external_id=theirs, channel="bluesky_reply", body="x"))

    async def test_a_like_is_one_however_often(self, network: Network, bluesky: Bluesky) -> None:
        """Also where the AppView does not know of the first yet."""
        reply = await network.say("Nice")
        like = sdk.Action(verb="like", external_id=reply, channel="bluesky_reply")
        await bluesky.moderate(like)
        [first] = [uri for uri in network.world.records if "feed.like" in uri]
        network.world.like_of = lambda did, uri: None  # type: ignore[method-assign]
        await bluesky.moderate(like)
        assert [uri for uri in network.world.records if "feed.like" in uri] == [first]
        assert network.world.records[first].value["subject"] == network.world.records[reply].reference()

    async def test_what_was_liked_elsewhere_is_liked(self, network: Network, bluesky: Bluesky) -> None:
        """Under another key; a second like is not added."""
        reply = await network.say("Nice")
        theirs = f"at://{network.did}/app.bsky.feed.like/3k4duaz5vfs2b"
        network.world.put(theirs, {"subject": network.world.records[reply].reference()})
        await bluesky.moderate(sdk.Action(verb="like", external_id=reply, channel="bluesky_reply"))
        assert [uri for uri in network.world.records if "feed.like" in uri] == [theirs]


@given(st.text())
def test_a_reference_always_becomes_the_same_key(reference: str) -> None:
    """Thirteen letters of a TID, of a time that is past."""
    key, letters = key_of(reference), "234567abcdefghijklmnopqrstuvwxyz"
    number = sum(letters.index(letter) << 5 * place for place, letter in enumerate(reversed(key)))
    assert len(key) == 13
    assert 2023 <= datetime.fromtimestamp((number >> 10) / 1_000_000, UTC).year <= 2025
    assert key == key_of(reference)


def test_references_become_keys_of_their_own() -> None:
    """A hundred thousand of them."""
    assert len({key_of(f"{number:032x}") for number in range(100_000)}) == 100_000


@pytest.mark.parametrize("odd", ["", "at://", "at://ada.test/app.bsky.feed.post/3k", "at://did:plc:x/a/../b", "x"])
def test_what_is_no_name_of_a_record_is_refused(odd: str) -> None:
    """A path is not made of it."""
    with pytest.raises(sdk.Rejected):
        place(odd)
    with pytest.raises(sdk.Rejected):
        uri_of(odd)
