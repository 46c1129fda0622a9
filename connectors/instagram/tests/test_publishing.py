"""Posts: containers step by step, uploads that go on, and what is known after a lost answer."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_instagram import Instagram, containers
from chorally_instagram.sandbox import Account

import chorally_sdk as sdk

Speaking = Any
IMAGE = sdk.Attachment(kind="image", url="https://media.example/lamp.jpg", media_type="image/jpeg")
FILM = sdk.Attachment(kind="video", url="https://media.example/lamp.mp4", media_type="video/mp4")
KEPT = sdk.Attachment(kind="video", external_id="f", media_type="video/mp4", size_bytes=9)


def a_post(account: Account, *files: sdk.Attachment, body: str = "News", **more: Any) -> sdk.Publication:
    """A post that is being made now."""
    given = {"id": "1", "client_ref": "0" * 32, "channel": "instagram_post", "tried_at": account.clock()}
    return sdk.Publication.model_validate({**given, "body": body, "attachments": files, **more})


async def prepared(account: Account, instagram: Instagram, post: sdk.Publication, most: int = 20) -> sdk.Publication:
    """Take all steps, as the host does, letting the time pass that each asks for."""
    for _ in range(most):
        step = await instagram.prepare(post)
        post = post.model_copy(update={"prepared": step.state})
        if step.ready:
            return post
        account.clock.pass_(seconds=step.wait.total_seconds())
    raise AssertionError(f"not ready after {most} steps: {post.prepared}")


async def published(account: Account, instagram: Instagram, post: sdk.Publication) -> sdk.Receipt:
    """Make the visible call after all others."""
    ready = await prepared(account, instagram, post)
    with sdk.visible_call():
        return await instagram.publish(ready)


@pytest.mark.parametrize(
    ("files", "body", "options", "made"),
    [
        ((IMAGE,), "News", {"alt_text": "A lamp"}, {"image_url": IMAGE.url, "caption": "News", "alt_text": "A lamp"}),
        ((FILM,), "News", {"share_to_feed": False, "thumb_offset": 500}, {
            "media_type": "REELS", "video_url": FILM.url, "caption": "News", "share_to_feed": "false",
            "thumb_offset": "500"}),
        ((IMAGE,), "", {"story": True}, {"media_type": "STORIES", "image_url": IMAGE.url}),
        ((IMAGE,), "Us", {"collaborators": ["ada"]}, {
            "image_url": IMAGE.url, "caption": "Us", "collaborators": '["ada"]'}),
    ],
)  # fmt: skip
async def test_a_container_says_what_the_post_is(
    account: Account, instagram: Instagram, files: Any, body: str, options: Any, made: dict[str, str]
) -> None:
    """An image, a reel, a story, a post of several authors."""
    receipt = await published(account, instagram, a_post(account, *files, body=body, options=options))
    (container,) = account.world.containers.values()
    assert container.fields == made
    assert receipt.external_id in account.world.media


async def test_a_carousel_is_made_of_finished_children(account: Account, instagram: Instagram) -> None:
    """Each file has a container, the carousel one more; the text is the carousel's."""
    account.takes = timedelta(seconds=90)
    receipt = await published(account, instagram, a_post(account, IMAGE, FILM, IMAGE))
    *children, carousel = account.world.containers.values()
    assert [child.fields.get("is_carousel_item") for child in children] == ["true"] * 3
    assert children[1].fields["media_type"] == "VIDEO"
    assert not any("caption" in child.fields for child in children)
    assert carousel.fields["children"] == ",".join(child.id for child in children)
    assert carousel.fields["caption"] == "News"
    assert account.world.media[receipt.external_id or ""].type == "CAROUSEL_ALBUM"


async def test_a_video_of_ours_is_uploaded_and_goes_on_where_it_broke_off(account: Account, speaking: Speaking) -> None:
    """What Instagram has of it is not sent again."""
    read: list[bytes] = []

    async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
        for piece in (b"abc", b"def", b"ghi"):
            read.append(piece)
            yield piece

    instagram = speaking(account, media=media)
    post = a_post(account, KEPT)
    step = await instagram.prepare(post)
    (container,) = account.world.containers.values()
    assert step.state["sending"] is True
    container.content = b"abcd"  # an upload that broke off
    post = await prepared(account, instagram, post.model_copy(update={"prepared": step.state}))
    assert container.content == b"abcdefghi"
    with sdk.visible_call():
        assert (await instagram.publish(post)).external_id
    assert container.fields["upload_type"] == "resumable"


async def test_an_upload_whose_answer_was_lost_is_not_made_again(account: Account, speaking: Speaking) -> None:
    """Instagram says that it has all of it."""

    async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
        yield b"abcdefghi"

    instagram = speaking(account, media=media)
    post = a_post(account, KEPT)
    step = await instagram.prepare(post)
    post = post.model_copy(update={"prepared": step.state})
    account.inject("timeout_after_effect", "prepare")
    with pytest.raises(sdk.RetryLater):
        await instagram.prepare(post)
    await prepared(account, instagram, post)
    (container,) = account.world.containers.values()
    assert container.content == b"abcdefghi"


async def test_an_image_of_ours_is_fetched_from_the_address_that_the_host_gives(
    account: Account, speaking: Speaking
) -> None:
    """Asked for at each try, as such addresses end."""

    async def media_url(file: sdk.Attachment) -> str:
        return f"https://chorally.example/media/{file.external_id}"

    ours = sdk.Attachment(kind="image", external_id="f", media_type="image/jpeg")
    instagram = speaking(account, media_url=media_url)
    await prepared(account, instagram, a_post(account, ours))
    (container,) = account.world.containers.values()
    assert container.fields["image_url"] == "https://chorally.example/media/f"


async def test_waiting_is_done_at_the_documented_pace(account: Account, instagram: Instagram) -> None:
    """Once a minute, five times; then more slowly, for as long as the container lives."""
    account.takes = timedelta(minutes=14)
    waits: list[float] = []
    post = a_post(account, FILM)
    while True:
        step = await instagram.prepare(post)
        post = post.model_copy(update={"prepared": step.state})
        if step.ready:
            break
        waits.append(step.wait / timedelta(minutes=1))
        account.clock.pass_(seconds=step.wait.total_seconds())
    assert waits == [0, 1, 1, 1, 1, 1, 5, 5]


async def test_a_container_that_fails_is_made_again_and_then_given_up(account: Account, instagram: Instagram) -> None:
    """Three of them; Instagram's own words are shown."""
    account.spoils = "Error: the video has no sound, (#2207026)"
    with pytest.raises(sdk.Rejected, match="no sound"):
        await prepared(account, instagram, a_post(account, FILM))
    assert len(account.world.containers) == 3
    account.spoils = ""
    await prepared(account, instagram, a_post(account, FILM))


async def test_a_container_that_expired_is_made_again(account: Account, instagram: Instagram) -> None:
    """Before it is claimed; afterwards Instagram refuses it, and says that it is too old."""
    account.takes = timedelta(minutes=1)
    post = a_post(account, IMAGE)
    step = await instagram.prepare(post)
    account.clock.pass_(hours=25)
    ready = await prepared(account, instagram, post.model_copy(update={"prepared": step.state}))
    assert len(account.world.containers) == 2
    account.clock.pass_(hours=25)
    with sdk.visible_call(), pytest.raises(sdk.Rejected, match="expired"):
        await instagram.publish(ready)


async def test_the_limit_of_a_day_holds_the_post_back(account: Account, instagram: Instagram) -> None:
    """Before anything is made, and where it is reached meanwhile."""
    ready = await prepared(account, instagram, a_post(account, IMAGE))
    for number in range(100):
        account.world.post(str(number), is_called_for=True)
    with pytest.raises(sdk.RateLimited) as held:
        await instagram.prepare(a_post(account, IMAGE))
    assert (held.value.scope, held.value.wait) == ("endpoint", timedelta(hours=1))
    with sdk.visible_call(), pytest.raises(sdk.RateLimited):
        await instagram.publish(ready)
    account.clock.pass_(hours=23.9)
    account.clock.pass_(hours=0.2)
    await prepared(account, instagram, a_post(account, IMAGE))


class TestAfterALostAnswer:
    """The container's status says whether it was published, the list which post it became."""

    async def _lost(self, account: Account, instagram: Instagram, post: sdk.Publication, kind: str) -> sdk.Publication:
        ready = await prepared(account, instagram, post)
        ready = ready.model_copy(update={"tried_at": account.clock()})
        account.inject(kind, "write")
        with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown):
            await instagram.publish(ready)
        return ready

    @pytest.mark.parametrize("kind", ["timeout_after_effect", "error_500_after", "not_json"])
    async def test_what_was_published_is_found(self, account: Account, instagram: Instagram, kind: str) -> None:
        """An earlier post of the same words is not it."""
        await published(account, instagram, a_post(account, IMAGE))
        account.clock.pass_(hours=1)
        lost = await self._lost(account, instagram, a_post(account, IMAGE), kind)
        found = await instagram.find(lost)
        assert found is not None
        assert found.external_id == account.world.own_media()[0].id
        assert found.url
        assert len(account.world.own_media()) == 2

    async def test_what_was_not_published_is_absent(self, account: Account, instagram: Instagram) -> None:
        """The container is still to be published, which one new claim does."""
        lost = await self._lost(account, instagram, a_post(account, IMAGE), "timeout_before_effect")
        assert await instagram.find(lost) is None
        with sdk.visible_call():
            assert (await instagram.publish(lost)).external_id
        assert len(account.world.own_media()) == 1

    async def test_a_story_is_found_among_the_stories(self, account: Account, instagram: Instagram) -> None:
        """It has no text; it is the one since the attempt."""
        post = a_post(account, IMAGE, body="", options={"story": True})
        found = await instagram.find(await self._lost(account, instagram, post, "timeout_after_effect"))
        assert found is not None

    async def test_two_equal_posts_are_in_doubt(self, account: Account, instagram: Instagram) -> None:
        """Somebody made the same post by hand."""
        lost = await self._lost(account, instagram, a_post(account, IMAGE), "timeout_after_effect")
        account.world.post("News")
        with pytest.raises(sdk.OutcomeUnknown, match="2 equal posts"):
            await instagram.find(lost)

    async def test_what_is_published_and_not_yet_listed_is_looked_for_later(
        self, account: Account, instagram: Instagram
    ) -> None:
        """It is neither absent nor in doubt."""
        lost = await self._lost(account, instagram, a_post(account, IMAGE), "timeout_after_effect")
        account.world.media.clear()
        with pytest.raises(sdk.RetryLater, match="not list it yet"):
            await instagram.find(lost)

    async def test_a_container_that_is_gone_leaves_it_to_a_person(self, account: Account, instagram: Instagram) -> None:
        """Unless the post is listed."""
        lost = await self._lost(account, instagram, a_post(account, IMAGE), "timeout_after_effect")
        account.world.containers.clear()
        assert await instagram.find(lost) is not None
        account.world.media.clear()
        with pytest.raises(sdk.OutcomeUnknown, match="container"):
            await instagram.find(lost)


async def test_a_container_that_is_not_ready_publishes_nothing_and_waits(account: Account, speaking: Speaking) -> None:
    """Instagram says so by a code of its own."""
    error = {"code": 9007, "error_subcode": 2207027, "message": "Media ID is not available"}
    instagram = speaking(account, platform=lambda _: httpx.Response(400, json={"error": error}))
    with sdk.visible_call(), pytest.raises(sdk.RetryLater) as later:
        await instagram.publish(a_post(account, IMAGE, prepared={"ids": ["1"]}))
    assert later.value.wait == timedelta(minutes=1)


async def test_a_post_of_later_is_not_made_now(account: Account, instagram: Instagram) -> None:
    """Instagram keeps none."""
    at = account.clock() + timedelta(hours=2)
    with pytest.raises(sdk.RetryLater) as later:
        await instagram.publish(a_post(account, IMAGE, publish_at=at, prepared={"ids": ["1"]}))
    assert later.value.wait == timedelta(hours=2)


@pytest.mark.parametrize(
    ("files", "body", "options", "why"),
    [
        ((), "News", {}, "add one"),
        ((sdk.Attachment(kind="file", url="https://media.example/a.pdf"),), "News", {}, "leave other files out"),
        ((IMAGE,), "News", {"story": True}, "without a text"),
        ((IMAGE, IMAGE), "", {"story": True}, "one image"),
        ((sdk.Attachment(kind="image", external_id="f"),), "News", {}, "public address"),
        ((sdk.Attachment(kind="video", external_id="f"),), "News", {}, "size"),
        ((KEPT,), "News", {}, "keeps no files"),
    ],
)
async def test_what_instagram_makes_no_post_of_is_refused(
    account: Account, instagram: Instagram, files: Any, body: str, options: Any, why: str
) -> None:
    """Before a container is made."""
    with pytest.raises(sdk.Rejected, match=why):
        await instagram.prepare(a_post(account, *files, body=body, options=options))
    assert not account.world.containers


async def test_a_post_without_a_container_is_refused(account: Account, instagram: Instagram) -> None:
    """Nothing was prepared, or the carousel was not."""
    for state in ({}, {"ids": ["1", "2"]}):
        with pytest.raises(sdk.Rejected, match="prepared first"):
            await instagram.publish(a_post(account, IMAGE, prepared=state))
    assert containers.container_of({"ids": ["1", "2"], "container": "3"}) == "3"
