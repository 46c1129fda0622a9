"""A review in our words: what the person wrote, what the business replied, and whether people see it."""

from collections.abc import Iterator, Sequence, Set
from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_trustpilot.shapes import Reply, Review, Shape

REVIEW = "trustpilot_review"
"""The channel of reviews and replies."""
REVIEWS = "reviews"
"""The stream of new reviews, which pings name too."""
_END = "/reply"

_TOLD = frozenset({"id", "stars", "text", "createdAt", "updatedAt", "consumer", "businessUnit", "companyReply"})
"""Fields that have a place of their own in a message."""
_LEFT_OUT = frozenset({"links", "numberOfLikes", "numberOfReviews"})
"""Addresses of the API, and counters that change by themselves: each change would be an edit of the message."""


def reply_id(review: str) -> str:
    """Return the id of a review's reply, which Trustpilot gives none."""
    return review + _END


def review_of(external_id: str) -> str | None:
    """Return the review that a reply is under; None where the id is no reply's."""
    return external_id.removesuffix(_END) if external_id.endswith(_END) else None


def events_of(review: Review, looked_at: datetime | None = None) -> Iterator[sdk.Event]:
    """Yield what a review gives: its message, its reply, and whether it is hidden.

    Args:
        review: What was read.
        looked_at: When, where that is later than all that was told; a report has one time, whatever becomes of it.
    """
    yield to_message(review)
    if review.companyReply is not None:
        yield _reply(review, review.companyReply)
    if review.reportData is not None and review.reportData.reviewVisibility:
        yield _mark(review, looked_at or review.reportData.createdAt or review.changed_at)


def seen_of(review: Review) -> list[str]:
    """Return what a later look compares: whether there is a reply, and whether people see the review."""
    return ["reply" if review.companyReply else "", _visibility(review)]


def undone(review: Review, before: Sequence[str], looked_at: datetime) -> Iterator[sdk.Event]:
    """Yield what is no more as an earlier look saw it, without leaving a time: a reply, and what a report caused."""
    replied, visibility = before
    if replied and review.companyReply is None:
        yield sdk.Mark(
            state="deleted", at=looked_at, external_id=reply_id(review.id), conversation_id=review.id, channel=REVIEW
        )
    if visibility and visibility != _visibility(review):
        yield _mark(review, looked_at)


def to_message(review: Review) -> sdk.Message:
    """Return what the person wrote; its title is beside it, for the text often repeats it."""
    edited = review.updatedAt if review.updatedAt and review.updatedAt > review.createdAt else None
    return sdk.Message(
        external_id=review.id,
        channel=REVIEW,
        conversation_id=review.id,
        author=_author(review),
        sent_at=review.createdAt,
        edited_at=edited,
        kind="review",
        body=review.text or review.title,
        rating=review.stars if review.stars is not None and 1 <= review.stars <= 5 else None,
        url=f"https://www.trustpilot.com/reviews/{review.id}",
        extra=_extra(review),
    )


def _author(review: Review) -> sdk.Author | None:
    consumer = review.consumer
    if consumer is None or not consumer.id:
        return None
    # the page of a person's reviews is found by the same id (assumed, as the page of a review is)
    return sdk.Author(
        external_id=consumer.id, name=consumer.displayName, url=f"https://www.trustpilot.com/users/{consumer.id}"
    )


def _extra(review: Review) -> dict[str, Any]:
    kept = _kept(review, _TOLD)
    about = _kept(review.consumer, {"id", "displayName"}) if review.consumer else {}
    return {**kept, **({"consumer": about} if about else {})}


def _kept(shape: Shape, told: Set[str]) -> dict[str, Any]:
    whole = shape.model_dump(mode="json")
    return {name: value for name, value in whole.items() if name not in told | _LEFT_OUT and value not in (None, "")}


def _reply(review: Review, reply: Reply) -> sdk.Message:
    unit = review.businessUnit
    return sdk.Message(
        external_id=reply_id(review.id),
        channel=REVIEW,
        conversation_id=review.id,
        parent_id=review.id,
        author=sdk.Author(external_id=unit.id, name=unit.displayName) if unit else None,
        sent_at=reply.createdAt,
        edited_at=reply.updatedAt if reply.updatedAt and reply.updatedAt > reply.createdAt else None,
        kind="reply",
        body=reply.text,
        ours=True,
    )


def _visibility(review: Review) -> str:
    return review.reportData.reviewVisibility.casefold() if review.reportData else ""


def _mark(review: Review, at: datetime) -> sdk.Mark:
    """Whether people see a review that was reported; every word but ``hidden`` counts as seen."""
    is_hidden = _visibility(review) == "hidden"
    return sdk.Mark(
        state="hidden" if is_hidden else "visible",
        at=at,
        external_id=review.id,
        conversation_id=review.id,
        channel=REVIEW,
        reason="the review was reported" if is_hidden else "",
    )
