"""From LinkedIn's comments and notifications to our events."""

from collections.abc import Iterator
from datetime import datetime

import chorally_sdk as sdk
from chorally_linkedin.little import plain
from chorally_linkedin.names import (
    COMMENT,
    COMMENTS,
    MENTIONS,
    POST,
    comment_urn,
    is_comment,
    number_of,
    page_of,
    pinged,
    thread_of,
    whole,
)
from chorally_linkedin.shapes import Comment, Notification, Post

SAID = frozenset({"COMMENT", "COMMENT_EDIT", "ADMIN_COMMENT"})
SHARED = {"SHARE_MENTION": "mention", "SHARE": "share"}
WORDLESS = frozenset({"LIKE"})
"""What says nothing that could be answered: it gives no event."""


def to_message(comment: Comment, organization: str, post: str) -> sdk.Message:
    """Return a comment under a post as a message.

    Args:
        comment: What LinkedIn shows.
        organization: URN of the account.
        post: URN of the post, as the list of posts names it.
    """
    urn = whole(comment.urn) or comment_urn(comment.object or post, comment.id)
    above = whole(comment.parent) if comment.parent else None
    edited = comment.modified.time if comment.modified and comment.modified.time > comment.created.time else None
    attributes = [dict(each) for each in comment.message.attributes]
    return sdk.Message(
        external_id=number_of(urn),
        channel=COMMENT,
        conversation_id=post,
        parent_id=number_of(above) if above else None,
        author=sdk.Author(external_id=comment.actor) if comment.actor else None,
        sent_at=comment.created.time,
        edited_at=edited,
        body=comment.message.text,
        attachments=tuple(_attachments(comment)),
        url=page_of(post),
        ours=comment.actor == organization,
        route={"urn": urn, "under": above or urn, "object": thread_of(urn) or post},
        extra={"attributes": attributes} if attributes else {},
    )


def _attachments(comment: Comment) -> Iterator[sdk.Attachment]:
    for content in comment.content:
        entity, url = content.get("entity"), content.get("url")
        urn = (
            next((each for each in entity.values() if isinstance(each, str)), None)
            if isinstance(entity, dict)
            else None
        )
        kind = str(content.get("type") or "").lower()
        yield sdk.Attachment(
            kind="image" if kind == "image" else "video" if kind == "video" else "file",
            external_id=urn or (entity if isinstance(entity, str) else None),
            url=url if isinstance(url, str) else None,
        )


def to_mention(post: Post, organization: str, at: datetime) -> sdk.Message:
    """Return a post of somebody else, which names the page, as a message."""
    return sdk.Message(
        external_id=post.id,
        channel=POST,
        conversation_id=post.id,
        author=sdk.Author(external_id=post.author) if post.author else None,
        sent_at=post.made_at or at,
        kind="mention",
        body=plain(post.commentary),
        url=page_of(post.id),
        ours=post.author == organization,
        route={},
        extra={},
    )


def events(told: Notification) -> Iterator[sdk.Event]:
    """Yield what a notification says: what it only names is a ping."""
    account = told.organization
    made = whole(told.made)
    if told.action == "COMMENT_DELETE" and is_comment(made) and told.at is not None:
        yield sdk.Mark(state="deleted", at=told.at, account=account, external_id=number_of(made), channel=COMMENT)
    elif told.action in SAID and is_comment(made):
        post = told.source_shown.entity if told.source_shown else ""
        yield sdk.Ping(stream=COMMENTS, account=account, external_id=pinged(post, made) if post else None)
    elif told.action in SHARED:
        yield from _shared(told)
    elif told.action not in WORDLESS:
        yield sdk.Ping(stream=COMMENTS, account=account)


def _shared(told: Notification) -> Iterator[sdk.Event]:
    """A post that mentions the page, or passes one of its posts on: with words, or it says nothing."""
    share = told.made_shown.share if told.made_shown else None
    kind = SHARED[told.action]
    if share is None or told.at is None or not (share.entity or told.made):
        if kind == "mention":
            yield sdk.Ping(stream=MENTIONS, account=told.organization, external_id=told.made or None)
    elif share.words or kind == "mention":
        urn = share.entity or told.made
        yield sdk.Message(
            external_id=urn,
            channel=POST,
            account=told.organization,
            conversation_id=urn,
            author=sdk.Author(external_id=share.owner) if share.owner else None,
            sent_at=told.at,
            kind=kind,
            body=share.words,
            url=page_of(urn),
            ours=share.owner == told.organization,
            route={},
            extra={"shares": told.source} if kind == "share" and told.source else {},
        )
