"""Both kinds of webhooks come to the URL of the app; a bearer token is the Bot Framework's, all else is Graph's."""

from collections.abc import Sequence

import chorally_sdk as sdk
from chorally_microsoft.bot import activities, proof
from chorally_microsoft.mail import notifications


def judge(hook: sdk.RawHook, keys: sdk.Keys, app: object) -> sdk.Verdict:
    """Return the verdict on a hook."""
    is_bearer = "authorization" in hook.headers
    found = proof.judge(hook, keys, app) if is_bearer else notifications.judge(hook, keys)
    if found.kind == "accept" and is_bearer is not _is_activity(sdk.json_of(hook)):
        return sdk.reject(403)  # it would be read, without its headers, as what it is no proof of
    return found


def _is_activity(told: sdk.Json) -> bool:
    return "type" in told


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what a hook tells.

    Raises:
        Malformed: It is neither an activity nor a collection of notifications.
    """
    told = sdk.json_of(hook)
    if _is_activity(told):
        return activities.events(told, hook)
    if isinstance(told.get("value"), list):
        return notifications.events(hook)
    raise sdk.Malformed("this is neither an activity nor a list of notifications", hook.body)
