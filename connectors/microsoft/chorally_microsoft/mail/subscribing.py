"""Subscriptions to the changes of a mailbox: leases of less than three days, renewed by PATCH."""

from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_microsoft.mail.place import HEADERS, Mailbox
from chorally_microsoft.mail.shapes import Lease, Listing, instant, read, shaped
from chorally_microsoft.names import INBOX

LIFE = timedelta(minutes=4_200)
"""Of a lease. Mails may have 10,080 minutes; less than three days suits every kind of account."""
CHANGES = "created,deleted"
_MOST_PAGES = 20


def client_state(account: str, secret: SecretStr) -> str:
    """Return the proof of an account's notifications, which also says whose they are: lifecycle ones say no more."""
    return f"{account}.{sdk.signature(account.encode(), secret, 'base64url')}"


async def subscribe(
    mailbox: Mailbox, account: str, callback: str, secret: SecretStr, current: sdk.Subscription | None, now: datetime
) -> sdk.Subscription:
    """Create, renew or heal; one that leads to the same place is met and renewed."""
    resource = f"{mailbox.url()}/mailFolders('{INBOX}')/messages"
    until = _written(now + LIFE)
    known = current.external_id if current and current.data.get("callback") == callback else ""
    if current and not known:
        await end(mailbox.http, current.external_id)
    known = known or await _met(mailbox.http, callback, resource)
    if known:
        try:
            answer = await mailbox.http.patch(f"/subscriptions/{known}", json={"expirationDateTime": until})
            return _told(answer.content, callback)
        except sdk.Rejected as gone:
            if gone.reason is not sdk.Reason.GONE:
                raise
    asked = {
        "changeType": CHANGES,
        "notificationUrl": callback,
        "lifecycleNotificationUrl": callback,
        "resource": resource,
        "expirationDateTime": until,
        "clientState": client_state(account, secret),
    }
    return _told((await mailbox.http.post("/subscriptions", json=asked, headers=HEADERS)).content, callback)


async def end(http: sdk.Http, subscription: str) -> None:
    """End a subscription; already gone is success."""
    try:
        await http.delete(f"/subscriptions/{subscription}")
    except sdk.Rejected as gone:
        if gone.reason is not sdk.Reason.GONE:
            raise


async def _met(http: sdk.Http, callback: str, resource: str) -> str:
    """Return the id of a subscription to the same place, which an answer that was lost may have left; else nothing."""
    link: str | None = "/subscriptions"
    for _ in range(_MOST_PAGES):
        raw = (await http.get(link or "")).content
        page = read(Listing, raw, "the subscriptions")
        for each in page.value:
            lease = shaped(Lease, each, "a subscription", raw)
            if lease.callback == callback and (lease.resource or "").lower() == resource.lower():
                return lease.id
        link = page.next
        if not link:
            return ""
    return ""


def _told(raw: bytes, callback: str) -> sdk.Subscription:
    lease = read(Lease, raw, "a subscription")
    return sdk.Subscription(external_id=lease.id, expires_at=instant(lease.expires), data={"callback": callback})


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
