"""Replies and tags: a review has one reply at most, which is written, replaced and deleted by the review's id.

What Trustpilot answers to a reply has no id, so the reply is known by its review (Service Reviews API, read
2026-11-23).
"""

import re
from typing import Any

import chorally_sdk as sdk
from chorally_trustpilot.shapes import Review, read
from chorally_trustpilot.translate import reply_id, review_of

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
GROUP = "generic"
"""The group of tags that Trustpilot Business shows."""


def is_id(text: object) -> bool:
    """Whether a text may be a review's id; one that came by a webhook could be a path to something else."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def path(review_id: str, *more: str) -> str:
    """Return the path of a review as the business reads it.

    Raises:
        Rejected: This is no review's id.
    """
    if not is_id(review_id):
        raise sdk.Rejected("this is no id of a review", reason=sdk.Reason.GONE)
    return "/".join(("/v1/private/reviews", review_id, *more))


async def review(http: sdk.Http, review_id: str) -> Review:
    """Return a review as the business reads it."""
    answer = await http.get(path(review_id))
    return read(Review, answer.content, "the review")


async def write(http: sdk.Http, review_id: str, text: str, user: str) -> None:
    """Publish a reply, or put it in the place of the one before.

    Raises:
        Rejected: There is no text.
    """
    if not text.strip():
        raise sdk.Rejected("a reply needs a text")
    body = {"message": text, **({"authorBusinessUserId": user} if user else {})}
    await http.post(path(review_id, "reply"), json=body)


async def push(http: sdk.Http, message: sdk.OutboundMessage, user: str) -> sdk.Receipt:
    """Reply to a review.

    Raises:
        Rejected: The message names no review, or a reply of our own.
    """
    asked = _asked(message)
    await write(http, asked, message.body, user)
    return sdk.Receipt(external_id=reply_id(asked), conversation_id=asked)


async def find(http: sdk.Http, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
    """Look for a reply under its review, by its text.

    Raises:
        OutcomeUnknown: The same text was there before the attempt, or another was written since.
    """
    if not isinstance(outgoing, sdk.OutboundMessage):
        raise sdk.OutcomeUnknown("only replies can be looked for")
    asked = _asked(outgoing)
    reply = (await review(http, asked)).companyReply
    if reply is None:
        return None
    tried = outgoing.tried_at.replace(microsecond=0) if outgoing.tried_at else None
    is_since = tried is None or reply.changed_at >= tried
    if is_since and reply.text.strip() == outgoing.body.strip():
        return sdk.Receipt(external_id=reply_id(asked), conversation_id=asked)
    if is_since or reply.text.strip() == outgoing.body.strip():
        raise sdk.OutcomeUnknown("the review has a reply, and it cannot be told whether it is this one")
    return None


async def moderate(http: sdk.Http, action: sdk.Action, user: str) -> None:
    """Replace or delete a reply; one that is gone already is deleted.

    Raises:
        Rejected: The target is a review, which is the person's own.
    """
    target = review_of(action.external_id)
    if target is None:
        raise sdk.Rejected(
            "a review belongs to who wrote it: only the reply can be changed or deleted",
            reason=sdk.Reason.PERMISSION,
        )
    if action.verb == "edit":
        await write(http, target, action.body, user)
        return
    try:
        await http.delete(path(target, "reply"))
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise


async def tag(http: sdk.Http, outgoing: sdk.Outgoing) -> sdk.Prepared:
    """Add the tags that a reply asks for to its review, which the public does not see.

    Raises:
        Rejected: They are not in the form ``value`` or ``group:value``.
    """
    asked = outgoing.options.get("tags")
    if asked and isinstance(outgoing, sdk.OutboundMessage):
        await http.put(path(_asked(outgoing), "tags"), json={"tags": tags_of(asked)})
    return sdk.Prepared(state={"tagged": bool(asked)})


def tags_of(asked: Any) -> list[dict[str, str]]:
    """Return tags as Trustpilot takes them, from ``value`` or ``group:value``, one or a list of them.

    Raises:
        Rejected: They are in another form.
    """
    words = [asked] if isinstance(asked, str) else asked
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) and word.strip(": ") for word in words):
        raise sdk.Rejected("tags are a list of texts, each a value or group:value")
    return [_tag(word) for word in words]


def _tag(word: str) -> dict[str, str]:
    group, _, value = (part.strip() for part in word.partition(":"))
    return {"group": group, "value": value} if group and value else {"group": GROUP, "value": group or value}


def _asked(message: sdk.OutboundMessage) -> str:
    asked = message.in_reply_to or message.conversation_id
    if not asked:
        raise sdk.Rejected("a reply needs the review that it answers")
    return review_of(asked) or asked
