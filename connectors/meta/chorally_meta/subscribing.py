"""Subscribing an app to one page, account or business; the URL that is called is the app's, set in its dashboard.

Sources: "Page Subscribed Apps", "Setup Webhooks Subscriptions" (read 2026-11-23).
"""

from collections.abc import Iterable

import chorally_sdk as sdk
from chorally_meta.listing import path
from chorally_meta.shapes import Done, read


async def subscribe(http: sdk.Http, object_id: str, fields: Iterable[str] = ()) -> sdk.Subscription:
    """Subscribe the app of the token to an object's webhooks; one that exists already is replaced, which heals it.

    Args:
        http: Authorised by the object's own token.
        object_id: The page, Instagram account or WhatsApp business; becomes the id of the subscription.
        fields: What is subscribed to; nothing is sent where empty (WhatsApp takes none).

    Raises:
        Rejected: Meta answers that it did not do it.
    """
    wanted = ",".join(fields)
    answer = await http.post(path(object_id, "subscribed_apps"), data={"subscribed_fields": wanted} if wanted else None)
    if not read(Done, answer.content, "the answer to a subscription").success:
        raise sdk.Rejected("the subscription was not made; subscribe in the app's dashboard, or try again")
    return sdk.Subscription(external_id=object_id)


async def unsubscribe(http: sdk.Http, object_id: str) -> None:
    """End the subscription; one that is gone already is as it should be."""
    try:
        await http.delete(path(object_id, "subscribed_apps"))
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise
