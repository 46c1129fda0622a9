"""The one reply to a review: put, put again, looked for, deleted.

A second answer takes the place of the first; the same one put twice is one. A call of unknown outcome is looked for
nevertheless, as somebody may have written another reply meanwhile.
"""

from datetime import timedelta

import chorally_sdk as sdk
from chorally_google_business import api
from chorally_google_business.names import Place, is_reply, reply_id, review_of
from chorally_google_business.reading import one
from chorally_google_business.shapes import Reply
from chorally_google_business.translate import PENDING, REFUSED, refusal

MAX_BYTES = 4096
"""Longest reply, in bytes of UTF-8 (discovery document of mybusiness v4, ``ReviewReply.comment``)."""
SETTLES = timedelta(minutes=1)
_CLOCKS_APART = timedelta(minutes=2)


async def push(http: sdk.Http, place: Place, message: sdk.OutboundMessage) -> sdk.Receipt:
    """Put the reply to a review.

    Raises:
        Rejected: Nothing says to which one, or Google refuses the reply by its policies.
    """
    target = message.in_reply_to or message.conversation_id
    if not target:
        raise sdk.Rejected("it is not said which review this answers; Google takes nothing but replies to reviews")
    reply = await put(http, place, target, message.body)
    return _receipt(review_of(target), reply)


async def put(http: sdk.Http, place: Place, external_id: str, text: str) -> Reply:
    """Let the reply to a review be this text.

    Raises:
        Rejected: Google refuses it by its policies.
    """
    answer = await http.put(f"{place.review(external_id)}/reply", json={"comment": text})
    reply = api.read(Reply, answer.content, "the reply")
    if reply.reviewReplyState == REFUSED:
        raise sdk.Rejected(refusal(reply), reason=sdk.Reason.BLOCKED)
    return reply


async def find(http: sdk.Http, place: Place, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
    """Return the reply that an attempt made; None where the review has none of this text since then.

    Raises:
        OutcomeUnknown: Another reply was written after the attempt, which it may have taken the place of.
        Rejected: Google refuses the reply by its policies.
    """
    target = (outgoing.in_reply_to or outgoing.conversation_id) if isinstance(outgoing, sdk.OutboundMessage) else None
    if not target:
        return None
    reply = (await one(http, place, target)).reviewReply
    if reply is None or not (reply.comment or reply.reviewReplyState):
        return None
    tried = outgoing.tried_at
    is_older = tried is not None and reply.updateTime is not None and reply.updateTime < tried - _CLOCKS_APART
    if is_older:
        return None
    if reply.comment.strip() != outgoing.body.strip():
        raise sdk.OutcomeUnknown("the review has another reply, written after this one was tried; see which one counts")
    if reply.reviewReplyState == REFUSED:
        raise sdk.Rejected(refusal(reply), reason=sdk.Reason.BLOCKED)
    return _receipt(review_of(target), reply)


async def moderate(http: sdk.Http, place: Place, action: sdk.Action) -> None:
    """Edit or delete a reply; one that is gone is deleted already.

    Raises:
        Rejected: The target is a person's review, which only that person changes; or Google refuses the new text.
    """
    if not is_reply(action.external_id):
        raise sdk.Rejected("a review is its author's; only your own replies are edited or deleted")
    if action.verb == "edit":
        await put(http, place, action.external_id, action.body)
        return
    try:
        await http.delete(f"{place.review(action.external_id)}/reply")
    except sdk.Rejected as error:
        if error.reason != sdk.Reason.GONE:
            raise


def _receipt(review: str, reply: Reply) -> sdk.Receipt:
    state = reply.reviewReplyState
    data = {"state": state} if state else {}
    is_shown = state != PENDING
    return sdk.Receipt(
        external_id=reply_id(review), state="sent" if is_shown else "accepted", conversation_id=review, data=data
    )
