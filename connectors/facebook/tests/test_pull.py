import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from chorally_facebook import Facebook
from chorally_facebook.sandbox import Sandbox
from chorally_facebook.sandbox.faults import Fault
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled

STREAM = "comments"


def ids(pages: list[sdk.Page]) -> list[str]:
    """What the pages hold, in order."""
    return [event.external_id for page in pages for event in page.events if isinstance(event, sdk.Message)]


def listing(*comments: dict[str, Any], **paging: Any) -> dict[str, Any]:
    """A page of comments as Graph shapes it."""
    return {"data": list(comments), "paging": {"cursors": {"before": "QQ==", "after": "Qg=="}, **paging}}


def a_comment(external_id: str = "1_2", at: str = "2026-11-23T09:00:00+0000") -> dict[str, Any]:
    """A listed comment."""
    return {"id": external_id, "message": "hi", "created_time": at, "from": {"id": "9", "name": "Ada"}}


def a_post(updated: str = "2026-11-23T09:00:00+0000", **fields: Any) -> dict[str, Any]:
    """A listed post."""
    return {"id": "0_1", "updated_time": updated, **fields}


def answering(**answers: Any) -> Callable[[httpx.Request], httpx.Response]:
    """A platform that answers by the last segment of the path, and the cursor if there is one."""

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2] + request.url.params.get("after", "")
        found = answers[name]
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    return answer


async def test_all_comments_come_over_many_pages(page: Sandbox, facebook: Facebook, clock: Any) -> None:
    """Posts, comments and replies that need many requests all arrive, and the cursor rests."""
    page.configure(page_size=2)
    made = []
    for post in [page.world.post() for _ in range(5)]:
        clock.pass_(seconds=1)
        first = page.comment("7", "a", post_id=post.id)
        made += [first, *(page.comment("8", "b", parent_id=first.id) for _ in range(4))]

    pages = await pulled(facebook.pull(STREAM, None, None))

    assert set(ids(pages)) == {comment.id for comment in made}
    assert len(ids(pages)) <= len(made) + 5, "no more than the newest post is read again"
    assert set(pages[-1].cursor) == {"floor", "sure"}
    replies = [e for p in pages for e in p.events if isinstance(e, sdk.Message) and e.parent_id != e.conversation_id]
    assert len({reply.external_id for reply in replies}) == 20


async def test_no_cursor_holds_the_token(page: Sandbox, facebook: Facebook) -> None:
    """Graph's links carry the access token; what is stored does not."""
    page.configure(page_size=1)
    for post in [page.world.post() for _ in range(3)]:
        for _ in range(3):
            page.comment("7", "a", post_id=post.id)

    pages = await pulled(facebook.pull(STREAM, None, None))

    assert len(pages) > 5
    assert "sandbox-token" not in str([page.cursor for page in pages])


async def test_a_later_pull_looks_only_at_what_is_new(page: Sandbox, facebook: Facebook, clock: Any) -> None:
    """Posts that rest are not opened again, and of a changed post only the latest comments come."""
    old = page.comment("7", "old", post_id=page.world.post().id)
    resting = page.comment("7", "elsewhere", post_id=page.world.post().id)
    (first,) = await pulled(facebook.pull(STREAM, None, None))
    clock.pass_(hours=5)
    new = page.comment("7", "new", post_id=old.post_id)
    (second,) = await pulled(facebook.pull(STREAM, first.cursor, None))
    clock.pass_(minutes=50)
    (third,) = await pulled(facebook.pull(STREAM, second.cursor, None))

    assert {old.id, resting.id, new.id} == {*ids([second])}, "the overlap looks again at what may have come late"
    assert ids([third]) == [new.id]


async def test_what_is_older_than_since_is_left_out(page: Sandbox, facebook: Facebook, clock: Any) -> None:
    """A comment from before the account was connected is nobody's work, even under a post that is alive."""
    old = page.comment("7", "old")
    clock.pass_(minutes=30)
    since = clock.at
    new = page.comment("7", "new", post_id=old.post_id)

    assert ids(await pulled(facebook.pull(STREAM, None, since))) == [new.id]


async def test_since_may_be_the_beginning_of_time(page: Sandbox, facebook: Facebook) -> None:
    """The oldest date there is overflows nothing."""
    made = page.comment("7", "a")

    assert ids(await pulled(facebook.pull(STREAM, None, datetime.min.replace(tzinfo=UTC)))) == [made.id]


async def test_an_empty_page_is_read_at_once(facebook: Facebook) -> None:
    """A page without posts is done, and so is the next pull."""
    (first,) = await pulled(facebook.pull(STREAM, None, None))
    (second,) = await pulled(facebook.pull(STREAM, first.cursor, None))

    assert (first.done, first.events, second.done) == (True, (), True)


@pytest.mark.parametrize(
    ("feed", "named"),
    [
        ({"data": [a_post()]}, "paging"),
        ({"data": [a_post()], "pagin": {"next": "x"}}, "paging"),
        ({"data": [a_post()], "paging": {"nxt": "https://graph.facebook.com/?after=A"}}, "nxt"),
        ({"data": [a_post()], "paging": {"cursors": {}, "Next": "https://graph.facebook.com/?after=A"}}, "Next"),
        ({"data": [a_post()], "paging": {"next": 3}}, "next"),
        ({"data": [a_post()], "paging": {"next": "https://graph.facebook.com/feed?access_token=t"}}, "next"),
        ({"data": [a_post()], "paging": [1]}, "paging"),
        ({"dat": []}, "data"),
        ({"data": [{"id": "0_1"}], "paging": {}}, "updated_time"),
        ({"data": [a_post(comments={"data": [a_comment()]})], "paging": {"cursors": {}}}, "paging"),
        ({"data": [a_post(comments=listing({"id": "1_2"}))], "paging": {"cursors": {}}}, "created_time"),
        ([], "the whole"),
    ],
)
async def test_a_listing_that_does_not_say_how_it_goes_on_is_an_error(feed: Any, named: str) -> None:
    """A missing or misspelt field is named; the end of a page is never taken for the end of all."""
    with pytest.raises(sdk.Malformed, match=named):
        await pulled(connect(Facebook, answering(feed=feed)).pull(STREAM, None, None))


async def test_a_feed_that_goes_in_circles_is_an_error() -> None:
    """A page that leads back to itself would never end."""
    feed = listing(a_post(), next="https://graph.facebook.com/v25.0/account-1/feed?after=A")
    with pytest.raises(sdk.Malformed, match="leads back"):
        await pulled(connect(Facebook, answering(feed=feed, feedA=feed)).pull(STREAM, None, None))


async def test_comments_that_go_in_circles_are_an_error() -> None:
    """So would the comments of a post, over two pages that name each other."""
    first = listing(a_comment(), next="https://graph.facebook.com/v25.0/0_1/comments?after=A")
    second = listing(a_comment(), next="https://graph.facebook.com/v25.0/0_1/comments?after=B")
    platform = answering(feed=listing(a_post(comments=first)), commentsA=second, commentsB=first)
    with pytest.raises(sdk.Malformed, match="leads back"):
        await pulled(connect(Facebook, platform).pull(STREAM, None, None))


async def test_a_post_that_slid_onto_the_next_page_is_read_again() -> None:
    """A listing that moved shows it twice, which is no circle."""
    post = a_post(comments=listing(a_comment("1_2"), next="https://graph.facebook.com/v25.0/0_1/comments?after=B"))
    feed = listing(post, next="https://graph.facebook.com/v25.0/account-1/feed?after=A")
    platform = answering(feed=feed, feedA=listing(post), commentsB=listing(a_comment("1_3")))

    assert ids(await pulled(connect(Facebook, platform).pull(STREAM, None, None)))[:4] == ["1_2", "1_3"] * 2


async def test_the_floor_is_what_was_newest_when_the_walk_began() -> None:
    """A later page may show a newer change; were it the next floor, a post that moved up meanwhile would be lost."""
    feed = listing(a_post(), next="https://graph.facebook.com/v25.0/account-1/feed?after=A")
    later = listing(a_post("2026-11-23T15:00:00+0000"))
    pages = await pulled(connect(Facebook, answering(feed=feed, feedA=later)).pull(STREAM, None, None))

    assert pages[-1].cursor == {"floor": "2026-11-23T09:00:00+00:00", "sure": None}


async def test_one_old_post_among_new_ones_ends_nothing() -> None:
    """Only a page that closes with an old post is the end: a little disorder is borne."""
    feed = listing(a_post("2026-01-01T00:00:00+0000"), a_post(), next="https://x.example/?after=A")
    later = listing(a_post(comments=listing(a_comment("1_9"))))
    since = datetime(2026, 11, 1, tzinfo=UTC)

    assert "1_9" in ids(await pulled(connect(Facebook, answering(feed=feed, feedA=later)).pull(STREAM, None, since)))


UNDER_WAY = {
    "floor": "2026-11-23T08:00:00+00:00",
    "sure": "2026-11-23T07:00:00+00:00",
    "top": "2026-11-23T09:00:00+00:00",
    "turn": 1,
    "is_split": False,
    "feed": None,
    "rest": [["0_1", "after=A"]],
}
GONE = httpx.Response(400, json={"error": {"code": 100, "error_subcode": 33, "message": "missing"}})
STALE = httpx.Response(400, json={"error": {"code": 100, "message": "Invalid cursors values"}})


async def test_a_post_that_was_deleted_meanwhile_is_passed_over() -> None:
    """Its comments went with it; the walk ends as if they had been read."""
    (only,) = await pulled(connect(Facebook, answering(commentsA=GONE)).pull(STREAM, UNDER_WAY, None))

    assert (only.done, only.cursor) == (True, {"floor": UNDER_WAY["top"], "sure": UNDER_WAY["top"]})


async def test_a_cursor_that_facebook_forgot_starts_the_walk_over() -> None:
    """Down to the same floor, within the same call."""
    feed = listing(a_post(comments=listing(a_comment("1_9"))))
    pages = await pulled(connect(Facebook, answering(commentsA=STALE, feed=feed)).pull(STREAM, UNDER_WAY, None))

    assert ids(pages) == ["1_9"]


async def test_a_refusal_that_is_no_cursors_fault_is_raised() -> None:
    """A walk that has just begun has nothing to start over from."""
    with pytest.raises(sdk.Rejected):
        await pulled(connect(Facebook, answering(feed=STALE)).pull(STREAM, None, None))


@pytest.mark.parametrize("kind", ["timeout_before_effect", "error_500_after", "connection_reset"])
async def test_a_read_that_fails_for_a_moment_is_repeated(page: Sandbox, facebook: Facebook, kind: Any) -> None:
    """One bad moment does not end a pull."""
    made = page.comment("7", "a")
    page.faults.waiting.append(Fault(on="read", kind=kind))

    assert ids(await pulled(facebook.pull(STREAM, None, None))) == [made.id]


async def test_a_throttled_pull_says_how_long(page: Sandbox, facebook: Facebook) -> None:
    """The wait comes from the header, in minutes."""
    page.faults.waiting.append(Fault(on="read", kind="rate_limit", wait_minutes=9))
    with pytest.raises(sdk.RateLimited) as caught:
        await pulled(facebook.pull(STREAM, None, None))
    assert caught.value.wait == timedelta(minutes=9)


COMMENT = st.tuples(st.just("comment"), st.integers(0, 5), st.booleans())
PULL = st.tuples(st.just("pull"), st.integers(1, 4), st.booleans())
PASS = st.tuples(st.just("pass"), st.sampled_from([0, 1, 1800, 3700, 100_000]), st.booleans())
POST = st.tuples(st.just("post"), st.integers(0, 0), st.booleans())


@settings(deadline=None, max_examples=200)
@example(  # the post moves up while two walks are further down, hours apart
    [
        *(("comment", 0, False), ("post", 0, False), ("pull", 1, False), ("comment", 0, False), ("pull", 1, False)),
        *(("pass", 3700, False), ("post", 0, False), ("pull", 1, False), ("comment", 0, False)),
    ],
    1,
)
@example(  # the post moves up just before the page that would have shown it
    [("comment", 0, False), ("pass", 3700, False), ("post", 0, False), ("pull", 1, False), ("comment", 0, False)],
    1,
)
@given(st.lists(COMMENT | COMMENT | PULL | PULL | PASS | POST, max_size=40), st.integers(1, 4))
def test_no_comment_is_lost_whenever_the_pull_is_killed(steps: list[tuple[str, int, bool]], page_size: int) -> None:
    """Whatever happens between the pages of a walk, all comments have come when the page is quiet again.

    A pull is killed after some pages; the last of them may be lost before it is stored.
    """
    asyncio.run(_nothing_is_lost(steps, page_size))


async def _nothing_is_lost(steps: list[tuple[str, int, bool]], page_size: int) -> None:
    now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    async with Sandbox(now=lambda: now) as page:
        page.configure(page_size=page_size)
        grant = sdk.Grant(access=SecretStr(page.world.access_token))
        facebook = connect(Facebook, page.transport(), external_id=page.world.page_id, grant=grant)
        cursor: sdk.Cursor | None = None
        seen: set[str] = set()

        async def pull(most: int, *, is_last_lost: bool) -> bool:
            """Pull some pages; whether the walk came to its end."""
            nonlocal cursor
            pages = facebook.pull(STREAM, cursor, None)
            for turn in range(most):
                got = await anext(pages)
                if turn == most - 1 and is_last_lost:
                    break
                assert got.done or got.cursor != cursor, "every page is progress"
                seen.update(ids([got]))
                cursor = got.cursor
                if got.done:
                    return True
            await pages.aclose()  # type: ignore[attr-defined]
            return False

        for what, number, flag in steps:
            match what:
                case "post":
                    page.world.post()
                case "comment":
                    known = list(page.world.comments.values())
                    posts = list(page.world.posts.values())
                    if flag and known:
                        page.comment("7", "reply", parent_id=known[number % len(known)].id, webhook=False)
                    else:
                        page.comment("7", "a", post_id=posts[number % len(posts)].id if posts else None, webhook=False)
                case "pull":
                    await pull(number, is_last_lost=flag)
                case _:
                    now += timedelta(seconds=number)

        assert await pull(1000, is_last_lost=False), "the walk under way ends"
        assert await pull(1000, is_last_lost=False), "and so does one more"
        assert seen == set(page.world.comments)
