"""What is done to messages that are there: edited, deleted, liked; what is so already is success."""

from collections.abc import Awaitable
from typing import Any

import chorally_sdk as sdk
from chorally_telegram import api
from chorally_telegram.faults import Moved, Unmodified
from chorally_telegram.ids import Place
from chorally_telegram.sending import MAX_CAPTION, MAX_TEXT

LIKE = "\N{THUMBS UP SIGN}"
"""The reaction that a like is."""

_NO_TEXT = "no text in the message"


async def moderate(http: sdk.Http, action: sdk.Action) -> None:
    """Do it.

    Raises:
        Rejected: Telegram refuses it, or does not offer it.
    """
    place = Place.of_message(action.external_id)
    match action.verb:
        case "edit":
            await _so_already(_edit(http, place, action.body))
        case "delete":
            await _delete(http, place)
        case "like":
            if place.connection:
                raise sdk.Rejected("Telegram offers no reactions in the chats of a business account")
            await api.call(http, "setMessageReaction", {**_at(place), "reaction": [{"type": "emoji", "emoji": LIKE}]})
        case _:
            raise sdk.Rejected(f"Telegram offers no {action.verb!r} of messages")


async def _edit(http: sdk.Http, place: Place, text: str) -> None:
    """Edit a text; where the message has none, the words beside its file."""
    business = {"business_connection_id": place.connection} if place.connection else {}
    if sdk.length(text, "utf16") > MAX_TEXT:
        raise sdk.Rejected(f"a text has at most {MAX_TEXT} UTF-16 units; shorten it")
    try:
        await api.call(http, "editMessageText", {**business, **_at(place), "text": text})
    except sdk.Rejected as error:
        if _NO_TEXT not in str(error).lower():
            raise
        if sdk.length(text, "utf16") > MAX_CAPTION:
            raise sdk.Rejected(f"a text beside a file has at most {MAX_CAPTION} UTF-16 units; shorten it") from error
        await api.call(http, "editMessageCaption", {**business, **_at(place), "caption": text})


async def _delete(http: sdk.Http, place: Place) -> None:
    try:
        if place.connection:
            asked: dict[str, Any] = {"business_connection_id": place.connection, "message_ids": [place.message]}
            await api.call(http, "deleteBusinessMessages", asked)
        else:
            await api.call(http, "deleteMessage", _at(place))
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE or isinstance(error, Moved):
            raise  # what was said in a group that moved is still there, under a number that nobody tells


async def _so_already(done: Awaitable[None]) -> None:
    try:
        await done
    except Unmodified:
        return


def _at(place: Place) -> dict[str, Any]:
    return {"chat_id": place.chat, "message_id": place.message}
