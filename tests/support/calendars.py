"""Calendars and replies in a world: added as the API adds them."""

from typing import Any

from chorally_core.ports.calendars import WEEKDAYS, Calendar
from chorally_core.ports.documents import Key
from chorally_core.ports.turns import Order
from chorally_core.services.rule import commands
from chorally_core.services.rule.commands import By
from chorally_core.services.rule.hours import OpeningHours
from chorally_core.services.rule.model import Reply

from tests.support.world import World

OFFICE: dict[str, Any] = {
    "time_zone": "Europe/Rome",
    "weekly": {key: [{"opens": "09:00", "closes": "18:00"}] for key in WEEKDAYS[:5]},
}
"""Open on working days from nine to six in Rome."""


def _by(world: World, what: str) -> By:
    return By(("agent", "admin"), f"{what} {world.clock()}")


async def add_calendar(
    world: World, name: str = "office", hours: dict[str, Any] | None = None, tenant: str = "acme", **more: Any
) -> Calendar:
    """Add a calendar, or put it in place of its earlier version."""
    at = world.clock()
    calendar = Calendar(
        id="", tenant=tenant, calendar_id=name, number=more.pop("number", 1), name=name,
        hours=OpeningHours.model_validate(hours or OFFICE).stored(), created_at=at, created_by="admin", changed_at=at,
        changed_by="admin", **more,
    )  # fmt: skip
    by = _by(world, name)
    await world.actions.act([commands.key(tenant)], lambda found: commands.put_calendar(found, calendar, by))
    return calendar


async def add_reply(
    world: World, name: str = "closed", text: str = "We are back {{calendar.opens}}.", tenant: str = "acme", **more: Any
) -> Reply:
    """Add a reply for when it is closed, unless told otherwise."""
    at = world.clock()
    given: dict[str, Any] = {
        "condition": "closed", "language": "en", "texts": {"en": text}, "number": 1, "calendar_id": None, **more,
    }  # fmt: skip
    reply = Reply(
        id="", tenant=tenant, reply_id=name, name=name, created_at=at, created_by="admin", changed_at=at,
        changed_by="admin", **given,
    )  # fmt: skip
    by = _by(world, name)
    await world.actions.act([commands.key(tenant)], lambda found: commands.put_reply(found, reply, by))
    return reply


async def set_order(world: World, *sources: str, tenant: str = "acme") -> None:
    """Set the order in which those who answer by machine are asked."""
    at, by = world.clock(), _by(world, "order")
    await world.actions.act(
        [Key.by_id(Order, tenant)],
        lambda found: commands.set_order(found, tenant, sources, by, at, lambda version: None),
    )
