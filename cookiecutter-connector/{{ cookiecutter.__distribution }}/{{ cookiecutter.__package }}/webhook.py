{% if cookiecutter.webhooks == 'yes' %}
"""Webhooks: judged by their raw bytes, and translated without I/O."""

from collections.abc import Iterator, Sequence

import chorally_sdk as sdk
from pydantic import BaseModel

from {{ cookiecutter.__package }}.translate import Said, read, to_message

SIGNATURE, TIME, DELIVERY = "{{ cookiecutter.__header }}-signature", "{{ cookiecutter.__header }}-time", "{{ cookiecutter.__header }}-delivery"
SECRET = "{{ 'subscription' if cookiecutter.subscribe == 'yes' else 'webhook_secret' }}"  # noqa: S105 - the name of a setting
{% if cookiecutter.handshake == 'yes' %}
TOKEN = "verify_token"  # noqa: S105 - the name of a parameter, and of a setting
{% endif %}


class Change(BaseModel):
    """One thing that happened."""

    account: str
    kind: str
    message: Said | None = None


class Batch(BaseModel):
    """The body of a webhook."""

    changes: list[Change]


def verify(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Accept what is signed, together with its time, under a live secret."""
{% if cookiecutter.handshake == 'yes' %}
    tokens = keys.secrets.get(TOKEN, ())
    if tested := sdk.echoed(hook, "challenge", token=TOKEN, secrets=tokens):
        return tested
{% endif %}
    time, got = hook.headers.get(TIME, ""), hook.headers.get(SIGNATURE, "")
    if not sdk.stamped(hook, time, got, keys.secrets.get(SECRET, ()), prefix="v1="):
        return sdk.reject()
    return sdk.accept(delivery_id=hook.headers.get(DELIVERY))


def parse(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return all events of all accounts; kinds that are not known are left out."""
    return [event for change in read(Batch, hook.body).changes for event in _events(change)]


def _events(change: Change) -> Iterator[sdk.Event]:
    said = change.message
    if said is None:
        return
    if change.kind == "removed":
        yield sdk.Mark(state="deleted", at=said.changed_at, account=change.account, external_id=said.id)
    elif change.kind in {"said", "changed"}:
        yield to_message(said, change.account)
{% endif %}
