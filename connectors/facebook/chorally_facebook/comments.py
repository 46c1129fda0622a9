"""Comments of a page: fetched, answered, hidden, liked, edited and deleted; posts take the same calls.

Source: Graph API v25.0, "Comment", "Page Post" (read 2026-11-23).
"""

from collections.abc import Sequence

from chorally_meta.listing import path
from chorally_meta.shapes import Created, read

import chorally_sdk as sdk
from chorally_facebook import faults
from chorally_facebook.shapes import Comment
from chorally_facebook.translate import to_message
from chorally_facebook.walk import COMMENT_FIELDS


async def fetched(http: sdk.Http, page_id: str, comment_id: str) -> Sequence[sdk.Event]:
    """Return a comment as it is now.

    Raises:
        Rejected: It is gone, or Facebook does not say what it is about.
    """
    answer = await http.get(path(comment_id), params={"fields": f"{COMMENT_FIELDS},object{{id}}"})
    comment = read(Comment, answer.content, "a comment")
    if comment.object is None:
        raise sdk.Rejected("Facebook does not say which post the comment is about", reason=sdk.Reason.PERMISSION)
    about = comment.object.id
    return [to_message(comment, page_id, about if "_" in about else f"{page_id}_{about}")]


async def push(http: sdk.Http, message: sdk.OutboundMessage) -> sdk.Receipt:
    """Answer a comment or a post; without either, comment on the conversation's post.

    Raises:
        OutcomeUnknown: Facebook's answer does not say whether the comment was made.
    """
    target = message.in_reply_to or message.conversation_id
    if not target:
        raise sdk.Rejected("a comment answers a comment or a post; say which")
    try:
        answer = await http.post(path(target, "comments"), data={"message": message.body})
        made = read(Created, answer.content, "the answer to a comment")
    except (faults.Transient, sdk.Malformed) as error:
        raise sdk.OutcomeUnknown(f"whether the comment was made is not known: {error}") from error
    return sdk.Receipt(external_id=made.id, conversation_id=message.conversation_id)


async def moderate(http: sdk.Http, action: sdk.Action) -> None:
    """Hide, show, like or delete, or edit what is the page's own.

    Raises:
        Rejected: Facebook refuses it, or does not offer it.
    """
    match action.verb:
        case "hide" | "unhide":
            hidden = "true" if action.verb == "hide" else "false"
            await http.post(path(action.external_id), data={"is_hidden": hidden})
        case "edit":
            await http.post(path(action.external_id), data={"message": action.body})
        case "like":
            await http.post(path(action.external_id, "likes"))
        case "delete":
            await _delete(http, action.external_id)
        case _:
            raise sdk.Rejected(f"comments and posts take no {action.verb!r}")


async def _delete(http: sdk.Http, object_id: str) -> None:
    try:
        await http.delete(path(object_id))
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise
