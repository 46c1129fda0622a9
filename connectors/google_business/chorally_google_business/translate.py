"""Turns a review and its reply into messages of ours."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_google_business.names import REVIEW, location_of, reply_id, review_in
from chorally_google_business.shapes import Reply, Review, Reviewer

STARS = {"ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5}
PENDING, REFUSED = "PENDING", "REJECTED"
"""States of a reply that Google has not shown yet, or will not show."""
_LINKS = ("videoUrl", "googleUrl", "sourceUrl", "thumbnailUrl")
"""Where a file of a review may be; the reference does not say more than that there are such files."""


def changed_at(review: Review) -> datetime:
    """Return when a review was last changed."""
    return review.updateTime or review.createTime


def to_events(review: Review, raw: bytes = b"") -> tuple[sdk.Event, ...]:
    """Return a review, and what is to be said of its reply.

    Raises:
        Malformed: Its name is none of a review.
    """
    return (to_message(review, raw), *reply_events(review, raw))


def to_message(review: Review, raw: bytes = b"") -> sdk.Message:
    """Return a review as a message; stars without text have an empty body."""
    external_id = id_of(review, raw)
    changed = changed_at(review)
    stars = STARS.get(review.starRating)
    extra: dict[str, Any] = {}
    if stars is None and review.starRating:
        extra["star_rating"] = review.starRating
    if review.reviewReplyUrl:
        extra["reply_url"] = review.reviewReplyUrl
    files = [to_attachment(item) for item in review.reviewMediaItems]
    if unread := [item for item, file in zip(review.reviewMediaItems, files, strict=True) if file is None]:
        extra["media"] = unread
    return sdk.Message(
        external_id=external_id,
        channel=REVIEW,
        account=location_of(review.name),
        conversation_id=external_id,
        author=to_author(review.reviewer, external_id),
        sent_at=review.createTime,
        edited_at=changed if changed > review.createTime else None,
        kind="review",
        body=review.comment,
        rating=stars,
        attachments=tuple(file for file in files if file is not None),
        extra=extra,
    )


def reply_events(review: Review, raw: bytes = b"") -> tuple[sdk.Event, ...]:
    """Return what is to be said of a review's reply: our message, that it is refused, or nothing yet."""
    reply = review.reviewReply
    if reply is None or reply.reviewReplyState == PENDING or not (reply.comment or reply.reviewReplyState == REFUSED):
        return ()
    external_id = id_of(review, raw)
    at = reply.updateTime or changed_at(review)
    if reply.reviewReplyState == REFUSED:
        return (
            sdk.Mark(
                state="failed", at=at, account=location_of(review.name), external_id=reply_id(external_id),
                conversation_id=external_id, channel=REVIEW, reason=refusal(reply),
            ),
        )  # fmt: skip
    return (
        sdk.Message(
            external_id=reply_id(external_id), channel=REVIEW, account=location_of(review.name),
            conversation_id=external_id, parent_id=external_id, sent_at=at, edited_at=at, kind="reply",
            body=reply.comment, ours=True,
        ),
    )  # fmt: skip


def refusal(reply: Reply) -> str:
    """Return why Google does not show a reply."""
    told = reply.policyViolation
    return f"Google refuses the reply{f': {str(told)[:200]}' if told else ' by its policies'}"


def to_author(reviewer: Reviewer, review: str) -> sdk.Author | None:
    """Return who wrote a review; None where the person is anonymous.

    Google gives people no id: a name together with a photo stands for one person, a name alone only for whoever
    wrote this review. What follows ``=`` in a photo's address is its size and badge.
    """
    if reviewer.isAnonymous or not reviewer.displayName:
        return None
    photo = reviewer.profilePhotoUrl.partition("=")[0]
    told = f"{reviewer.displayName}\n{photo or review}".encode("utf-8", "surrogatepass")
    return sdk.Author(
        external_id=hashlib.sha256(told).hexdigest()[:32],
        name=reviewer.displayName,
        avatar_url=reviewer.profilePhotoUrl or None,
    )


def to_attachment(item: Mapping[str, Any]) -> sdk.Attachment | None:
    """Return a file of a review; None where nothing in it is an address."""
    links = {name: item[name] for name in _LINKS if isinstance(item.get(name), str) and item[name]}
    if not links:
        return None
    is_video = "videoUrl" in links or item.get("mediaFormat") == "VIDEO"
    return sdk.Attachment(kind="video" if is_video else "image", url=next(iter(links.values())))


def id_of(review: Review, raw: bytes = b"") -> str:
    """Return the id of a review.

    Raises:
        Malformed: Its name is none of a review.
    """
    found = review_in(review.name)
    if found is None:
        raise sdk.Malformed("a review: its name is none of a review", raw)
    return found


def state_of(reply: Reply | None) -> str:
    """Return a few letters that differ where a reply does; none where there is no reply."""
    if reply is None or not (reply.comment or reply.reviewReplyState):
        return ""
    told = f"{reply.updateTime}\n{reply.reviewReplyState}\n{reply.comment}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:10]
