"""What the rule engine is called, and how its executions are."""

from datetime import datetime

from chorally_core.events.ids import begins_with, derived

SERVICE = "rule-engine-service"
GROUP = "rule-engine"


def execution_id(at: datetime, event_id: str, rule_id: str) -> str:
    """Return the id of what a rule did on an event of that time; the same rule and event always have the same."""
    return f"{begins_with(at)}{derived(event_id, rule_id)[:20]}"
