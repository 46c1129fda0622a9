"""Posts: files first, unseen and streamed; then the one visible call, and the search for what it made."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from chorally_linkedin import LinkedIn
from chorally_linkedin.sandbox import Sandbox
from chorally_linkedin.sandbox.world import OURS

import chorally_sdk as sdk

Posts = Callable[..., sdk.Publication]


def a_file(name: str, kind: str = "image", size: int | None = None) -> sdk.Attachment:
    """A file of ours."""
    media = "image/png" if kind == "image" else "video/mp4"
    return sdk.Attachment.model_validate(
        {"kind": kind, "external_id": name, "name": name, "media_type": media, "size_bytes": size}
    )


@pytest.fixture
def with_files(connects: Callable[..., LinkedIn]) -> LinkedIn:
    """A connector whose host keeps files: each is its name, ten times, in pieces."""

    async def media(attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        for _ in range(10):
            yield str(attachment.name).encode()

    return connects(media=media)


async def test_a_picture_is_uploaded_then_waited_for_then_shown(
    page: Sandbox, with_files: LinkedIn, a_post: Posts, prepared: Callable[..., Any]
) -> None:
    """With its description; nothing is seen before."""
    post = a_post("Look", attachments=(a_file("one"),), options={"alts": ["A view"], "title": "View"})
    ready, waited = await prepared(with_files, post)
    assert page.made() == []
    receipt = await with_files.publish(ready)

    [made] = [each for each in page.world.posts.values() if each.is_called_for]
    assert made.content["media"] == {"id": ready.prepared["urns"][0], "altText": "A view", "title": "View"}
    assert page.seen_files() == [b"one" * 10]
    assert waited == timedelta(seconds=3)
    assert receipt.url == f"https://www.linkedin.com/feed/update/{receipt.external_id}/"


async def test_several_pictures_are_one_post(
    page: Sandbox, with_files: LinkedIn, a_post: Posts, prepared: Callable[..., Any]
) -> None:
    """In their order; descriptions may be fewer."""
    post = a_post("", attachments=(a_file("one"), a_file("two"), a_file("three")), options={"alts": ["One"]})
    ready, _ = await prepared(with_files, post)
    await with_files.publish(ready)

    [made] = [each for each in page.world.posts.values() if each.is_called_for]
    assert [each["altText"] for each in made.content["multiImage"]["images"]] == ["One", "", ""]
    assert page.seen_files() == [b"one" * 10, b"two" * 10, b"three" * 10]


async def test_a_video_goes_up_in_the_parts_that_linkedin_asks_for(
    page: Sandbox, with_files: LinkedIn, a_post: Posts, prepared: Callable[..., Any]
) -> None:
    """Without the token, each part by its tag; parts and pieces need not fit."""
    page.part_bytes = 7
    ready, _ = await prepared(with_files, a_post("Film", attachments=(a_file("video", "video", 50),)))
    await with_files.publish(ready)

    assert page.seen_files() == [b"video" * 10]


@pytest.mark.parametrize("size", [None, 51])
async def test_a_video_must_be_as_long_as_it_was_said_to_be(
    with_files: LinkedIn, a_post: Posts, prepared: Callable[..., Any], size: int | None
) -> None:
    """Nothing is posted that would never play."""
    with pytest.raises(sdk.Rejected):
        await prepared(with_files, a_post("Film", attachments=(a_file("video", "video", size),)))


async def test_a_file_that_linkedin_cannot_read_is_refused(page: Sandbox, with_files: LinkedIn, a_post: Posts) -> None:
    """The agent is told, and can send another."""
    post = a_post("Look", attachments=(a_file("one"),))
    step = await with_files.prepare(post)
    page.world.files[step.state["urns"][0]].is_bad = True

    with pytest.raises(sdk.Rejected, match="another format"):
        await with_files.prepare(post.model_copy(update={"prepared": step.state}))


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ((a_file("film", "video", 5), a_file("one")), {}),
        ((a_file("one"), a_file("two")), {"link": "https://acme.example"}),
    ],
)
async def test_files_that_do_not_go_together_are_refused_before_any_call(
    page: Sandbox, with_files: LinkedIn, a_post: Posts, files: tuple[sdk.Attachment, ...], options: dict[str, str]
) -> None:
    """A video beside pictures, several pictures of an article."""
    with pytest.raises(sdk.Rejected):
        await with_files.prepare(a_post("Look", attachments=files, options=options))
    assert page.calls == 0


async def test_a_host_without_files_is_told_so(linkedin: LinkedIn, a_post: Posts) -> None:
    """LinkedIn fetches none itself."""
    with pytest.raises(sdk.Rejected, match="keeps no files"):
        await linkedin.prepare(a_post("Look", attachments=(a_file("one"),)))


async def test_an_article_has_a_title_and_perhaps_a_picture(
    page: Sandbox, with_files: LinkedIn, a_post: Posts, prepared: Callable[..., Any]
) -> None:
    """LinkedIn reads neither from the page."""
    options = {"link": "https://acme.example/news", "title": "News", "description": "What is new"}
    ready, _ = await prepared(with_files, a_post("Read #this", attachments=(a_file("one"),), options=options))
    await with_files.publish(ready)

    [made] = [each for each in page.world.posts.values() if each.is_called_for]
    assert made.commentary == r"Read {hashtag|\#|this}"
    assert made.content["article"] == {
        "source": "https://acme.example/news", "title": "News", "description": "What is new",
        "thumbnail": ready.prepared["urns"][0],
    }  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"link": "https://acme.example"},
        {"mentions": {"Acme": "https://acme.example"}},
        {"mentions": {"Acme": "urn:li:organization:1)[x](urn:li:person:2"}},
        {"mentions": ["Acme"]},
        {"audience": "ME"},
    ],
)
async def test_an_option_that_linkedin_does_not_take_is_refused_before_any_call(
    page: Sandbox, linkedin: LinkedIn, a_post: Posts, options: dict[str, Any]
) -> None:
    """And nothing is written into a post that was not meant to be."""
    with pytest.raises(sdk.Rejected):
        await linkedin.publish(a_post("Hello @Acme", options=options))
    assert page.calls == 0


async def test_a_lost_post_is_found_by_its_words(page: Sandbox, linkedin: LinkedIn, a_post: Posts) -> None:
    """As people see them; those of before, and others', are not taken for it."""
    body = "We are [open] #today, a_b"
    page.world.post(OURS, body)
    page.clock.pass_(days=1)
    page.world.post("urn:li:person:ada", body)
    post = a_post(body, tried_at=page.clock())
    assert await linkedin.find(post) is None
    page.inject("timeout_after_effect", "write")
    with pytest.raises(sdk.OutcomeUnknown), sdk.visible_call():
        await linkedin.publish(post)
    found = await linkedin.find(post)

    assert found is not None
    assert found.external_id == page.made()[-1].external_id


async def test_two_equal_posts_are_a_doubt(page: Sandbox, linkedin: LinkedIn, a_post: Posts) -> None:
    """A person looks."""
    post = a_post("Hello", tried_at=page.clock())
    page.world.post(OURS, "Hello")
    page.world.post(OURS, "Hello")

    with pytest.raises(sdk.OutcomeUnknown):
        await linkedin.find(post)


async def test_a_post_is_edited_liked_and_deleted(page: Sandbox, linkedin: LinkedIn) -> None:
    """And once more: what is so already is success."""
    urn = page.news.urn

    def action(verb: str, body: str = "") -> sdk.Action:
        return sdk.Action.model_validate({"verb": verb, "external_id": urn, "channel": "linkedin_post", "body": body})

    for _ in range(2):
        await linkedin.moderate(action("edit", "From nine (to five)"))
        await linkedin.moderate(action("like"))
    assert page.news.commentary == r"From nine \(to five\)"
    assert page.world.likes == {urn}
    for _ in range(2):
        await linkedin.moderate(action("delete"))
    assert page.state_of(urn) == "gone"
    with pytest.raises(sdk.Rejected, match="take no 'hide'"):
        await linkedin.moderate(action("hide"))


async def test_an_equal_post_of_before_that_was_edited_since_is_another(
    page: Sandbox, linkedin: LinkedIn, a_post: Posts
) -> None:
    """It was changed after the attempt, and made before."""
    old = page.world.post(OURS, "Hello")
    page.clock.pass_(days=1)
    old.changed_at = page.clock()

    assert await linkedin.find(a_post("Hello", tried_at=page.clock())) is None
