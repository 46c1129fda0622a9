"""Looking for a comment of ours whose making was not confirmed, by its text and place."""

from datetime import timedelta

from chorally_meta.listing import Reader, path
from chorally_meta.shapes import Listing

import chorally_sdk as sdk
from chorally_facebook.shapes import Comment

CLOCKS_APART = timedelta(seconds=60)
"""How far our clock may be ahead of Facebook's."""

IN_DOUBT = "; look at the page, and say whether the answer is there"


async def find(http: sdk.Http, page_id: str, outgoing: sdk.OutboundMessage) -> sdk.Receipt | None:
    """Return the comment that a lost call made, None where it is proven that it made none.

    Texts are compared without regard to white space, which Facebook may trim.

    Raises:
        OutcomeUnknown: Several comments, or one of which it is not known who wrote it, could be ours; or the
            text mentions people, which Facebook shows by their names; or it may have been put beside the reply
            that it answers.
    """
    target = outgoing.in_reply_to or outgoing.conversation_id
    if not target:
        raise sdk.OutcomeUnknown("the answer names nothing that it answers")
    made = await _since_the_attempt(http, target, outgoing)
    alike = [comment for comment in made if same(comment.message, outgoing.body)]
    if any(comment.author is None for comment in alike):
        raise sdk.OutcomeUnknown("an equal comment was found, but Facebook does not say whose it is" + IN_DOUBT)
    ours = [comment for comment in alike if comment.author and comment.author.id == page_id]
    if len(ours) > 1:
        raise sdk.OutcomeUnknown(f"{len(ours)} equal comments of the page were found" + IN_DOUBT)
    if ours:
        return sdk.Receipt(external_id=ours[0].id, conversation_id=outgoing.conversation_id, url=ours[0].permalink_url)
    if "@[" in outgoing.body and any(comment.author and comment.author.id == page_id for comment in made):
        raise sdk.OutcomeUnknown("a text with mentions cannot be compared with what Facebook shows" + IN_DOUBT)
    thread = outgoing.route.get("thread")
    if isinstance(thread, str) and thread != target:
        around = await _since_the_attempt(http, thread, outgoing)
        if any(same(comment.message, outgoing.body) for comment in around):
            raise sdk.OutcomeUnknown("an equal comment was found beside the reply it answers" + IN_DOUBT)
    return None


async def _since_the_attempt(http: sdk.Http, target: str, outgoing: sdk.OutboundMessage) -> list[Comment]:
    query: dict[str, str | int] = {
        "fields": "id,from{id,name},message,created_time,permalink_url",
        "filter": "stream",
        "order": "chronological",
        "limit": 100,
    }
    earliest = outgoing.tried_at - CLOCKS_APART if outgoing.tried_at else None
    if earliest:
        query["since"] = int(earliest.timestamp())
    found = Reader(http).all(Listing[Comment], path(target, "comments"), query)
    return [c async for c in found if earliest is None or c.created_time >= earliest.replace(microsecond=0)]


def same(text: str | None, body: str) -> bool:
    """Whether two texts are equal but for white space, which Facebook may trim."""
    return (text or "").split() == body.split()
