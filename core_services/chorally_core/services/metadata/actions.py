"""What a macro may do to a ticket, each with its parameters."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from chorally_core.ports.canned import VARIABLES
from chorally_core.ports.storable import mistake_in
from chorally_core.ports.variables import unknown_in

MOST = 20
"""Actions of one macro."""
_LONGEST = timedelta(days=365)


def _storable(value: Any) -> Any:
    if why := mistake_in(value):
        raise ValueError(why)
    return value


def known_variables(text: str) -> str:
    """Return a text all of whose variables there are.

    Raises:
        ValueError: One is unknown.
    """
    if unknown := unknown_in(text, VARIABLES):
        raise ValueError(f"there is no variable {unknown[0]!r}; there are {', '.join(VARIABLES)}")
    return text


def _ahead(span: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= span <= _LONGEST:
        raise ValueError("must be from a minute to a year, such as PT4H or P1D")
    return span


Text = Annotated[
    str, Field(min_length=1, max_length=10_000), AfterValidator(_storable), AfterValidator(known_variables)
]
TagName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_storable)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MacroReply(_Action):
    """Answers the author's last message, with a text or a canned reply."""

    type: Literal["reply"] = "reply"
    text: Text | None = Field(None, title="Text", description="With variables, such as `{{author.name|there}}`.")
    canned_id: Name | None = Field(None, title="Canned reply", description="In place of a text.")
    language: Annotated[str, Field(max_length=20)] = Field(
        "", title="Language", description="Of the canned reply; the ticket's where left out."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> "MacroReply":
        if (self.text is None) == (self.canned_id is None):
            raise ValueError("give a text or a canned reply, and not both")
        return self


class MacroNote(_Action):
    """Adds an internal note."""

    type: Literal["note"] = "note"
    text: Text = Field(title="Text", description="With variables, such as `{{author.name|there}}`.")


class SetStatus(_Action):
    """Opens the ticket, lets it wait, or resolves it."""

    type: Literal["set_status"] = "set_status"
    status: Literal["open", "waiting", "resolved"] = Field(title="Status")


class SetPriority(_Action):
    """Gives the ticket a priority."""

    type: Literal["set_priority"] = "set_priority"
    priority: Literal["low", "normal", "high", "urgent"] = Field(title="Priority")


class MacroAssign(_Action):
    """Assigns the ticket."""

    type: Literal["assign"] = "assign"
    agent_id: Name | None = Field(title="Agent", description="An id, `me` for whoever runs it, or null for nobody.")


class SetTeam(_Action):
    """Gives the ticket to a team, or to none."""

    type: Literal["set_team"] = "set_team"
    team_id: Name | None = Field(title="Team", description="Id of the team; null for none.")


class AddTags(_Action):
    """Adds tags to the ticket."""

    type: Literal["add_tags"] = "add_tags"
    tags: tuple[TagName, ...] = Field(title="Tags", min_length=1, max_length=20)


class RemoveTags(_Action):
    """Takes tags off the ticket."""

    type: Literal["remove_tags"] = "remove_tags"
    tags: tuple[TagName, ...] = Field(title="Tags", min_length=1, max_length=20)


class SetFields(_Action):
    """Fills in fields of the tenant's own."""

    type: Literal["set_fields"] = "set_fields"
    fields: Annotated[dict[str, Any], Field(min_length=1, max_length=50), AfterValidator(_storable)] = Field(
        title="Fields", description="Values by key; null empties one."
    )


class Snooze(_Action):
    """Puts the ticket aside for a time, or until its author writes."""

    type: Literal["snooze"] = "snooze"
    span: Annotated[timedelta, AfterValidator(_ahead)] = Field(title="For how long", description="Such as `PT4H`.")


Action = Annotated[
    MacroReply
    | MacroNote
    | SetStatus
    | SetPriority
    | MacroAssign
    | SetTeam
    | AddTags
    | RemoveTags
    | SetFields
    | Snooze,
    Field(discriminator="type"),
]
"""Any action."""

_read = TypeAdapter(tuple[Action, ...])


def read_actions(stored: tuple[dict[str, Any], ...]) -> tuple[Action, ...]:
    """Return actions as they were stored.

    Raises:
        ValidationError: One can no longer be used.
    """
    return _read.validate_python(stored)
