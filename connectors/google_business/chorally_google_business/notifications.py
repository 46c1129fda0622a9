"""Has Google tell of reviews: the one notification setting of an account, which all its locations share."""

from collections.abc import Collection

import chorally_sdk as sdk
from chorally_google_business import api
from chorally_google_business.shapes import NotificationSetting

OURS = ("NEW_REVIEW", "UPDATED_REVIEW")
NOTHING = "nothing"
"""What stands for a subscription where the app has no topic: there is none, and nothing to end."""


async def subscribe(http: sdk.Http, account: str, topic: str, current: sdk.Subscription | None) -> sdk.Subscription:
    """Have an account's setting name our topic and the kinds we need; those that it names already stay.

    Raises:
        Rejected: The notifications of that account go to a topic of somebody else's.
    """
    if not topic:
        return sdk.Subscription(external_id=f"{account}/{NOTHING}")
    setting = await _setting(http, account)
    before = current.data.get("topic") if current else None
    if setting.pubsubTopic not in ("", topic, before):
        raise sdk.Rejected(
            f"the notifications of {account} go to {setting.pubsubTopic} already, and Google has one place for them; "
            "empty it there, or set that topic here"
        )
    kept = setting.notificationTypes if setting.pubsubTopic == topic else []
    wanted = [*kept, *(each for each in OURS if each not in kept)]
    if (setting.pubsubTopic, list(setting.notificationTypes)) != (topic, wanted):
        await _set(http, account, topic, wanted)
    return sdk.Subscription(external_id=f"{account}/notificationSetting", data={"topic": topic, "account": account})


async def unsubscribe(http: sdk.Http, current: sdk.Subscription) -> None:
    """Take our kinds out of an account's setting, and the topic with the last of them; another topic is left alone."""
    account, topic = current.data.get("account"), current.data.get("topic")
    if not isinstance(account, str) or not isinstance(topic, str):
        return
    setting = await _setting(http, account)
    if setting.pubsubTopic != topic:
        return
    left = [each for each in setting.notificationTypes if each not in OURS]
    await _set(http, account, topic if left else "", left)


async def _setting(http: sdk.Http, account: str) -> NotificationSetting:
    answer = await http.get(api.at(http, api.NOTIFICATIONS, f"/v1/{account}/notificationSetting"))
    return api.read(NotificationSetting, answer.content, "the notification setting")


async def _set(http: sdk.Http, account: str, topic: str, kinds: Collection[str]) -> None:
    name = f"{account}/notificationSetting"
    body = {"name": name, "notificationTypes": list(kinds), "pubsubTopic": topic}
    asked = {"updateMask": "notificationTypes,pubsubTopic"}
    await http.patch(api.at(http, api.NOTIFICATIONS, f"/v1/{name}"), params=asked, json=body)
