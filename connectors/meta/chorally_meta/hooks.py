"""Webhooks of Meta: the handshake, the signature, and the envelope that all its objects share.

Sources: "Setup Webhooks Subscriptions", "Webhooks from Meta: Getting started" (read 2026-11-23). ``verify`` is
``return hooks.judge(hook, keys)``; ``parse`` begins with ``hooks.entries(hook, "page")``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, SecretStr

import chorally_sdk as sdk
from chorally_meta.shapes import Id, Instant, Shape, read

SIGNATURE = "x-hub-signature-256"


def judge(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Return the verdict on a request of Meta; an empty secret never opens anything.

    A GET is the handshake ("Setup Webhooks Subscriptions"): answered by the bare challenge. A POST is
    signed over its raw bytes; the older header ``X-Hub-Signature`` is SHA-1 and counts for nothing.

    The secrets are those of ``settings.MetaApp``: ``app_secret`` and ``verify_token``, one or two live of each.
    """
    if hook.method == "GET":
        token, challenge = hook.query.get("hub.verify_token", ""), hook.query.get("hub.challenge", "")
        known = hook.query.get("hub.mode") == "subscribe" and sdk.same(token, _live(keys, "verify_token"))
        return sdk.handshake(challenge) if known and challenge else sdk.reject(403)
    scheme, _, signature = hook.headers.get(SIGNATURE, "").partition("=")
    genuine = scheme == "sha256" and sdk.signed(hook.body, signature, _live(keys, "app_secret"))
    return sdk.accept() if genuine else sdk.reject()


class Change(Shape):
    """One change of an entry: ``value`` has another shape for each ``field``."""

    field: str
    value: Any = None


class Entry(Shape):
    """What happened on one page, account or business; unknown parts are in ``others``."""

    model_config = ConfigDict(extra="allow")

    id: Id
    time: Instant | None = None
    """When Meta sent it: whole seconds with changes, milliseconds with messages."""
    changes: Sequence[Change] = ()
    messaging: Sequence[Any] = ()
    """Events of conversations that our app holds."""
    standby: Sequence[Any] = ()
    """Events of conversations that another app holds."""
    field: str | None = None
    """Of a change that stands in the entry itself, as Instagram Login documents it; see ``all_changes``."""
    value: Any = None

    @property
    def all_changes(self) -> tuple[Change, ...]:
        """The changes, whether they stand in ``changes`` or in the entry itself."""
        own = (Change(field=self.field, value=self.value),) if self.field else ()
        return (*self.changes, *own)

    @property
    def others(self) -> Mapping[str, Any]:
        """What the documentation does not name."""
        return self.model_extra or {}


class Envelope(Shape):
    """The body of a webhook: an object's name, several entries, several changes each."""

    object: str
    entry: list[Entry]


def entries(hook: sdk.RawHook, *objects: str) -> Sequence[Entry]:
    """Return the entries of a hook; none where it is about other objects than those named.

    Raises:
        Malformed: The body is not in the documented shape.
    """
    body = read(Envelope, hook.body, "webhook")
    return body.entry if not objects or body.object in objects else ()


def _live(keys: sdk.Keys, name: str) -> tuple[SecretStr, ...]:
    return tuple(secret for secret in keys.secrets.get(name, ()) if secret.get_secret_value())
