"""Notifications of Google, pushed by Pub/Sub: proven by a token of Google's, they only name what changed.

Sources: "Authentication for push subscriptions" (Pub/Sub), ``PubsubMessage`` of its discovery document, and messages
as they were captured; Google documents no member of their data, so all spellings that were seen are read.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic_core

import chorally_sdk as sdk
from chorally_google_business.api import CERTS_URL
from chorally_google_business.config import AppSettings
from chorally_google_business.names import REVIEWS, location_of, review_in

ISSUERS = ("https://accounts.google.com", "accounts.google.com")
ABOUT_REVIEWS = frozenset({"NEW_REVIEW", "UPDATED_REVIEW"})
ABOUT_OTHERS = frozenset(
    {
        *("GOOGLE_UPDATE", "NEW_CUSTOMER_MEDIA", "DUPLICATE_LOCATION", "LOSS_OF_VOICE_OF_MERCHANT"),
        *("VOICE_OF_MERCHANT_UPDATED", "NEW_QUESTION", "UPDATED_QUESTION", "NEW_ANSWER", "UPDATED_ANSWER"),
    }
)
"""Kinds that say nothing of reviews, such as those that another program had this account's setting tell."""
_TYPES = ("type", "notificationType", "notification_type")
_LOCATIONS = ("location", "locationName", "location_name")
_REVIEWS = ("review", "reviewName", "review_name")


def judge(hook: sdk.RawHook, keys: sdk.Keys, settings: AppSettings | None) -> sdk.Verdict:
    """Return the verdict on a request: Google's token, made for our audience, in the name of our service account."""
    if hook.method != "POST" or settings is None or not (settings.push_audience and settings.push_account):
        return sdk.reject()
    told = sdk.claims(hook, keys, ISSUERS, settings.push_audience, key_set=CERTS_URL)
    if isinstance(told, sdk.Verdict):
        return told
    is_ours = told.get("email") == settings.push_account and told.get("email_verified") is True
    return sdk.accept(delivery_id=_delivery(hook)) if is_ours else sdk.reject(403)


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return a ping for the review that a notification names; a kind of tomorrow has the whole location looked at.

    Raises:
        Malformed: It is no message of Pub/Sub, or its data is no JSON object.
    """
    note = _note(hook)
    kind = _first(note, _TYPES)
    about = next((note[name] for name in _REVIEWS if note.get(name)), None)
    review = review_in(about) if isinstance(about, str) and "/" in about else None
    account = location_of(_first(note, _LOCATIONS)) or location_of(about)
    if review is None and (account is None or kind in ABOUT_OTHERS):
        return ()
    return (sdk.Ping(stream=REVIEWS, account=account, external_id=review),)


def _note(hook: sdk.RawHook) -> Mapping[str, Any]:
    try:
        said = pydantic_core.from_json(hook.body)
    except ValueError as error:
        raise sdk.Malformed("notification: it is no JSON", hook.body) from error
    message = said.get("message") if isinstance(said, dict) else None
    if not isinstance(message, dict):
        raise sdk.Malformed("notification: it is no message of Pub/Sub", hook.body)
    attributes = message.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    return {**attributes, **_data(message.get("data"), hook.body)}


def _data(data: object, body: bytes) -> Mapping[str, Any]:
    """What is in a message's data; it may be left out where there are attributes."""
    if data is None or data == "":
        return {}
    try:
        told = pydantic_core.from_json(base64.b64decode(data if isinstance(data, str) else "?", validate=True))
    except (ValueError, binascii.Error) as error:
        raise sdk.Malformed("notification: message.data is no JSON in base64", body) from error
    if not isinstance(told, dict):
        raise sdk.Malformed("notification: message.data is no object", body)
    return told


def _first(note: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((note[name] for name in names if isinstance(note.get(name), str)), "")


def _delivery(hook: sdk.RawHook) -> str | None:
    """The message's id, which Pub/Sub keeps when it delivers again."""
    message = sdk.json_of(hook).get("message")
    found = (message.get("messageId") or message.get("message_id")) if isinstance(message, dict) else None
    return found if isinstance(found, str) and found else None
