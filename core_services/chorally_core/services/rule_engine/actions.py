"""What a rule may ask for, each with its parameters."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator

from chorally_core.ports.storable import mistake_in
from chorally_core.ports.variables import unknown_in
from chorally_core.services.rule_engine.texts import VARIABLES

MOST = 20
"""Actions of one rule."""
LARGEST = 16_384
"""Bytes of the data of one action."""
_LONGEST = timedelta(days=365)


def _known_variables(text: str) -> str:
    if unknown := unknown_in(text, VARIABLES):
        raise ValueError(f"there is no variable {unknown[0]!r}; there are {', '.join(VARIABLES)}")
    return text


def _storable(value: Any) -> Any:
    if why := mistake_in(value):
        raise ValueError(why)
    return value


def _bounded(value: dict[str, Any]) -> dict[str, Any]:
    """What goes into the history at each firing is no larger than what else goes there."""
    if (size := len(msgspec.json.encode(value))) > LARGEST:
        raise ValueError(f"must be at most {LARGEST:,} bytes of JSON, this is {size:,}")
    return value


def _ahead(span: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= span <= _LONGEST:
        raise ValueError("must be from a minute to a year, such as PT4H or P1D")
    return span


Text = Annotated[
    str, Field(min_length=1, max_length=10_000), AfterValidator(_storable), AfterValidator(_known_variables)
]
Word = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_storable)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]
Data = Annotated[dict[str, Any], Field(max_length=50), AfterValidator(_storable), AfterValidator(_bounded)]


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
    tags: tuple[Word, ...] = Field(title="Tags", min_length=1, max_length=20)


class RemoveTags(_Action):
    """Takes tags off the ticket."""

    type: Literal["remove_tags"] = "remove_tags"
    tags: tuple[Word, ...] = Field(title="Tags", min_length=1, max_length=20)


class SetCustomField(_Action):
    """Sets a field of the tenant's own."""

    type: Literal["set_custom_field"] = "set_custom_field"
    name: Name = Field(title="Field")
    value: Annotated[
        str | int | float | bool | Annotated[list[Word], Field(max_length=100)] | None, AfterValidator(_storable)
    ] = Field(title="Value", description="A list for a `multi_select`.")


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


class PrivateReply(_Action):
    """Answers a comment in private, where its channel has that; it is the message's one automatic answer."""

    type: Literal["private_reply"] = "private_reply"
    text: Text = Field(title="Text", description="With variables, such as `{{author.name|there}}`.")


class CannedAnswer(_Action):
    """Answers the message with a canned reply, in the language nearest to the message's, or else the ticket's."""

    type: Literal["canned_reply"] = "canned_reply"
    canned_id: Name = Field(title="Canned reply", description="Id of one that is shared or a team's.")
    private: bool = Field(False, title="In private", description="Where the channel has that.")


class Share(_Action):
    """Assigns the ticket to one of several agents; with a team, the ticket becomes the team's too."""

    type: Literal["share"] = "share"
    how: Literal["round_robin", "least_loaded"] = Field(
        title="How", description="Whose turn it is, or who has the fewest unresolved tickets."
    )
    team_id: Name | None = Field(None, title="Team", description="Id of the team whose members take turns.")
    agents: tuple[Name, ...] = Field(
        (), title="Agents", max_length=200, description="Ids of those who take turns, in place of a team's members."
    )
    reassign: bool = Field(False, title="Reassign", description="Also where somebody has the ticket already.")

    @model_validator(mode="after")
    def _to_somebody(self) -> Self:
        if self.team_id is None and not self.agents:
            raise ValueError("name a team, or agents")
        if len(set(self.agents)) < len(self.agents):
            raise ValueError("an agent is named twice")
        return self


class HandToBot(_Action):
    """Has a bot take the conversation on; the rules behind it do not answer the message."""

    type: Literal["hand_to_bot"] = "hand_to_bot"
    bot_id: Name = Field(title="Bot", description="Id of the bot.")


class Notify(_Action):
    """Tells people something, wherever they follow what happens: the stream of events, and the history."""

    type: Literal["notify"] = "notify"
    users: tuple[Name, ...] = Field((), title="Users", max_length=50, description="Their ids.")
    teams: tuple[Name, ...] = Field((), title="Teams", max_length=50, description="Their ids.")
    text: Text = Field(title="Text", description="With variables, such as `{{ticket.number}}`.")

    @model_validator(mode="after")
    def _to_somebody(self) -> Self:
        if not self.users and not self.teams:
            raise ValueError("name users or teams")
        return self


class Moderate(_Action):
    """Hides, shows, deletes or likes the message on its platform."""

    type: Literal["moderate"] = "moderate"
    verb: Literal["hide", "unhide", "delete", "like"] = Field(title="What to do")


class CallWebhook(_Action):
    """Calls a signed webhook of the tenant, with what happened: repeated until it is taken, as all its calls are."""

    type: Literal["call_webhook"] = "call_webhook"
    webhook_id: Name = Field(title="Webhook", description="Id of one that `/log/v1/webhooks` lists.")
    data: Data = Field(default={}, title="Data", description="Sent besides.")


class EmitEvent(_Action):
    """Tells the history, and whoever follows it, something under a name of the tenant's own."""

    type: Literal["emit_event"] = "emit_event"
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")] = Field(title="Name")
    data: Data = Field(default={}, title="Data")


class Stop(_Action):
    """Keeps the rules behind this one from firing on the same event."""

    type: Literal["stop"] = "stop"


class PluggedAction(_Action):
    """An action that a plugin adds."""

    type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}$")] = Field(title="Type")
    parameters: Data = Field(default={}, title="Parameters", description="As the plugin's action takes them.")


ACTIONS: tuple[type[_Action], ...] = (
    SetStatus, SetPriority, Assign, Share, SetTeam, AddTags, RemoveTags, SetCustomField, Note, Snooze, Reply,
    PrivateReply, CannedAnswer, Moderate, HandToBot, Notify, CallWebhook, EmitEvent, Stop,
)  # fmt: skip
"""Every action of our own, in the order in which they are offered."""

_PLUGGED = "plugged"


def _which(value: Any) -> str:
    """Tell which action is meant: those of plugins have a dot in their name."""
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return _PLUGGED if isinstance(name, str) and "." in name else str(name)


Action = Annotated[
    Annotated[SetStatus, Tag("set_status")]
    | Annotated[SetPriority, Tag("set_priority")]
    | Annotated[Assign, Tag("assign")]
    | Annotated[Share, Tag("share")]
    | Annotated[SetTeam, Tag("set_team")]
    | Annotated[AddTags, Tag("add_tags")]
    | Annotated[RemoveTags, Tag("remove_tags")]
    | Annotated[SetCustomField, Tag("set_custom_field")]
    | Annotated[Note, Tag("note")]
    | Annotated[Snooze, Tag("snooze")]
    | Annotated[Reply, Tag("reply")]
    | Annotated[PrivateReply, Tag("private_reply")]
    | Annotated[CannedAnswer, Tag("canned_reply")]
    | Annotated[Moderate, Tag("moderate")]
    | Annotated[HandToBot, Tag("hand_to_bot")]
    | Annotated[Notify, Tag("notify")]
    | Annotated[CallWebhook, Tag("call_webhook")]
    | Annotated[EmitEvent, Tag("emit_event")]
    | Annotated[Stop, Tag("stop")]
    | Annotated[PluggedAction, Tag(_PLUGGED)],
    Discriminator(_which),
]
"""Any action."""

_read = TypeAdapter(tuple[Action, ...])


def read_actions(stored: tuple[dict[str, Any], ...]) -> tuple[Action, ...]:
    """Return actions as they were stored.

    Raises:
        ValidationError: One can no longer be used.
    """
    return _read.validate_python(stored)
