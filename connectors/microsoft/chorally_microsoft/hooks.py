"""Both kinds of webhooks come to the URL of the app; a bearer token is the Bot Framework's, all else is Graph's."""

from collections.abc import Sequence

import chorally_sdk as sdk
from chorally_microsoft.bot import activities, proof
from chorally_microsoft.mail import notifications


def judge(hook: sdk.RawHook, keys: sdk.Keys, app: object) -> sdk.Verdict:
    """Return the verdict on a hook."""
    if "authorization" in hook.headers:
        return proof.judge(hook, keys, app)
    return notifications.judge(hook, keys)


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what a hook tells.

    Raises:
        Malformed: It is neither an activity nor a collection of notifications.
    """
    told = sdk.json_of(hook)
    if isinstance(told.get("value"), list) and "type" not in told:
        return notifications.events(hook)
    if "type" in told:
        return activities.events(told, hook)
    raise sdk.Malformed("this is neither an activity nor a list of notifications", hook.body)
