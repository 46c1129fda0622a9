"""What rules are made of, for whoever offers people to write them: fields, operators, events, actions, variables."""

from typing import Any

from pydantic import BaseModel, Field

from chorally_core.services.rule_engine.actions import ACTIONS
from chorally_core.services.rule_engine.catalogue import CUSTOM, CUSTOM_NUMBER, FIELDS
from chorally_core.services.rule_engine.fields import Type
from chorally_core.services.rule_engine.operators import OPERATORS
from chorally_core.services.rule_engine.texts import VARIABLES

_EVENTS = {
    "message_received": "Somebody wrote to us.",
    "message_edited": "Somebody changed what they had written.",
    "ticket_changed": "Somebody, or another rule, changed a ticket.",
}
_DYNAMIC = (
    (f"{CUSTOM}NAME", Type.KEYWORD, "A custom field", "A field of the tenant's own, compared as a word."),
    (f"{CUSTOM_NUMBER}NAME", Type.NUMBER, "A custom field", "A field of the tenant's own, compared as a number."),
)


class FieldView(BaseModel):
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


class ActionView(BaseModel):
    """One thing that rules may do."""

    type: str = Field(title="Type")
    description: str = Field(title="Description")
    parameters: dict[str, Any] = Field(title="Parameters", description="JSON Schema, with titles and descriptions.")


class RuleSchema(BaseModel):
    """What rules are made of."""

    events: dict[str, str] = Field(title="Events", description="What rules answer, and what it means.")
    fields: list[FieldView] = Field(title="Fields")
    operators: list[OperatorView] = Field(title="Operators")
    actions: list[ActionView] = Field(title="Actions")
    variables: dict[str, str] = Field(title="Variables", description="What may stand in texts as `{{name|else}}`.")


def rule_schema() -> RuleSchema:
    """Return what rules are made of."""
    fields = [
        FieldView(name=f.name, type=f.type, title=f.title, description=f.description, values=list(f.values))
        for f in FIELDS
    ]
    fields += [FieldView(name=n, type=t, title=title, description=d, values=[]) for n, t, title, d in _DYNAMIC]
    operators = [
        OperatorView(name=o.name, title=o.title, types=sorted(o.types), operand=o.operand) for o in OPERATORS.values()
    ]
    actions = [
        ActionView(
            type=of.model_fields["type"].default, description=of.__doc__ or "", parameters=of.model_json_schema()
        )
        for of in ACTIONS
    ]
    return RuleSchema(events=_EVENTS, fields=fields, operators=operators, actions=actions, variables=dict(VARIABLES))
