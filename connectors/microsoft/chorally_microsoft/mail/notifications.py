"""Graph's change notifications: what proves them, and what they tell (Graph v1.0, "changeNotificationCollection")."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import chorally_sdk as sdk
from chorally_microsoft.names import INBOX, REMOVED, SENT

_OWNER = re.compile(r"^/?users/([^/@]+)", re.IGNORECASE)
_TAKEN = 202


def judge(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Return the verdict: the test of the URL is echoed; of notifications each must carry a proof of ours."""
    if (tested := sdk.echoed(hook, "validationToken")) is not None:
        return tested
    secrets = keys.secrets.get("subscription", ())
    told = sdk.json_of(hook).get("value")
    if not isinstance(told, list) or not told:
        return sdk.reject()
    states = [each.get("clientState") if isinstance(each, dict) else None for each in told]
    genuine = [isinstance(state, str) and _is_ours(state, secrets) for state in states]
    return sdk.accept(_TAKEN) if all(genuine) else sdk.reject()


def _is_ours(state: str, secrets: Sequence[Any]) -> bool:
    account, _, proof = state.rpartition(".")
    derived = sdk.signed(account.encode("utf-8", "surrogatepass"), proof, secrets, "base64url")
    return derived | sdk.same(state, secrets)


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what notifications tell, each for its own mailbox.

    Raises:
        Malformed: The body is not in the documented shape.
    """
    told = sdk.json_of(hook).get("value")
    if not isinstance(told, list):
        raise sdk.Malformed("these are no notifications: there is no list of them", hook.body)
    return [event for each in told for event in _events(each, hook)]


def _events(told: Any, hook: sdk.RawHook) -> Sequence[sdk.Event]:
    if not isinstance(told, dict):
        raise sdk.Malformed("a notification is no object", hook.body)
    account = _account(told)
    match told.get("lifecycleEvent"):
        case None:
            return [_change(told, account)]
        case "subscriptionRemoved" | "reauthorizationRequired":  # a renewal authorises anew
            return [sdk.Notice(kind="subscription_lost", account=account)]
        case _:  # `missed`, and whatever comes: go and look
            return [sdk.Ping(stream=stream, account=account) for stream in (INBOX, SENT)]


def _change(told: Mapping[str, Any], account: str | None) -> sdk.Event:
    data = told.get("resourceData")
    named = data.get("id") if isinstance(data, dict) else None
    mail_id = named if isinstance(named, str) and named else None
    if told.get("changeType") == "deleted" and mail_id:
        return sdk.Ping(stream=REMOVED, account=account, external_id=mail_id)
    return sdk.Ping(stream=INBOX, account=account, external_id=mail_id)


def _account(told: Mapping[str, Any]) -> str | None:
    """Whose it is: as our own proof says, else as the resource is named."""
    state, resource = told.get("clientState"), told.get("resource")
    account, dot, _ = state.rpartition(".") if isinstance(state, str) else ("", "", "")
    if dot and account:
        return account
    owner = _OWNER.match(resource) if isinstance(resource, str) else None
    return owner.group(1).lower() if owner else None
