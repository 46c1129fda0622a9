"""Comments: answering as the page, looking for what a call made, reading one, changing one.

LinkedIn nests answers one level deep: an answer to an answer goes under the comment that both are about.
Source: "Network Update Social Actions" (read 2026-11-23); the forms of edits and of ``actor`` are unverified.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import chorally_sdk as sdk
from chorally_linkedin.api import Api
from chorally_linkedin.names import COMMENT, coded, comment_urn, is_comment, number_of, of_ping, page_of, thread_of
from chorally_linkedin.shapes import Comment, Listing, MadeComment, Post, read
from chorally_linkedin.translate import to_mention, to_message

CLOCKS_APART = timedelta(seconds=60)
"""How far our clock may be ahead of LinkedIn's."""
LOOKED_AT = 20
"""Posts under which a comment is looked for that is named by its number alone; hooks name the post."""
IN_DOUBT = "; look at the page, and say whether it is there"


@dataclass(frozen=True)
class Target:
    """Where an answer goes."""

    under: str
    """URN of the comment or the post under which it stands."""
    object: str
    """URN of what it is about, in the words of LinkedIn."""


def target_of(message: sdk.OutboundMessage) -> Target:
    """Return where an answer goes: by the route, else by the ids.

    Raises:
        Rejected: It names nothing that it answers.
    """
    under, thread = message.route.get("under"), message.route.get("object")
    post = message.conversation_id or ""
    if isinstance(under, str) and under and isinstance(thread, str):
        return Target(under, thread)
    answered = message.in_reply_to or ""
    if answered.isdecimal() and post:
        return Target(comment_urn(post, answered), post)
    where = answered or post
    if not where:
        raise sdk.Rejected("the answer names nothing that it answers")
    return Target(where, thread_of(where) or where)


async def push(api: Api, organization: str, message: sdk.OutboundMessage) -> sdk.Receipt:
    """Answer as the page.

    Raises:
        OutcomeUnknown: LinkedIn's answer does not say what was made.
    """
    target = target_of(message)
    body = {"actor": organization, "object": target.object, "message": {"text": message.body}}
    if is_comment(target.under):
        body["parentComment"] = target.under
    answer = await api.post(api.comments_of(target.under), body)
    made = answer.headers.get("x-restli-id") or answer.headers.get("x-linkedin-id") or ""
    if not made:
        try:
            told = read(MadeComment, answer.content, "the answer to a comment")
        except sdk.Malformed as error:
            raise sdk.OutcomeUnknown(f"whether the comment was made is not known: {error}") from error
        made = told.urn or told.id
    if not made:
        raise sdk.OutcomeUnknown("LinkedIn's answer does not name the comment")
    return _receipt(number_of(made), message)


async def find(api: Api, organization: str, message: sdk.OutboundMessage) -> sdk.Receipt | None:
    """Return the comment that a lost call made, None where there is none.

    Raises:
        OutcomeUnknown: Several could be it, or one of which it is not known who wrote it.
    """
    target = target_of(message)
    earliest = message.tried_at - CLOCKS_APART if message.tried_at else None
    listed = api.all(Listing[Comment], api.comments_of(target.under))
    alike = [
        each async for each in listed
        if (earliest is None or each.created.time >= earliest) and same(each.message.text, message.body)
    ]  # fmt: skip
    if any(each.actor is None for each in alike):
        raise sdk.OutcomeUnknown("an equal comment was found, and LinkedIn does not say whose it is" + IN_DOUBT)
    ours = {each.id for each in alike if each.actor == organization}
    if len(ours) > 1:
        raise sdk.OutcomeUnknown(f"{len(ours)} equal comments of the page were found" + IN_DOUBT)
    return _receipt(number_of(ours.pop()), message) if ours else None


def _receipt(number: str, message: sdk.OutboundMessage) -> sdk.Receipt:
    post = message.conversation_id
    return sdk.Receipt(external_id=number, conversation_id=post, url=page_of(post) if post else None)


async def fetched(api: Api, organization: str, ping: sdk.Ping, now: datetime) -> Sequence[sdk.Event]:
    """Read the comment or the post that a ping names; a mark where a hook's comment is gone.

    Raises:
        Rejected: It is gone, or the page may not read it.
    """
    named = ping.external_id or ""
    if not named:
        return ()
    if named.isdecimal():
        return [await _looked_for(api, organization, named)]
    pair = of_ping(named)
    if pair is None:
        answer = await api.get(f"/rest/posts/{coded(named)}")
        return [to_mention(read(Post, answer.content, "a post"), organization, now)]
    post, urn = pair
    try:
        return [await _one(api, organization, post, number_of(urn))]
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise
        return [sdk.Mark(state="deleted", at=now, external_id=number_of(urn), channel=COMMENT)]


async def _one(api: Api, organization: str, post: str, number: str) -> sdk.Message:
    answer = await api.get(api.comments_of(post, number))
    return to_message(read(Comment, answer.content, "a comment"), organization, post)


async def _looked_for(api: Api, organization: str, number: str) -> sdk.Message:
    """Look for a comment whose post is not known, under the posts that were changed last.

    Raises:
        Rejected: It is under none of them.
    """
    url = f"/rest/posts?author={coded(organization)}&q=author&sortBy=LAST_MODIFIED"
    posts, _, _ = await api.page(Listing[Post], url, 0, LOOKED_AT, method="FINDER")
    for post in posts:
        try:
            return await _one(api, organization, post.id, number)
        except sdk.Rejected as error:
            if error.reason is not sdk.Reason.GONE:
                raise
    raise sdk.Rejected("the comment is under none of the page's recent posts", reason=sdk.Reason.GONE)


async def moderate(api: Api, organization: str, action: sdk.Action) -> None:
    """Edit an own comment, delete one, or like one as the page.

    Raises:
        Rejected: LinkedIn has no such thing for comments.
    """
    known = action.route.get("urn")
    post = action.conversation_id or ""
    if not (isinstance(known, str) and known) and not post:
        raise sdk.Rejected("it is not known under which post the comment is")
    urn = known if isinstance(known, str) and known else comment_urn(post, action.external_id)
    path = f"{api.comments_of(thread_of(urn), number_of(urn))}?actor={coded(organization)}"
    match action.verb:
        case "edit":
            await api.post(path, {"patch": {"message": {"$set": {"text": action.body}}}}, "PARTIAL_UPDATE")
        case "delete":
            await api.delete(path)
        case "like":
            await like(api, organization, urn)
        case _:
            raise sdk.Rejected(f"LinkedIn's comments take no {action.verb!r}")


async def like(api: Api, organization: str, urn: str) -> None:
    """React to a post or a comment as the page; once, however often it is asked."""
    actor = coded(organization)
    try:
        await api.post(f"/rest/reactions?actor={actor}", {"root": urn, "reactionType": "LIKE"})
    except (sdk.RetryLater, sdk.Rejected) as error:
        if isinstance(error, sdk.RateLimited) or not await _is_liked(api, actor, urn):
            raise


async def _is_liked(api: Api, actor: str, urn: str) -> bool:
    try:
        await api.get(f"/rest/reactions/(actor:{actor},entity:{coded(urn)})")
    except sdk.Rejected:
        return False
    return True


def same(text: str, body: str) -> bool:
    """Whether two texts are equal but for white space, which LinkedIn may trim."""
    return text.split() == body.split()
