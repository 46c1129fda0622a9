"""Posts on the page as webhooks and listings tell of them: visitors', the page's own, and mentions."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime

from chorally_meta.listing import Reader, path
from chorally_meta.shapes import Listing, Person, inside, read, read_value, text

import chorally_sdk as sdk
from chorally_facebook.names import MENTIONS, POST, POSTS
from chorally_facebook.shapes import FeedPost, Mention, Visit
from chorally_facebook.translate import SAID, STATES, attached

FIELDS = "id,from{id,name},message,created_time,permalink_url,attachments"
OF_ANYTHING = "id,from{id,name},message,created_time,permalink_url"
"""Fields that posts and comments have alike."""
ITEMS = frozenset({"status", "post", "photo", "video", "share", "link", "album", "event", "note"})
"""What is a post; reactions and likes are not, and other items make us look."""
SILENT = frozenset({"reaction", "like"})
"""What people say nothing by."""


def from_change(page_id: str, value: object, sent: datetime | None, raw: bytes) -> Iterator[sdk.Event]:
    """Yield what a change of the field ``feed`` that is not about a comment means.

    Raises:
        Malformed: It is about a post, and not in the documented shape.
    """
    item = text(inside(value, "item"))
    if item in SILENT:
        return
    if item not in ITEMS or text(inside(value, "post_id")) is None:
        yield sdk.Ping(stream=POSTS, account=page_id)
        return
    change = read_value(FeedPost, value, f"webhook, item {item}", raw)
    at = sent or change.created_time
    if change.verb in SAID and change.created_time is not None and change.published not in (0, False):
        photos = change.photos if isinstance(change.photos, list) else [change.link]
        links = [url for each in photos if (url := text(each))] if item == "photo" else []
        yield _message(
            page_id, change.post_id, change.author, change.message, change.created_time,
            edited_at=None if change.verb == "add" else at,
            attachments=tuple(sdk.Attachment(kind="image", url=url) for url in links),
        )  # fmt: skip
    elif change.verb in STATES and at is not None:
        yield sdk.Mark(
            state=STATES[change.verb], at=at, account=page_id, external_id=change.post_id,
            conversation_id=change.post_id, channel=POST,
        )  # fmt: skip
    else:
        yield sdk.Ping(stream=POSTS, account=page_id, external_id=change.post_id)


def from_mention(page_id: str, value: object, raw: bytes) -> sdk.Ping:
    """Return a ping of what mentions the page: the webhook only names it."""
    named = read_value(Mention, value, "webhook, mention", raw)
    return sdk.Ping(stream=MENTIONS, account=page_id, external_id=named.comment_id or named.post_id)


def to_message(visit: Visit, page_id: str, kind: str = "text") -> sdk.Message:
    """Return a listed post as a message."""
    files = inside(visit.attachments, "data")
    return _message(
        page_id, visit.id, visit.author, visit.message, visit.created_time, kind=kind, url=visit.permalink_url,
        attachments=tuple(file for each in (files if isinstance(files, list) else ()) for file in attached(each)),
    )  # fmt: skip


async def fetched(http: sdk.Http, page_id: str, post_id: str, *, is_mention: bool) -> Sequence[sdk.Event]:
    """Return a post; of what mentions the page, also a comment.

    Raises:
        Rejected: It is gone, or may not be seen.
    """
    answer = await http.get(path(post_id), params={"fields": OF_ANYTHING if is_mention else FIELDS})
    visit = read(Visit, answer.content, "a post")
    return [to_message(visit, page_id, "mention" if is_mention else "text")]


async def visits(
    http: sdk.Http, page_id: str, stream: str, cursor: sdk.Cursor | None, since: datetime | None
) -> AsyncIterator[sdk.Page]:
    """Yield visitors' posts, or mentions, from the newest down to where the last walk began."""
    edge, kind = ("tagged", "mention") if stream == MENTIONS else ("visitor_posts", "text")
    reader = Reader(http)

    async def page(token: str | None) -> tuple[list[sdk.Item], str | None]:
        query = {"fields": FIELDS, "limit": "50"}
        listing, following = await reader.page(Listing[Visit], path(page_id, edge), query, token or "")
        return [sdk.Item(each.created_time, [to_message(each, page_id, kind)]) for each in listing.data], following

    async for each in sdk.descend(cursor, since, page):
        yield each


def _message(
    page_id: str,
    post_id: str,
    author: Person | None,
    body: str | None,
    sent_at: datetime,
    *,
    edited_at: datetime | None = None,
    attachments: tuple[sdk.Attachment, ...] = (),
    url: str | None = None,
    kind: str = "text",
) -> sdk.Message:
    return sdk.Message(
        external_id=post_id,
        channel=POST,
        account=page_id,
        conversation_id=post_id,
        author=sdk.Author(external_id=author.id, name=author.name or "") if author else None,
        sent_at=sent_at,
        edited_at=edited_at,
        body=body or "",
        kind=kind,
        attachments=attachments,
        url=url or f"https://www.facebook.com/{post_id}",
        ours=author is not None and author.id == page_id,
    )
