"""Webhooks of Telegram: one update in each, proven by the secret token that was set with the URL."""

from collections.abc import Sequence

import pydantic_core

import chorally_sdk as sdk
from chorally_telegram.updates import events_of

SECRET = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header
_OWN = "subscription"


def judge(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Return the verdict on a request; the token proves who sends, and nothing about the body."""
    genuine = sdk.same(hook.headers.get(SECRET, ""), keys.secrets.get(_OWN, ()))
    return sdk.accept() if genuine and hook.method == "POST" else sdk.reject()


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what an update means; ``RawHook.account`` tells what the bot itself said.

    Raises:
        Malformed: The body is not in the documented shape.
    """
    try:
        update = pydantic_core.from_json(hook.body)
    except ValueError as error:
        raise sdk.Malformed("webhook: it is no JSON", hook.body) from error
    return events_of(update, hook.account, hook.received_at, hook.body)
