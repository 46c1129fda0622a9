"""What is known of an account's subscription to webhooks, and when it is asked for again.

A subscription is a lease. It is renewed long before it ends, at a time that differs from account to account, and on a
slow round also where it has no end: platforms drop subscriptions without a word.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

import chorally_sdk as sdk
from chorally_core.ports.documents import Document
from chorally_core.services.io.model import Account, App

SLOW_ROUND = timedelta(hours=24)
"""How long a subscription without an end goes unlooked at, at most."""
LEAVES = timedelta(hours=24)
"""How long ending the subscription of a disconnected account is tried; then its credentials are forgotten."""

_FIRST_PAUSE_S = 15.0
_LONGEST_PAUSE_S = 3600.0
_REFUSED_PAUSE_S = 3600.0
_SETTLES = timedelta(seconds=30)  # between being subscribed and believing that the subscription is lost
_PATIENCE = 3  # failures for which a platform may be away before an account counts as degraded

TROUBLE = "webhooks do not come"
"""What the reason of an account begins with that is degraded for want of a subscription."""


class SubscriptionRecord(Document, frozen=True, kw_only=True):
    """An account's subscription, under the account's id."""

    kind = "subscription"
    sparse = ("next_at", "shared_key", "doing")

    platform: str
    place: str
    """The platform and app: within these, equal external ids are one subscription."""
    callback: str = ""
    """The URL that was subscribed."""
    external_id: str = ""
    """The platform's own; empty where there is none."""
    shared_key: str | None = None
    """The place and the external id, by which others are found that share it."""
    expires_at: datetime | None = None
    data: dict[str, Any] = {}
    """What the connector wants back."""
    doing: str | None = None
    """What a process is about to do, with the place; told before it looks what others are about to do."""
    is_lost: bool = False
    """The platform has said that it is gone."""
    made_at: datetime | None = None
    """When it was made, renewed or healed last."""
    next_at: datetime | None = None
    """When it is looked at again; None where a person must connect the account first."""
    failures: int = 0
    error: str = ""
    trouble: str = ""
    """Why the account is degraded because of it; empty where it is not."""

    def in_force(self, now: datetime) -> bool:
        """Whether webhooks come, as far as is known."""
        return bool(self.external_id) and not self.is_lost and (self.expires_at is None or self.expires_at > now)

    def comes(self, now: datetime) -> bool:
        """Whether webhooks come, or may within moments; else what runs only without them runs."""
        return self.in_force(now) or bool(self.external_id) or not self.failures

    def current(self) -> sdk.Subscription | None:
        """Return it as the connector gave it."""
        if not self.external_id:
            return None
        return sdk.Subscription(external_id=self.external_id, expires_at=self.expires_at, data=self.data)


def place_of(platform: str, app: App | None) -> str:
    """Return within what equal external ids are one subscription."""
    return f"{platform}/{app.id if app is not None else ''}"


def wanted(account: Account, app: App | None, now: datetime) -> SubscriptionRecord:
    """Return what is stored before anything is asked."""
    return SubscriptionRecord(
        id=account.id, tenant=account.tenant, platform=account.platform, place=place_of(account.platform, app),
        next_at=now,
    )  # fmt: skip


def made(
    record: SubscriptionRecord, given: sdk.Subscription, callback: str, now: datetime, share: float
) -> SubscriptionRecord:
    """Return the record of a subscription that was made, renewed or healed; ``share``, 0 to 1, spreads renewals.

    Raises:
        Malformed: It has ended already.
    """
    life = SLOW_ROUND if given.expires_at is None else min(given.expires_at - now, SLOW_ROUND)
    if life <= timedelta(0):
        raise sdk.Malformed(f"the platform gave a subscription that ended at {given.expires_at}")
    return msgspec.structs.replace(
        record, external_id=given.external_id, shared_key=f"{record.place}/{given.external_id}",
        expires_at=given.expires_at, data=dict(given.data), callback=callback, doing=None, is_lost=False, made_at=now,
        next_at=now + life * (0.5 + 0.25 * share), failures=0, error="", trouble="",
    )  # fmt: skip


def failed(record: SubscriptionRecord, error: Exception, why: str, now: datetime, share: float) -> SubscriptionRecord:
    """Return the record of one that could not be made; what nobody hears of otherwise becomes trouble.

    A platform that is away for a moment is none, nor is one while what it holds is still in force.
    """
    failures = record.failures + 1
    pause = min(_FIRST_PAUSE_S * 2.0 ** min(failures - 1, 20), _LONGEST_PAUSE_S) * (0.75 + 0.5 * share)
    if isinstance(error, sdk.RetryLater) and error.wait is not None:
        pause = max(error.wait.total_seconds(), 1.0)
    if isinstance(error, sdk.Rejected):
        pause = _REFUSED_PAUSE_S * (0.75 + 0.5 * share)
    next_at = now + timedelta(seconds=pause)
    if record.expires_at is not None and now < record.expires_at < next_at:
        next_at = record.expires_at
    is_passing = isinstance(error, sdk.RetryLater | TimeoutError)
    trouble = record.trouble
    if not is_passing or (failures >= _PATIENCE and not record.in_force(now)):
        trouble = f"{TROUBLE}: {why}"
    return msgspec.structs.replace(
        record, doing=None, failures=failures, error=why[:1000], trouble=trouble[:1000], next_at=next_at
    )


def lost(record: SubscriptionRecord, now: datetime) -> SubscriptionRecord:
    """Return the record of one that the platform says is gone; one that was made just now is not asked for at once."""
    next_at = now if record.made_at is None else max(now, record.made_at + _SETTLES)
    return msgspec.structs.replace(record, is_lost=True, next_at=next_at)


def ended(record: SubscriptionRecord) -> SubscriptionRecord:
    """Return the record without the subscription."""
    return msgspec.structs.replace(record, external_id="", shared_key=None, expires_at=None, data={}, is_lost=False)
