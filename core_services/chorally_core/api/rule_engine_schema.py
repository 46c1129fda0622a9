"""What rules are made of, for whoever offers people to write them: fields, operators, events, actions, variables."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from chorally_core.services.rule_engine.actions import ACTIONS
from chorally_core.services.rule_engine.catalogue import CALENDAR, CUSTOM_OF
from chorally_core.services.rule_engine.field_list import FIELDS
from chorally_core.services.rule_engine.fields import Type
from chorally_core.services.rule_engine.model import TIMED
from chorally_core.services.rule_engine.operators import OPERATORS
from chorally_core.services.rule_engine.plugged import Plugged
from chorally_core.services.rule_engine.texts import VARIABLES
from chorally_sdk.rule_plugins import Broken

_EVENTS = {
    "message_received": ("A message came in", "Somebody wrote to us."),
    "message_edited": ("A message was edited", "Somebody changed what they had written."),
    "ticket_changed": ("A ticket was changed", "Somebody, or another rule, changed a ticket."),
    "ticket_idle": ("A ticket is idle", "For so long nobody has said or changed anything; rules do not count."),
    "ticket_waiting": ("An author waits", "For so long an author has waited for an answer."),
    "window_closing": ("A window closes", "In so long the platform takes no answer any more."),
    "follow_up": ("An answer stands alone", "So long ago we answered, and the author has said nothing since."),
}
_KINDS = {
    "custom": (Type.KEYWORD, "as a word"), "custom_number": (Type.NUMBER, "as a number"),
    "custom_set": (Type.SET, "as several words"),
}  # fmt: skip
_DYNAMIC = (
    *(
        (f"{of}.{how}.NAME", kind, f"Custom field of the {of}", f"A field of the tenant's own, compared {words}.")
        for of in CUSTOM_OF
        for how, (kind, words) in _KINDS.items()
    ),
    *((f"{name}@ID", Type.BOOLEAN, title, description) for name, (title, description) in CALENDAR.items()),
)


class EventView(BaseModel):
    """Something that rules answer."""

    name: str = Field(title="Name")
    title: str = Field(title="Title")
    description: str = Field(title="Description")
    timed: bool = Field(title="Timed", description="Whether the rule says after how long, as `after`.")


class RuleFieldView(BaseModel):
    """One thing that conditions may look at."""

    name: str = Field(title="Name", description="`NAME` stands for the name of a custom field.")
    type: Type = Field(title="Type")
    title: str = Field(title="Title")
    description: str = Field(title="Description")
    values: list[str] = Field(title="Values", description="The only ones; empty where any may come.")


class OperatorView(BaseModel):
    """One way of comparing."""

    name: str = Field(title="Name")
    title: str = Field(title="Title")
    types: list[Type] = Field(title="Types", description="Fields of these types take it.")
    operand: str = Field(
        title="Value", description="`nothing`, `one`, `many`, a `range`, a `duration` or a `pattern` of RE2."
    )


class RuleActionView(BaseModel):
    """One thing that rules may do."""

    type: str = Field(title="Type")
    title: str = Field(title="Title")
    description: str = Field(title="Description")
    parameters: dict[str, Any] = Field(title="Parameters", description="JSON Schema, with titles and descriptions.")
    plugged: bool = Field(
        title="Of a plugin", description="Then what it takes stands under `parameters` of the action."
    )


class BrokenView(BaseModel):
    """A plugin whose actions cannot be used."""

    name: str = Field(title="Name")
    package: str = Field(title="Package")
    reason: str = Field(title="Reason")


class RuleSchema(BaseModel):
    """What rules are made of."""

    events: list[EventView] = Field(title="Events", description="What rules answer.")
    fields: list[RuleFieldView] = Field(title="Fields")
    operators: list[OperatorView] = Field(title="Operators")
    actions: list[RuleActionView] = Field(title="Actions")
    broken: list[BrokenView] = Field(title="Broken", description="Plugins whose actions cannot be used.")
    variables: dict[str, str] = Field(title="Variables", description="What may stand in texts as `{{name|else}}`.")


def rule_schema(plugged: Plugged, broken: Sequence[Broken]) -> RuleSchema:
    """Return what rules are made of.

    Args:
        plugged: Actions that plugins add.
        broken: Plugins whose actions cannot be used.
    """
    events = [
        EventView(name=name, title=title, description=description, timed=name in TIMED)
        for name, (title, description) in _EVENTS.items()
    ]
    fields = [
        RuleFieldView(name=f.name, type=f.type, title=f.title, description=f.description, values=list(f.values))
        for f in FIELDS
    ]
    fields += [RuleFieldView(name=n, type=t, title=title, description=d, values=[]) for n, t, title, d in _DYNAMIC]
    operators = [
        OperatorView(name=o.name, title=o.title, types=sorted(o.types), operand=o.operand) for o in OPERATORS.values()
    ]
    actions = [
        RuleActionView(
            type=of.model_fields["type"].default, title=_words(of.model_fields["type"].default),
            description=of.__doc__ or "", parameters=of.model_json_schema(), plugged=False,
        )
        for of in ACTIONS
    ]  # fmt: skip
    actions += [
        RuleActionView(
            type=each.type, title=each.title, description=each.description,
            parameters=each.parameters.model_json_schema(), plugged=True,
        )
        for each in plugged.actions
    ]  # fmt: skip
    return RuleSchema(
        events=events, fields=fields, operators=operators, actions=actions, variables=dict(VARIABLES),
        broken=[BrokenView(name=each.name, package=each.distribution, reason=each.reason) for each in broken],
    )  # fmt: skip


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
