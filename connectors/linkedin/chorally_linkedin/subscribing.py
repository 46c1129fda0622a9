"""Asking LinkedIn to call us: a subscription is of one app, one member who administers the page, and one page."""

from datetime import datetime

import chorally_sdk as sdk
from chorally_linkedin import consent
from chorally_linkedin.api import Api
from chorally_linkedin.names import coded
from chorally_linkedin.shapes import Subscription, read
from chorally_linkedin.webhook import TOLD


async def subscribe(api: Api, organization: str, member: str, callback: str) -> sdk.Subscription:
    """Make the subscription, or put it in its place again; LinkedIn tests the URL before it agrees.

    Args:
        api: Asked.
        organization: URN of the page.
        member: URN of the member whose grant is used; looked up where empty.
        callback: The app's URL, as it is registered in its page Webhooks.

    Raises:
        Rejected: The app's id is not set, or the member does not administer the page.
    """
    if not api.app.application_id:
        raise sdk.Rejected("set the application id in the app's settings; webhooks are subscribed to by it")
    key = _key(api.app.application_id, member or await _member(api, organization), organization)
    await api.put(f"/rest/eventSubscriptions/{key}", {"webhook": callback})
    return sdk.Subscription(external_id=key, expires_at=await _ends(api, key))


async def unsubscribe(api: Api, key: str) -> None:
    """End the subscription; gone already is success."""
    await api.delete(f"/rest/eventSubscriptions/{key}")


async def _ends(api: Api, key: str) -> datetime | None:
    answer = await api.get(f"/rest/eventSubscriptions/{key}")
    return read(Subscription, answer.content, "a subscription").expires_at


async def _member(api: Api, organization: str) -> str:
    async for acl in consent.roles(api):
        if acl.organization == organization and acl.assignee:
            return acl.assignee
    raise sdk.Rejected(
        "the member who connected the page does not administer it; let an administrator connect it again",
        reason=sdk.Reason.PERMISSION,
    )


def _key(application: str, member: str, organization: str) -> str:
    app = coded(f"urn:li:developerApplication:{application}")
    return f"(developerApplication:{app},user:{coded(member)},entity:{coded(organization)},eventType:{TOLD})"
