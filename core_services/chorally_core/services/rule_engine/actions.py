"""What a rule may ask for, each with its parameters."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from chorally_core.ports.storable import mistake_in
from chorally_core.ports.variables import unknown_in
from chorally_core.services.rule_engine.texts import VARIABLES

MOST = 20
"""Actions of one rule."""
_LONGEST = timedelta(days=365)


def _known_variables(text: str) -> str:
    if unknown := unknown_in(text, VARIABLES):
        raise ValueError(f"there is no variable {unknown[0]!r}; there are {', '.join(VARIABLES)}")
    return text


def _storable(value: Any) -> Any:
    if why := mistake_in(value):
        raise ValueError(why)
    return value


def _ahead(span: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= span <= _LONGEST:
        raise ValueError("must be from a minute to a year, such as PT4H or P1D")
    return span


Text = Annotated[
    str, Field(min_length=1, max_length=10_000), AfterValidator(_storable), AfterValidator(_known_variables)
]
Tag = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_storable)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]
Data = Annotated[dict[str, Any], Field(max_length=50), AfterValidator(_storable)]


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SetStatus(_Action):
    """Opens the ticket, lets it wait, or resolves it."""

    type: Literal["set_status"] = "set_status"
    status: Literal["open", "waiting", "resolved"] = Field(title="Status")


class SetPriority(_Action):
    """Gives the ticket a priority."""

    type: Literal["set_priority"] = "set_priority"
    priority: Literal["low", "normal", "high", "urgent"] = Field(title="Priority")


class Assign(_Action):
    """Assigns the ticket to an agent, or to nobody."""

    type: Literal["assign"] = "assign"
    agent_id: Name | None = Field(title="Agent", description="Id of the agent; null for nobody.")


class SetTeam(_Action):
    """Gives the ticket to a team, or to none."""

    type: Literal["set_team"] = "set_team"
    team_id: Name | None = Field(title="Team", description="Id of the team; null for none.")


class AddTags(_Action):
    """Adds tags to the ticket."""

    type: Literal["add_tags"] = "add_tags"
    tags: tuple[Tag, ...] = Field(title="Tags", min_length=1, max_length=20)


class RemoveTags(_Action):
    """Takes tags off the ticket."""

    type: Literal["remove_tags"] = "remove_tags"
    tags: tuple[Tag, ...] = Field(title="Tags", min_length=1, max_length=20)


class SetCustomField(_Action):
    """Sets a field of the tenant's own."""

    type: Literal["set_custom_field"] = "set_custom_field"
    name: Name = Field(title="Field")
    value: Annotated[str | int | float | bool | None, AfterValidator(_storable)] = Field(title="Value")


class Note(_Action):
    """Adds an internal note, which no platform sees."""

    type: Literal["note"] = "note"
    text: Text = Field(title="Text", description="With variables, such as `{{author.name|there}}`.")


class Snooze(_Action):
    """Puts the ticket aside for a time, or until its author writes."""

    type: Literal["snooze"] = "snooze"
    span: Annotated[timedelta, AfterValidator(_ahead)] = Field(title="For how long", description="Such as `PT4H`.")


class Reply(_Action):
    """Answers the message, unless it was answered automatically, a machine wrote it, or the window is closed."""

    type: Literal["reply"] = "reply"
    text: Text = Field(title="Text", description="With variables, such as `{{author.name|there}}`.")


class Moderate(_Action):
    """Hides, shows, deletes or likes the message on its platform."""

    type: Literal["moderate"] = "moderate"
    verb: Literal["hide", "unhide", "delete", "like"] = Field(title="What to do")


class EmitEvent(_Action):
    """Tells the history, and whoever follows it, something under a name of the tenant's own."""

    type: Literal["emit_event"] = "emit_event"
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")] = Field(title="Name")
    data: Data = Field(default={}, title="Data")


class Stop(_Action):
    """Keeps the rules behind this one from firing on the same event."""

    type: Literal["stop"] = "stop"


ACTIONS: tuple[type[_Action], ...] = (
    SetStatus, SetPriority, Assign, SetTeam, AddTags, RemoveTags, SetCustomField, Note, Snooze, Reply, Moderate,
    EmitEvent, Stop,
)  # fmt: skip
"""Every action, in the order in which they are offered."""

Action = Annotated[
    SetStatus | SetPriority | Assign | SetTeam | AddTags | RemoveTags | SetCustomField | Note | Snooze | Reply
    | Moderate | EmitEvent | Stop,
    Field(discriminator="type"),
]  # fmt: skip
"""Any action."""

_read = TypeAdapter(tuple[Action, ...])


def read_actions(stored: tuple[dict[str, Any], ...]) -> tuple[Action, ...]:
    """Return actions as they were stored.

    Raises:
        ValidationError: One can no longer be used.
    """
    return _read.validate_python(stored)
