"""Tells agents how to greet whoever wrote, as an action of rules."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

import chorally_sdk as sdk
from chorally_sdk.rules import Happened, RuleAction

GREETINGS = {"it": "Buongiorno", "de": "Guten Tag", "fr": "Bonjour"}


class Hint(BaseModel):
    """What the action takes."""

    otherwise: str = Field("Hello", title="Otherwise", description="The greeting in languages that are not known.")
    tag: str = Field("greeted", title="Tag", max_length=100, description="What the ticket is tagged with.")


def hint(parameters: Hint, happened: Happened) -> Sequence[Mapping[str, Any]]:
    """Ask for a note with the greeting, and for the tag."""
    language = happened.author.get("language") or happened.message.get("language", "")
    greeting = GREETINGS.get(language[:2], parameters.otherwise)
    name = happened.author.get("name") or "you"
    return [
        {"type": "note", "text": f"Greet with: {greeting}, {name}"},
        {"type": "add_tags", "tags": [parameters.tag]},
    ]


@sdk.hookimpl
def chorally_rule_actions() -> Sequence[RuleAction]:
    """Add one action."""
    return [
        RuleAction(
            type="greeter.hint",
            title="Hint at a greeting",
            description="Tells agents in a note how to greet whoever wrote.",
            parameters=Hint,
            ask=hint,
        )
    ]
