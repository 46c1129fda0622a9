"""What the rule engine's API takes and gives."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chorally_core.services.rule_engine.actions import MOST, Action
from chorally_core.services.rule_engine.model import Execution, Mode, Result, Rule

EventName = Literal[
    "message_received",
    "message_edited",
    "ticket_changed",
    "ticket_idle",
    "ticket_waiting",
    "window_closing",
    "follow_up",
]

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Events = Annotated[list[EventName], Field(min_length=1, max_length=7)]
_Actions = Annotated[list[Action], Field(min_length=1, max_length=MOST)]
_AFTER = (
    "For `ticket_idle`, `ticket_waiting` and `follow_up` how long after, for `window_closing` how long before; such as "
    "`PT24H`. Only with one of these events."
)
_TRACE = "Until then, at most a day ahead, it is kept why the rule did not fire; null ends it."
_CONDITIONS = (
    "A test `{field, op, value}`, or a group of them: `{all: […]}`, `{any: […]}`, `{none: […]}`. What there is to "
    "test, and how: `GET /rule-engine/v1/schema`."
)


class RuleAdd(BaseModel):
    """A rule: on which events, under which conditions, what is done."""

    model_config = ConfigDict(extra="forbid")

    name: _Name = Field(title="Name")
    description: str = Field("", title="Description", max_length=2000)
    events: _Events = Field(["message_received"], title="Events", description="What it answers.")
    conditions: dict[str, Any] = Field({"all": []}, title="Conditions", description=_CONDITIONS)
    actions: _Actions = Field(title="Actions", description="What is done, in this order.")
    mode: Mode = Field("all", title="Mode", description="`first` fires only where no rule before it fired.")
    stop: bool = Field(False, title="Stop", description="No rule after it fires on the same event.")
    enabled: bool = Field(True, title="Enabled")
    after: timedelta | None = Field(None, title="After", description=_AFTER)
    trace_until: AwareDatetime | None = Field(None, title="Traced until", description=_TRACE)


class RuleChange(BaseModel):
    """What of a rule is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: _Name | None = Field(None, title="Name")
    description: str | None = Field(None, title="Description", max_length=2000)
    events: _Events | None = Field(None, title="Events")
    conditions: dict[str, Any] | None = Field(None, title="Conditions", description=_CONDITIONS)
    actions: _Actions | None = Field(None, title="Actions")
    mode: Mode | None = Field(None, title="Mode")
    stop: bool | None = Field(None, title="Stop")
    enabled: bool | None = Field(None, title="Enabled")
    after: timedelta | None = Field(None, title="After", description=_AFTER)
    trace_until: AwareDatetime | None = Field(None, title="Traced until", description=_TRACE)


class RuleOrder(BaseModel):
    """The order in which rules are judged."""

    model_config = ConfigDict(extra="forbid")

    rule_ids: list[str] = Field(title="Rules", description="The id of each of the tenant's rules.", max_length=2000)


class RuleView(BaseModel):
    """A rule as it holds."""

    id: str = Field(title="Id")
    version: int = Field(title="Version")
    order: int = Field(title="Order", description="Its place among the rules, from 1.")
    name: str = Field(title="Name")
    description: str = Field(title="Description")
    events: list[str] = Field(title="Events")
    conditions: dict[str, Any] = Field(title="Conditions")
    actions: list[dict[str, Any]] = Field(title="Actions")
    mode: Mode = Field(title="Mode")
    stop: bool = Field(title="Stop")
    enabled: bool = Field(title="Enabled")
    after: timedelta | None = Field(title="After", description=_AFTER)
    trace_until: datetime | None = Field(title="Traced until", description=_TRACE)
    created_at: datetime = Field(title="Created")
    created_by: str = Field(title="Created by")
    changed_at: datetime = Field(title="Changed")
    changed_by: str = Field(title="Changed by")

    @classmethod
    def of(cls, rule: Rule, order: int) -> "RuleView":
        """Return a rule as the API shows it."""
        return cls(
            id=rule.rule_id, version=rule.number, order=order, name=rule.name, description=rule.description,
            events=list(rule.events), conditions=rule.conditions, actions=list(rule.actions), mode=rule.mode,
            stop=rule.stop, enabled=rule.enabled, trace_until=rule.trace_until,
            after=None if rule.after_s is None else timedelta(seconds=rule.after_s), created_at=rule.created_at,
            created_by=rule.created_by, changed_at=rule.changed_at, changed_by=rule.changed_by,
        )  # fmt: skip


class OutcomeView(BaseModel):
    """What became of one action."""

    action: str = Field(title="Action")
    result: Result = Field(
        title="Result",
        description="`asked` of the service concerned, `skipped` as there was nothing to do, `held` by the bound on "
        "actions, or `failed`; later `overtaken` where somebody changed the ticket first, or `refused`.",
    )
    detail: str = Field(title="Detail")


class ExecutionView(BaseModel):
    """A rule that fired."""

    id: str = Field(title="Id", description="Begins with the time.")
    rule_id: str = Field(title="Rule")
    rule_version: int = Field(title="Rule's version")
    rule_name: str = Field(title="Rule's name", description="As it was then.")
    event: str = Field(title="Event")
    fired: bool = Field(title="Fired", description="False where it is kept why a traced rule did not.")
    log_id: str = Field(title="Log entry", description="The entry of the history that it fired on.")
    ticket_id: str | None = Field(title="Ticket")
    message_id: str | None = Field(title="Message")
    author_id: str | None = Field(title="Author")
    author_version: int = Field(title="Author's version", description="That was judged; 0 where not known yet.")
    at: datetime = Field(title="At")
    depth: int = Field(title="Depth", description="Rules between the outside world and it.")
    conditions: dict[str, Any] = Field(title="Conditions", description="Each with `met`, its value, and `holds`.")
    outcomes: list[OutcomeView] = Field(title="Outcomes", description="One for each action.")

    @classmethod
    def of(cls, execution: Execution) -> "ExecutionView":
        """Return an execution as the API shows it."""
        values = {name: getattr(execution, name) for name in cls.model_fields if hasattr(execution, name)}
        values["rule_version"] = execution.rule_number
        values["fired"] = execution.fired is None
        values["outcomes"] = [
            OutcomeView(action=each.action, result=each.result, detail=each.detail) for each in execution.outcomes
        ]
        return cls.model_validate(values)


class DryRun(BaseModel):
    """On what a rule is to be tried."""

    model_config = ConfigDict(extra="forbid")

    events: int = Field(200, title="Events", ge=1, le=1000, description="At most so many of the history, the newest.")
    until: AwareDatetime | None = Field(None, title="Until", description="Only what happened before this instant.")
    shown: int = Field(20, title="Shown", ge=0, le=100, description="Matches that the answer shows; all are counted.")


class DraftRun(DryRun):
    """A rule that is not stored, and on what it is to be tried."""

    rule: RuleAdd = Field(title="Rule")


class MatchView(BaseModel):
    """An event on which the rule would have fired."""

    log_id: str = Field(title="Log entry")
    at: datetime = Field(title="At")
    ticket_id: str | None = Field(title="Ticket")
    message_id: str | None = Field(title="Message")
    text: str = Field(title="Text", description="What was said, in short.")
    conditions: dict[str, Any] = Field(title="Conditions")
    outcomes: list[OutcomeView] = Field(title="Outcomes")


class DryRunView(BaseModel):
    """What came of trying a rule; nothing was done."""

    judged: int = Field(title="Judged", description="Events of the rule's kinds, those that time brought included.")
    matched: int = Field(title="Matched", description="Those on which it would have fired.")
    actions: dict[str, int] = Field(title="Actions", description="How often each would have been asked for.")
    matches: list[MatchView] = Field(title="Matches", description="The newest of them.")
