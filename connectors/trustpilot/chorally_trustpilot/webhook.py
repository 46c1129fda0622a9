"""Webhooks of Trustpilot: unsigned, so they are believed nothing but that there is something to read.

Trustpilot documents neither a signature nor a handshake. What proves a hook is the unguessable URL, which the host
checks, and a word in its query; the review itself is read from the API before anything is made of it.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any

import pydantic_core

import chorally_sdk as sdk
from chorally_trustpilot.replying import is_id
from chorally_trustpilot.translate import REVIEWS

WORD = "word"
"""The parameter of the URL that holds the word."""
SETTING = "webhook_word"
_KNOWN = ("service-review-created", "service-review-updated", "service-review-deleted")


def judge(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Return the verdict on a request: it must carry the word, in the query or as the password of Basic."""
    live = keys.secrets.get(SETTING, ())
    is_known = sdk.same(hook.query.get(WORD, ""), live) | sdk.same(_password(hook), live)
    return sdk.accept() if is_known and hook.method == "POST" else sdk.reject()


def _password(hook: sdk.RawHook) -> str:
    """The password of a URL such as ``https://any:word@host/``, as HTTP clients send it; empty where there is none."""
    scheme, _, said = str(hook.headers.get("authorization", "")).partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(said, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return a ping for each thing that a hook tells of; one of an unknown kind makes the listing be read.

    Raises:
        Malformed: The body is no JSON object.
    """
    try:
        said = pydantic_core.from_json(hook.body)
    except ValueError as error:
        raise sdk.Malformed("webhook: it is no JSON", hook.body) from error
    if not isinstance(said, dict):
        raise sdk.Malformed("webhook: it is no object", hook.body)
    told = said.get("events")
    return list(_pings(told)) if isinstance(told, list) else [sdk.Ping(stream=REVIEWS)]


def _pings(told: list[Any]) -> Iterator[sdk.Ping]:
    for each in told:
        about = each.get("eventData") if isinstance(each, dict) else None
        named = about.get("id") if isinstance(about, dict) else None
        is_review = isinstance(each, dict) and each.get("eventName") in _KNOWN and is_id(named)
        yield sdk.Ping(stream=REVIEWS, external_id=named if is_review else None)
