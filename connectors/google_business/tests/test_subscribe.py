"""The one notification setting of an account: shared by its locations, and perhaps by other programs."""

from collections.abc import Callable

import pytest
from chorally_google_business import GoogleBusiness
from chorally_google_business.sandbox import Sandbox
from chorally_google_business.sandbox.levers import TOPIC
from chorally_google_business.sandbox.world import GROUP, Setting
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.recording import Exchange

Connected = Callable[..., GoogleBusiness]
URL, SECRET = "https://chorally.example/hooks/1", SecretStr("s")


async def test_locations_of_one_account_share_a_subscription(google: Sandbox, connected: Connected) -> None:
    """By its id, so that the last of them ends it."""
    first = await connected().subscribe(URL, SECRET, None)
    other = connected(external_id="locations/2002", location=f"{GROUP}/locations/2002")
    second = await other.subscribe(URL, SECRET, None)

    assert first == second
    assert first.external_id == f"{GROUP}/notificationSetting"


async def test_what_is_right_already_is_only_read(connector: GoogleBusiness, asked: list[Exchange]) -> None:
    """A slow round costs one call."""
    current = await connector.subscribe(URL, SECRET, None)
    asked.clear()
    await connector.subscribe(URL, SECRET, current)

    assert [each.method for each in asked] == ["GET"]


async def test_other_kinds_of_our_topic_stay(google: Sandbox, connector: GoogleBusiness) -> None:
    """Whoever had them told goes on hearing of them."""
    google.world.settings[GROUP] = Setting(["GOOGLE_UPDATE"], TOPIC)
    current = await connector.subscribe(URL, SECRET, None)
    assert google.world.settings[GROUP].kinds == ["GOOGLE_UPDATE", "NEW_REVIEW", "UPDATED_REVIEW"]
    await connector.unsubscribe(current)

    assert google.world.settings[GROUP] == Setting(["GOOGLE_UPDATE"], TOPIC)


async def test_a_topic_of_somebody_else_is_left_alone(google: Sandbox, connector: GoogleBusiness) -> None:
    """Neither taken over nor ended; the refusal says whose notifications they are."""
    current = await connector.subscribe(URL, SECRET, None)
    google.world.settings[GROUP] = theirs = Setting(["NEW_REVIEW"], "projects/theirs/topics/reviews")
    with pytest.raises(sdk.Rejected, match="projects/theirs"):
        await connector.subscribe(URL, SECRET, current)
    await connector.unsubscribe(current)

    assert google.world.settings[GROUP] is theirs


async def test_a_topic_of_ours_that_was_replaced_is_followed(google: Sandbox, connected: Connected) -> None:
    """The setting names the old topic, and the subscription remembers that it was ours."""
    current = await connected().subscribe(URL, SECRET, None)
    another = "projects/sandbox-project/topics/another"
    renewed = await connected(app={"pubsub_topic": another}).subscribe(URL, SECRET, current)

    assert google.world.settings[GROUP].topic == another
    assert renewed.data["topic"] == another


async def test_without_a_topic_nothing_is_asked(connected: Connected, asked: list[Exchange]) -> None:
    """Whoever sets none wants to poll; there is nothing to end either."""
    connector = connected(app={"pubsub_topic": ""})
    await connector.unsubscribe(await connector.subscribe(URL, SECRET, None))

    assert asked == []
