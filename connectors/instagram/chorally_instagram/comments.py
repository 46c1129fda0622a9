"""Comments and mentions: fetched, answered, looked for, hidden and deleted.

Sources: IGComment, IGMedia, IGUser (mentions) of Meta's description of nodes, commit ad2b0b6f; "Comment Moderation",
"Mentions" (read 2026-11-23). An answer to a reply is put below the comment that both answer.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from chorally_meta.listing import Reader
from chorally_meta.shapes import Created, Listing, read

import chorally_sdk as sdk
from chorally_instagram import faults
from chorally_instagram.api import Api
from chorally_instagram.shapes import Comment, Media, Mentioned
from chorally_instagram.translate import mentioned_by, mentioned_in, to_message
from chorally_instagram.walk import OF_REPLY

OF_ONE = f"{OF_REPLY},media{{id,permalink}}"
OF_MENTIONED = "id,text,timestamp,username,media{id,permalink}"
OF_MEDIA = "id,caption,media_type,media_product_type,media_url,permalink,timestamp,username"
CLOCKS_APART = timedelta(minutes=2)
"""How far Instagram's clock may be behind ours, or ours behind Instagram's."""
IN_DOUBT = "; look at it on Instagram and decide whether to send again"


async def fetched(api: Api, comment_id: str) -> Sequence[sdk.Event]:
    """Return a comment as it is now.

    Raises:
        Rejected: It is gone, or Instagram does not say what it is about.
    """
    answer = await api.http.get(api.at(comment_id), params={"fields": OF_ONE})
    comment = read(Comment, answer.content, "a comment")
    if comment.media is None or comment.media.id is None:
        raise sdk.Rejected("Instagram does not say which media the comment is about", reason=sdk.Reason.PERMISSION)
    return [to_message(comment, comment.media.id, api.is_ours, url=comment.media.permalink)]


async def fetched_mention(api: Api, named: str) -> Sequence[sdk.Event]:
    """Return what mentions the account: ``<media>``, or ``<media>/<comment>``.

    Raises:
        Rejected: It is gone, or may not be seen.
    """
    media_id, _, comment_id = named.partition("/")
    if not (media_id + comment_id).isalnum():
        raise sdk.Rejected("a mention is named by its media, and its comment", reason=sdk.Reason.GONE)
    if comment_id:
        fields = f"mentioned_comment.comment_id({comment_id}){{{OF_MENTIONED}}}"
    else:
        fields = f"mentioned_media.media_id({media_id}){{{OF_MEDIA}}}"
    answer = await api.http.get(api.own(), params={"fields": fields})
    found = read(Mentioned, answer.content, "a mention")
    if found.mentioned_comment is not None:
        return [mentioned_in(found.mentioned_comment, media_id, api.is_ours)]
    if found.mentioned_media is not None:
        return [mentioned_by(found.mentioned_media, api.is_ours)]
    raise sdk.Rejected("the mention is no longer there", reason=sdk.Reason.GONE)


async def push(api: Api, message: sdk.OutboundMessage) -> sdk.Receipt:
    """Answer a comment, a mention or a post; without either, comment on the conversation's media.

    Raises:
        OutcomeUnknown: Instagram's answer does not say whether the comment was made.
    """
    url, data = _call(api, message)
    try:
        answer = await api.http.post(url, data=data)
        made = read(Created, answer.content, "the answer to a comment")
    except (faults.Transient, sdk.Malformed) as error:
        raise sdk.OutcomeUnknown(f"whether the comment was made is not known: {error}") from error
    return sdk.Receipt(external_id=made.id, conversation_id=message.conversation_id)


def _call(api: Api, message: sdk.OutboundMessage) -> tuple[str, dict[str, str]]:
    """Where an answer goes, and what is sent there."""
    if (mention := mention_of(message)) is not None:
        named = {name: str(mention[name]) for name in ("media_id", "comment_id") if mention.get(name)}
        return api.own("mentions"), {**named, "message": message.body}
    target = message.in_reply_to or message.conversation_id
    if not target:
        raise sdk.Rejected("a comment answers a comment or a post; say which")
    edge = "comments" if target == message.conversation_id else "replies"
    return api.at(target, edge), {"message": message.body}


def mention_of(message: sdk.OutboundMessage) -> Mapping[str, Any] | None:
    """Return what an answer mentions us in, which is somebody else's; None where it is below our own media."""
    mention = message.route.get("mention")
    return mention if isinstance(mention, Mapping) else None


async def find(api: Api, message: sdk.OutboundMessage) -> sdk.Receipt | None:
    """Return the comment that a lost call made, None where it is proven that it made none.

    Raises:
        OutcomeUnknown: Several comments could be ours, or one below which several were answered; or it is below
            somebody else's media, where Instagram lists nothing.
    """
    if mention_of(message) is not None:
        raise sdk.OutcomeUnknown("answers to mentions are listed nowhere" + IN_DOUBT)
    target, thread = message.in_reply_to or message.conversation_id, message.route.get("thread")
    if not target:
        raise sdk.OutcomeUnknown("the answer names nothing that it answers")
    edge = "comments" if target == message.conversation_id else "replies"
    where = api.at(str(thread), "replies") if thread else api.at(target, edge)
    earliest = message.tried_at - CLOCKS_APART if message.tried_at else None
    since = earliest.replace(microsecond=0) if earliest else None
    listing = Reader(api.http).all(Listing[Comment], where, {"fields": OF_REPLY, "limit": "50"})
    alike = [
        each async for each in listing
        if (since is None or each.timestamp >= since) and same(each.text, message.body)
    ]  # fmt: skip
    if any(each.author is None and not each.username for each in alike):
        raise sdk.OutcomeUnknown("an equal comment was found, but Instagram does not say whose it is" + IN_DOUBT)
    ours = [each for each in alike if _is_ours(api, each)]
    if len(ours) > 1 or (ours and thread):
        raise sdk.OutcomeUnknown(f"{len(ours)} equal comments of the account could be it" + IN_DOUBT)
    return sdk.Receipt(external_id=ours[0].id, conversation_id=message.conversation_id) if ours else None


def _is_ours(api: Api, comment: Comment) -> bool:
    author = comment.author
    by_id = author is not None and (api.is_ours(author.id, author.username) or author.self_ig_scoped_id == author.id)
    return by_id or api.is_ours(None, comment.username)


async def moderate(api: Api, action: sdk.Action) -> None:
    """Hide, show or delete a comment; delete a post.

    Raises:
        Rejected: Instagram refuses it, or does not offer it.
    """
    match action.verb:
        case "hide" | "unhide":
            hidden = "true" if action.verb == "hide" else "false"
            await api.http.post(api.at(action.external_id), data={"hide": hidden})
        case "delete":
            await _delete(api, action.external_id)
        case _:
            raise sdk.Rejected(f"comments and posts take no {action.verb!r}")


async def _delete(api: Api, object_id: str) -> None:
    try:
        await api.http.delete(api.at(object_id))
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise


def same(text: str | None, body: str) -> bool:
    """Whether two texts are equal but for white space, which Instagram may trim."""
    return (text or "").split() == body.split()


async def media(api: Api, media_id: str) -> Media:
    """Return a media of the account."""
    answer = await api.http.get(api.at(media_id), params={"fields": OF_MEDIA})
    return read(Media, answer.content, "a media")
