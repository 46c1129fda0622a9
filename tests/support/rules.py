"""Rules in a world: added as the API adds them."""

from typing import Any

from chorally_core.services.rule_engine import commands
from chorally_core.services.rule_engine.model import Execution, Rule

from tests.support.world import World


def a_rule(world: World, name: str, *actions: dict[str, Any], when: dict[str, Any] | None = None, **more: Any) -> Rule:
    """Return a rule on every message that came in, or on those of which ``when`` holds."""
    at = world.clock()
    given: dict[str, Any] = {"events": ("message_received",), "tenant": "acme", "number": 1, **more}
    return Rule(
        id="", rule_id=name, name=name, conditions=when or {"all": []}, actions=actions, created_at=at,
        created_by="admin", changed_at=at, changed_by="admin", **given,
    )  # fmt: skip


async def add(world: World, rule: Rule) -> None:
    """Add a rule behind the others, or in place of its earlier version."""
    cause = f"{rule.rule_id} {rule.number} {rule.changed_at}"
    await world.actions.act(
        [commands.key(rule.tenant)], lambda found: commands.put(found, rule, actor=("agent", "admin"), cause=cause)
    )


async def fired(world: World) -> list[str]:
    """Return the rules that fired, in the order of their executions."""
    return [execution.rule_id for execution in sorted(await world.all(Execution), key=lambda e: (e.at, e.depth, e.id))]
