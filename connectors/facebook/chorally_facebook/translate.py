"""Facebook's comments in our words: the same message whether it came by webhook or by polling."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from chorally_meta.shapes import Person, inside, read_value, text

import chorally_sdk as sdk
from chorally_facebook.names import COMMENT, COMMENTS
from chorally_facebook.shapes import Comment, FeedComment

STATES: dict[str, Literal["deleted", "hidden", "visible"]] = {
    "remove": "deleted",
    "hide": "hidden",
    "unhide": "visible",
}
SAID = frozenset({"add", "edit", "edited"})  # "edited" is documented, "edit" is seen (unverified)


def to_message(comment: Comment, page_id: str, post_id: str) -> sdk.Message:
    """Return a listed comment of a post as a message; Graph says nothing of when it was edited."""
    parent_id = comment.parent.id if comment.parent else post_id
    return _message(
        external_id=comment.id,
        page_id=page_id,
        post_id=post_id,
        parent_id=parent_id,
        person=comment.author,
        body=comment.message,
        sent_at=comment.created_time,
        attachments=attached(comment.attachment),
        url=comment.permalink_url,
    )


def from_feed(page_id: str, value: object, sent: datetime | None, raw: bytes) -> Iterator[sdk.Event]:
    """Yield what a change of the webhook field ``feed`` means; none where it is not about a comment.

    Args:
        page_id: The page it happened on.
        value: The change.
        sent: When Facebook sent it, which is the best known time of an edit, a removal or a hiding.
        raw: The whole body, kept with an error.

    Raises:
        Malformed: It is about a comment, and not in the documented shape.
    """
    if isinstance(value, dict) and value.get("item") != "comment":
        return
    change = read_value(FeedComment, value, "webhook, item comment", raw)
    at = sent or change.created_time
    if change.verb in SAID:
        if change.created_time is None:
            raise sdk.Malformed("webhook, item comment: created_time: Field required", raw)
        yield _message(
            external_id=change.comment_id,
            page_id=page_id,
            post_id=change.post_id,
            parent_id=change.parent_id or change.post_id,
            person=change.author,
            body=change.message,
            sent_at=change.created_time,
            edited_at=None if change.verb == "add" else at,
            attachments=_linked(change),
        )
    elif change.verb in STATES:
        if at is None:
            raise sdk.Malformed("webhook, item comment: neither entry.time nor created_time", raw)
        yield sdk.Mark(
            state=STATES[change.verb],
            at=at,
            account=page_id,
            external_id=change.comment_id,
            conversation_id=change.post_id,
            channel=COMMENT,
        )
    else:
        yield sdk.Ping(stream=COMMENTS, account=page_id, external_id=change.comment_id)


def _message(
    *,
    external_id: str,
    page_id: str,
    post_id: str,
    parent_id: str,
    person: Person | None,
    body: str | None,
    sent_at: datetime,
    edited_at: datetime | None = None,
    attachments: tuple[sdk.Attachment, ...] = (),
    url: str | None = None,
) -> sdk.Message:
    return sdk.Message(
        external_id=external_id,
        channel=COMMENT,
        account=page_id,
        conversation_id=post_id,
        parent_id=parent_id,
        author=sdk.Author(external_id=person.id, name=person.name or "") if person else None,
        sent_at=sent_at,
        edited_at=edited_at,
        body=body or "",
        attachments=attachments,
        url=url or f"https://www.facebook.com/{external_id}",
        ours=person is not None and person.id == page_id,
        # An answer to a reply may be put beside that reply: `find` looks there too.
        route={} if parent_id == post_id else {"thread": parent_id},
    )


def attached(attachment: object) -> tuple[sdk.Attachment, ...]:
    """A listed comment's one attachment; of shared links nothing is taken, the text has them."""
    kind = inside(attachment, "type")
    if not isinstance(kind, str):
        return ()
    external_id = text(inside(attachment, "target", "id"))
    if "video" in kind:
        url = text(inside(attachment, "media", "source")) or text(inside(attachment, "url"))
        return (sdk.Attachment(kind="video", external_id=external_id, url=url),)
    if kind in {"photo", "sticker", "animated_image_video"}:
        url = text(inside(attachment, "media", "image", "src")) or text(inside(attachment, "url"))
        return (sdk.Attachment(kind="image", external_id=external_id, url=url),)
    return ()


def _linked(change: FeedComment) -> tuple[sdk.Attachment, ...]:
    """A webhook's photo and video, which are links there."""
    photo, video = text(change.photo), text(change.video)
    found = [sdk.Attachment(kind="image", url=photo)] if photo else []
    if video:
        found.append(sdk.Attachment(kind="video", url=video))
    return tuple(found)
