"""Webhooks: the test of the URL, the signature in both forms that are known, and what is told.

LinkedIn's page "Webhook validation" signs ``hmacsha256=`` and the body; integrations in the field see the body alone
signed, and ``hmacsha256=`` before the signature. All four combinations need the client secret, so all are taken.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pydantic_core

import chorally_sdk as sdk
from chorally_linkedin.names import COMMENTS
from chorally_linkedin.shapes import Envelope, Notification, read, read_value
from chorally_linkedin.translate import events

SIGNATURE = "x-li-signature"
PREFIX = "hmacsha256="
TOLD = "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"
_log = logging.getLogger(__name__)


def judge(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Judge a hook: answer the test of the URL, accept what is signed by the client secret."""
    secrets = keys.secrets.get("client_secret", ())
    if hook.method == "GET":
        return sdk.proven(hook, "challengeCode", secrets, "challengeResponse") or sdk.reject(400)
    got, form = hook.headers.get(SIGNATURE, ""), ""
    for before, prefix in product((PREFIX.encode(), b""), ("", PREFIX)):
        if sdk.signed(before + hook.body, got, secrets, prefix=prefix):
            form = f"{before.decode()}body{' with a prefix' if prefix else ''}"
    if not form:
        return sdk.reject()
    _log.debug("webhook signed as %s", form)
    return sdk.accept(delivery_id=delivery_id(hook.body))


def delivery_id(body: bytes) -> str | None:
    """Return what a delivery is known by: the ids of all its notifications; None where one has none."""
    try:
        said = pydantic_core.from_json(body)
    except ValueError:
        return None
    told = said.get("notifications") if isinstance(said, dict) else None
    if not isinstance(told, list) or not told:
        return None
    ids = [str(each.get("notificationId") or "") if isinstance(each, dict) else "" for each in told]
    return hashlib.sha256(",".join(sorted(ids)).encode()).hexdigest() if all(ids) else None


def parse(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what a hook says, of every page in it; one notification in two deliveries says the same.

    A notification in another shape makes the comments of its page be read.

    Raises:
        Malformed: It is not as LinkedIn documents it, or a notification does not even say of which page it is.
    """
    envelope = read(Envelope, hook.body, "a webhook")
    if envelope.type not in ("", TOLD):
        return ()
    return [event for each in envelope.notifications for event in _told(each, hook.body)]


def _told(each: Mapping[str, Any], raw: bytes) -> Sequence[sdk.Event]:
    try:
        return list(events(read_value(Notification, each, "a notification", raw)))
    except sdk.Malformed:
        page = each.get("organizationalEntity")
        if not isinstance(page, str) or not page:
            raise
        return [sdk.Ping(stream=COMMENTS, account=page)]
