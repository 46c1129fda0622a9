"""Posts of the page and of its visitors: published, scheduled, found, changed, and told of."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_facebook import Facebook
from chorally_facebook.config import AccountSettings
from chorally_facebook.names import OF_COMMENTS, OF_MESSAGES, OF_POSTS
from chorally_facebook.sandbox import Sandbox
from chorally_facebook.sandbox.faults import Fault, Kind
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect, pulled

REF = "0123456789abcdef0123456789abcdef"


def a_post(facebook: Facebook, body: str = "News", **more: Any) -> sdk.Publication:
    """A post that is about to be made."""
    given = {"id": "1", "client_ref": REF, "channel": "facebook_post", "body": body, "tried_at": facebook.now()}
    return sdk.Publication.model_validate({**given, **more})


async def published(facebook: Facebook, post: sdk.Publication) -> tuple[sdk.Receipt, sdk.Publication]:
    """Make a post as a host does; returns what was sent as well."""
    for _ in range(12):
        step = await facebook.prepare(post)
        post = post.model_copy(update={"prepared": json.loads(json.dumps(dict(step.state)))})
        if step.ready:
            break
    with sdk.visible_call():
        return await facebook.publish(post), post


def files(count: int, kind: str = "image", size: int = 6) -> tuple[sdk.Attachment, ...]:
    """Files that go out."""
    given = {"kind": kind, "media_type": f"{kind}/x", "size_bytes": size}
    return tuple(sdk.Attachment.model_validate({**given, "external_id": str(each)}) for each in range(count))


@pytest.fixture
def filed(facebook: Facebook) -> Facebook:
    """A connector of a host that keeps files."""

    async def media(file: sdk.Attachment) -> Any:
        whole = (b"file %d " % int(file.external_id or 0) * (int(file.size_bytes or 0) // 6 + 1))[: file.size_bytes]
        for at in range(0, len(whole), 1000):
            yield whole[at : at + 1000]

    facebook._media = media
    return facebook


async def test_a_text_with_a_link_is_posted(page: Sandbox, facebook: Facebook) -> None:
    """The receipt's id is what its comments are known by."""
    receipt, _ = await published(facebook, a_post(facebook, options={"link": "https://example.org"}))
    made = page.world.posts[str(receipt.external_id)]
    assert (made.message, made.link, receipt.conversation_id) == ("News", "https://example.org", made.id)


@pytest.mark.parametrize("count", [1, 3])
async def test_photos_are_uploaded_unseen_and_posted_together(page: Sandbox, filed: Facebook, count: int) -> None:
    """One step for each; nothing is seen before the one call."""
    post = a_post(filed, attachments=files(count))
    first = await filed.prepare(post)
    assert (first.ready, len(page.world.posts)) == (count == 1, 0)
    receipt, _ = await published(filed, post)
    made = page.world.posts[str(receipt.external_id)]
    contents = [page.world.files[each].content for each in made.media]
    assert contents == [b"file %d" % each for each in range(count)]


async def test_a_video_goes_up_in_pieces_and_its_post_is_found_later(page: Sandbox, filed: Facebook) -> None:
    """Its post has an id when it is ready."""
    receipt, post = await published(filed, a_post(filed, attachments=files(1, "video", 150_000)))
    assert (receipt.state, receipt.external_id) == ("accepted", None)
    [made] = page.world.posts.values()
    assert len(page.world.files[made.media[0]].content) == 150_000
    found = await filed.find(post.model_copy(update={"receipt": receipt}))
    assert found is not None
    assert found.external_id == made.id
    page.world.files[made.media[0]].post_id = ""
    with pytest.raises(sdk.RetryLater, match="not ready"):
        await filed.find(post.model_copy(update={"receipt": receipt}))


async def test_a_video_by_its_link_is_fetched_by_facebook(page: Sandbox, facebook: Facebook) -> None:
    """Where the host keeps no files."""
    video = sdk.Attachment(kind="video", url="https://files.example/film.mp4")
    receipt, _ = await published(facebook, a_post(facebook, attachments=(video,)))
    [made] = page.world.posts.values()
    assert page.world.files[made.media[0]].url == "https://files.example/film.mp4"
    assert receipt.data["video"] == made.media[0]


@pytest.mark.parametrize("size", [149_999, 150_001])
async def test_a_video_of_another_length_than_said_is_refused(page: Sandbox, filed: Facebook, size: int) -> None:
    """Before anybody sees it."""

    async def media(_: sdk.Attachment) -> Any:
        yield b"x" * size

    filed._media = media
    with pytest.raises(sdk.Rejected, match="not as long"):
        await filed.prepare(a_post(filed, attachments=files(1, "video", 150_000)))
    assert page.world.posts == {}


async def test_a_video_among_photos_is_refused(filed: Facebook) -> None:
    """Facebook has no such post."""
    with pytest.raises(sdk.Rejected, match="one video"):
        await filed.prepare(a_post(filed, attachments=(*files(1), *files(1, "video"))))


async def test_a_post_waits_for_its_time(page: Sandbox, facebook: Facebook, clock: Any) -> None:
    """People see it then; until then it is found among the scheduled ones."""
    later = clock() + timedelta(hours=2)
    receipt, post = await published(facebook, a_post(facebook, publish_at=later))
    made = page.world.posts[str(receipt.external_id)]
    assert (made.publish_at, page.world.is_seen(made)) == (later, False)
    found = await facebook.find(post)
    assert found is not None
    assert found.external_id == made.id
    clock.pass_(hours=3)
    assert page.world.is_seen(made)
    with pytest.raises(sdk.Rejected):
        await published(facebook, a_post(facebook, "sooner", publish_at=clock() + timedelta(minutes=1)))


async def test_a_post_that_waited_is_found_after_its_time(page: Sandbox, facebook: Facebook, clock: Any) -> None:
    """It is no longer among the scheduled ones then; to take it for absent would post it twice."""
    post = a_post(facebook, publish_at=clock() + timedelta(hours=2))
    page.faults.waiting.append(Fault(on="reply", kind="timeout_after_effect"))
    with pytest.raises(sdk.OutcomeUnknown):
        await published(facebook, post)
    clock.pass_(hours=3)
    found = await facebook.find(post)
    assert found is not None
    assert found.external_id in page.world.posts


@pytest.mark.parametrize("kind", ["image", "video"])
async def test_a_post_whose_time_is_past_is_made_at_once(page: Sandbox, filed: Facebook, clock: Any, kind: str) -> None:
    """Facebook takes no time that is past, and a post that was held up is not lost for that."""
    post = a_post(filed, publish_at=clock() - timedelta(minutes=1), attachments=files(1, kind))
    await published(filed, post)
    [made] = page.world.posts.values()
    assert page.world.is_seen(made)


async def test_a_video_whose_last_answer_is_lost_is_found_by_its_id(page: Sandbox, filed: Facebook) -> None:
    """Two posts of the same words do not confuse it."""
    post = a_post(filed, attachments=files(1, "video", 100))
    post = post.model_copy(update={"prepared": (await filed.prepare(post)).state})
    page.faults.waiting.append(Fault(on="reply", kind="timeout_after_effect"))
    with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown):
        await filed.publish(post)
    [made] = page.world.posts.values()
    await published(filed, a_post(filed))
    found = await filed.find(post)
    assert found is not None
    assert found.external_id == made.id


class Reads(httpx.AsyncBaseTransport):
    """A Facebook that asks for a whole video at once, and reads it bit by bit."""

    def __init__(self, size: int) -> None:
        self.size, self.read = size, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for piece in request.stream:
            self.read += len(piece)
        told = {"upload_session_id": "u", "video_id": "v", "start_offset": 0, "end_offset": self.size}
        return httpx.Response(200, json=told if self.read < self.size else {**told, "start_offset": self.size})


async def test_a_video_is_never_held_whole() -> None:
    """However much of it Facebook asks for at once."""
    size, piece = 50 * 2**20, b"x" * 2**16
    reads, most, taken = Reads(size), 0, 0

    async def media(_: sdk.Attachment) -> Any:
        nonlocal most, taken
        for _each in range(size // len(piece)):
            taken += len(piece)
            yield piece
            most = max(most, taken - reads.read)

    facebook = connect(Facebook, reads, external_id="1", grant=sdk.Grant(access=SecretStr("t")))
    facebook._media = media
    assert (await facebook.prepare(a_post(facebook, attachments=files(1, "video", size)))).state["ids"] == ["u v"]
    assert most <= len(piece)


@pytest.mark.parametrize(("kind", "made"), [("timeout_after_effect", True), ("error_500_before", False)])
async def test_a_post_whose_answer_is_lost_is_found_or_proven_absent(
    page: Sandbox, facebook: Facebook, clock: Any, kind: Kind, made: bool
) -> None:
    """The same words of last week do not count; two of now are for a person to judge."""
    await published(facebook, a_post(facebook))
    clock.pass_(days=7)
    post = a_post(facebook)
    page.faults.waiting.append(Fault(on="reply", kind=kind))
    with pytest.raises(sdk.OutcomeUnknown):
        await published(facebook, post)
    found = await facebook.find(post)
    assert (found is not None) is made
    if made:
        await published(facebook, a_post(facebook))
        with pytest.raises(sdk.OutcomeUnknown, match="2 equal posts"):
            await facebook.find(post)


async def test_posts_are_edited_hidden_liked_and_deleted(page: Sandbox, facebook: Facebook) -> None:
    """By the same calls as comments; gone already is as it should be."""
    made = page.app.visit("7", "Hello", author_name="Ada")
    for verb in ("edit", "hide", "like", "delete", "delete"):
        target = {"external_id": made.id, "channel": "facebook_post", "body": "Hello!"}
        await facebook.moderate(sdk.Action.model_validate({"verb": verb, **target}))
    assert (made.message, made.is_hidden, made.is_liked) == ("Hello!", True, True)
    assert made.id not in page.world.posts


def told(page: Sandbox) -> list[Any]:
    """What the webhooks that wait would tell."""
    return [event for body, _ in page.hooks.taken() for event in connect(Facebook).parse(a_hook(body))]


async def test_a_visitors_post_is_a_message_by_webhook_by_poll_and_fetched(page: Sandbox, facebook: Facebook) -> None:
    """The same one, and an answer to it is a comment."""
    page.configure(callback_url="https://core.example/facebook", deliver="manual")
    made = page.app.visit("7", "Hello", author_name="Ada")
    [heard] = told(page)
    [polled] = [event for each in await pulled(facebook.pull("posts", None, None)) for event in each.events]
    [fetched] = await facebook.fetch(sdk.Ping(stream="posts", external_id=made.id))
    assert heard == polled == fetched
    assert (heard.channel, heard.external_id, heard.ours, heard.author.name) == ("facebook_post", made.id, False, "Ada")
    given = {"id": "1", "client_ref": REF, "channel": "facebook_post", "body": "Welcome", "in_reply_to": made.id}
    receipt = await facebook.push(sdk.OutboundMessage.model_validate(given))
    assert page.world.comments[str(receipt.external_id)].post_id == made.id


async def test_what_mentions_the_page_is_named_and_then_read(page: Sandbox, facebook: Facebook) -> None:
    """A webhook names it; the poll finds it too."""
    page.configure(callback_url="https://core.example/facebook", deliver="manual")
    page.app.mention("7", "Nice page", author_name="Ada")
    [ping] = told(page)
    [fetched] = await facebook.fetch(ping)
    [polled] = [event for each in await pulled(facebook.pull("mentions", None, None)) for event in each.events]
    assert fetched == polled
    assert isinstance(fetched, sdk.Message)
    assert (fetched.kind, fetched.body) == ("mention", "Nice page")


async def test_our_own_post_is_echoed_and_a_removed_one_is_told(page: Sandbox, facebook: Facebook) -> None:
    """So that what was posted by another program is known."""
    page.configure(callback_url="https://core.example/facebook", deliver="manual")
    receipt, _ = await published(facebook, a_post(facebook))
    target = {"external_id": receipt.external_id, "channel": "facebook_post"}
    await facebook.moderate(sdk.Action.model_validate({"verb": "delete", **target}))
    message, mark = told(page)
    assert (message.ours, message.external_id, mark.state) == (True, receipt.external_id, "deleted")


async def test_a_comment_is_fetched_by_its_id(page: Sandbox, facebook: Facebook) -> None:
    """As the listing shows it; what Facebook says without its post cannot be placed."""
    made = page.comment("7", "Open?", author_name="Ada")
    [fetched] = await facebook.fetch(sdk.Ping(stream="comments", external_id=made.id))
    [polled] = [event for each in await pulled(facebook.pull("comments", None, None)) for event in each.events]
    assert fetched == polled


@pytest.mark.parametrize(
    ("settings", "streams", "fields"),
    [
        ({}, ["comments", "messages", "posts", "mentions"], (*OF_COMMENTS, *OF_MESSAGES, *OF_POSTS)),
        ({"messages": False}, ["comments", "posts", "mentions"], (*OF_COMMENTS, *OF_POSTS)),
        ({"messages": False, "posts": False}, ["comments"], OF_COMMENTS),
    ],
)
async def test_what_is_switched_off_is_neither_polled_nor_subscribed(
    page: Sandbox, settings: dict[str, bool], streams: list[str], fields: tuple[str, ...]
) -> None:
    """An app without the permission for messages goes on with the rest."""
    grant = sdk.Grant(access=SecretStr("sandbox-token"))
    account = AccountSettings(**settings)
    facebook = connect(
        Facebook, page.transport(), external_id=page.world.page_id, grant=grant, settings=account, now=page.world.now
    )
    assert [stream.name for stream in facebook.streams()] == streams
    await facebook.subscribe("https://core.example", SecretStr("s"), None)
    assert page.app.subscribed == {page.world.page_id: fields}


def a_change(**value: Any) -> list[Any]:
    """What a change of the feed means."""
    told = {"post_id": "1_2", "from": {"id": "7", "name": "Ada"}, "created_time": 1795424400, **value}
    entry = {"id": "1", "time": 1795424401, "changes": [{"field": "feed", "value": told}]}
    return list(connect(Facebook).parse(a_hook(json.dumps({"object": "page", "entry": [entry]}))))


def test_photos_of_a_visitor_come_with_their_links() -> None:
    """One or several; a shared link is in the text."""
    [one] = a_change(item="photo", verb="add", link="https://cdn.example/1")
    [two] = a_change(item="photo", verb="add", photos=["https://cdn.example/1", "https://cdn.example/2"])
    [shared] = a_change(item="share", verb="add", link="https://example.org", message="Look")
    assert [len(message.attachments) for message in (one, two, shared)] == [1, 2, 0]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"item": "status", "verb": "edited", "message": "Hello!"}, "Message"),
        ({"item": "status", "verb": "hide"}, "Mark"),
        ({"item": "status", "verb": "add", "published": 0}, "Ping"),
        ({"item": "status", "verb": "follow"}, "Ping"),
        ({"item": "hologram", "verb": "add"}, "Ping"),
        ({"item": ["status"], "verb": "add"}, "Ping"),
        ({"item": "status", "verb": "add", "post_id": None}, "Ping"),
    ],
)
def test_every_change_of_a_post_gives_an_event(value: dict[str, Any], kind: str) -> None:
    """What has no words of its own makes us look."""
    [event] = a_change(**value)
    assert type(event).__name__ == kind


@pytest.mark.parametrize("value", [{"rating": 5}, None, [1], "x"])
def test_a_field_that_nobody_knows_makes_us_look(value: Any) -> None:
    """An app may be subscribed to more in its dashboard; nothing of it is dropped in silence."""
    entry = {"id": "1", "time": 1795424401, "changes": [{"field": "ratings", "value": value}]}
    [event] = connect(Facebook).parse(a_hook(json.dumps({"object": "page", "entry": [entry]})))
    assert (type(event), event.account) == (sdk.Ping, "1")


@pytest.mark.parametrize("item", ["like", "reaction"])
def test_a_like_says_nothing(item: str) -> None:
    """There are many, and nothing in them can be answered."""
    assert a_change(item=item, verb="add") == []


async def test_a_comment_without_its_post_cannot_be_placed(page: Sandbox) -> None:
    """It is told as what the token may not see."""
    told = {"id": "2_3", "message": "x", "created_time": "2026-11-23T09:00:00+0000"}
    facebook = connect(Facebook, lambda _: httpx.Response(200, json=told), external_id="1")
    with pytest.raises(sdk.Rejected, match="which post"):
        await facebook.fetch(sdk.Ping(stream="comments", external_id="2_3"))
    told["object"] = {"id": "2"}  # type: ignore[assignment]
    [message] = await facebook.fetch(sdk.Ping(stream="comments", external_id="2_3"))
    assert isinstance(message, sdk.Message)
    assert message.conversation_id == "1_2"
