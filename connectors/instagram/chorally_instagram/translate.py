"""Instagram's comments and posts in our words: the same message whether it came by webhook or by polling."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chorally_meta.shapes import read_value

import chorally_sdk as sdk
from chorally_instagram.names import COMMENT, COMMENTS, MENTIONS, POST
from chorally_instagram.shapes import Comment, Commenter, Media, Mention, Told

Ours = Callable[[str | None, str | None], bool]
"""Whether an id or a user name is the account's."""
_IMAGES = frozenset({"IMAGE", "CAROUSEL_ALBUM"})


def to_message(comment: Comment, media_id: str, ours: Ours, *, url: str | None = None) -> sdk.Message:
    """Return a listed comment as a message of the conversation that its media is."""
    return _comment(
        comment.id, media_id, comment.parent_id, _named(comment.author, comment.username), comment.text,
        comment.timestamp, ours, url=url,
    )  # fmt: skip


def from_change(account: str, field: str, value: object, sent: datetime | None, raw: bytes) -> sdk.Event:
    """Return what a change of ``comments`` or ``live_comments`` tells.

    A comment of which it is not said on which media it is, as on albums, or when, is a ping of the comment.

    Args:
        account: Whose media it is on.
        field: ``live_comments`` are of a broadcast that is on.
        value: The change.
        sent: When Instagram sent it: the comment's own time is not told.
        raw: The whole body, kept with an error.

    Raises:
        Malformed: It is not in a documented shape.
    """
    change = read_value(Told, value, f"webhook, {field}", raw)
    comment_id = change.comment_id or change.id
    if not comment_id:
        raise sdk.Malformed(f"webhook, {field}: neither id nor comment_id", raw)
    if change.media is None or change.media.id is None or sent is None:
        return sdk.Ping(stream=COMMENTS, account=account, external_id=comment_id)

    def ours(external_id: str | None, _: str | None) -> bool:
        return external_id == account

    extra = {"live": True} if field == "live_comments" else {}
    return _comment(
        comment_id, change.media.id, change.parent_id, change.author, change.text, sent, ours, account=account,
        extra=extra,
    )  # fmt: skip


def from_mention(account: str, value: object, raw: bytes) -> sdk.Ping:
    """Return a ping of what mentions the account: the webhook only names it, as ``<media>`` or ``<media>/<comment>``.

    Raises:
        Malformed: It names nothing.
    """
    named = read_value(Mention, value, "webhook, mentions", raw)
    both = f"{named.media_id}/{named.comment_id}" if named.comment_id else named.media_id
    return sdk.Ping(stream=MENTIONS, account=account, external_id=both)


def mentioned_in(comment: Comment, media_id: str, ours: Ours) -> sdk.Message:
    """Return a comment that mentions the account, on somebody's media."""
    message = to_message(comment, media_id, ours, url=comment.media.permalink if comment.media else None)
    route = {"mention": {"media_id": media_id, "comment_id": comment.id}}
    return message.model_copy(update={"kind": "mention", "route": route})


def mentioned_by(media: Media, ours: Ours) -> sdk.Message:
    """Return a post whose caption mentions the account, or that tags it."""
    if media.timestamp is None:
        raise sdk.Rejected("Instagram does not say when the post was made", reason=sdk.Reason.PERMISSION)
    author = _named(Commenter(id=media.owner.id) if media.owner else None, media.username)
    kind = "image" if media.media_type in _IMAGES else "video"
    files: tuple[sdk.Attachment, ...] = ()
    if media.media_url:
        told = {"kind": kind, "external_id": f"media:{media.id}", "url": media.media_url}
        files = (sdk.Attachment.model_validate(told),)
    return sdk.Message(
        external_id=media.id,
        channel=POST,
        conversation_id=media.id,
        author=_author(author),
        sent_at=media.timestamp,
        kind="mention",
        body=media.caption or "",
        attachments=files,
        url=media.permalink,
        ours=author is not None and ours(author.id, author.username),
        route={"mention": {"media_id": media.id}},
    )


def _comment(
    comment_id: str, media_id: str, parent_id: str | None, author: Commenter | None, text: str | None, at: datetime,
    ours: Ours, **more: Any,
) -> sdk.Message:  # fmt: skip
    own = author is not None and (ours(author.id, author.username) or author.self_ig_scoped_id == author.id)
    return sdk.Message(
        external_id=comment_id,
        channel=COMMENT,
        conversation_id=media_id,
        parent_id=parent_id or media_id,
        author=_author(author),
        sent_at=at,
        body=text or "",
        ours=own,
        route={"thread": parent_id} if parent_id else {},  # an answer to a reply is put below the same comment
        **more,
    )


def _named(author: Commenter | None, username: str | None) -> Commenter | None:
    """Who wrote; where Instagram tells no id, the user name is all there is to tell people apart by."""
    if author is not None:
        return author if author.username else author.model_copy(update={"username": username})
    return Commenter(id=f"@{username}", username=username) if username else None


def _author(author: Commenter | None) -> sdk.Author | None:
    if author is None:
        return None
    handle = author.username or ""
    url = f"https://www.instagram.com/{handle}/" if handle else None
    return sdk.Author(external_id=author.id, name=author.name or handle, handle=handle, url=url)
