"""What counts as approved, reckoned without the code that decides it."""

from typing import Any, NamedTuple

from chorally_core.services.publishing.approval import Step


class Content(NamedTuple):
    """What somebody sees who looks at a post."""

    texts: tuple[str, ...]
    in_s: int


def enough(steps: tuple[Step, ...], approvals: dict[str, Any], content: Any, authors: set[str]) -> bool:
    """Whether as many others as the steps ask have approved exactly this, counted without regard to who was asked."""
    people = {who for who, seen in approvals.items() if seen == content} - authors
    named = {user for step in steps if step.rule == "all" for user in step.users} - authors
    return len(people) >= sum(step.at_least for step in steps) and named <= people
