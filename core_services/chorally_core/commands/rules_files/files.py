"""Files of rules, and the tests that stand beside them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field as PydanticField
from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from chorally_core.api.rule_engine import rule_of
from chorally_core.api.rule_engine_views import RuleAdd
from chorally_core.commands.rules_files.cases import Case
from chorally_core.commands.rules_files.places import Mistake, Mistakes, line_of, plain, read, shown
from chorally_core.ports.calendars import Hours
from chorally_core.ports.identity import Caller
from chorally_core.services.rule.hours import OpeningHours
from chorally_core.services.rule_engine.engine import made_ready
from chorally_core.services.rule_engine.judging import BadConditions
from chorally_core.services.rule_engine.model import Rule

NOBODY = Caller(tenant="file", subject="", kind="service", permissions=frozenset())
_PARTS = ("rules", "tests", "calendars")
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)
FIELDS = tuple(name for name in RuleAdd.model_fields if name != "trace_until")
"""What files say of a rule; until when it is traced is no part of it."""


@dataclass(frozen=True)
class FileRule:
    """A rule of a file."""

    path: Path
    line: int
    rule_id: str
    """Of the rule that it is in a system; empty where its name tells."""
    body: Mapping[str, Any]
    """As the API takes it, with what was left out."""
    rule: Rule

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["name"])


@dataclass(frozen=True)
class FileCase:
    """A test of a file."""

    path: Path
    line: int
    case: Case


class FileCalendar(OpeningHours):
    """A calendar as it is in the system, for the tests; an import leaves it out."""

    id: str = PydanticField(min_length=1, max_length=200)
    name: str = ""


@dataclass(frozen=True)
class Files:
    """What some files hold together, in their order."""

    rules: Sequence[FileRule]
    cases: Sequence[FileCase]
    hours: Mapping[str, Hours] = field(default_factory=dict)
    """Of the calendars that tests are judged by, by the ids that conditions name."""


def load(paths: Iterable[Path]) -> Files:
    """Return what files hold.

    Raises:
        Mistakes: Something cannot be used; tells all of it.
    """
    rules: list[FileRule] = []
    cases: list[FileCase] = []
    hours: dict[str, Hours] = {}
    wrong: list[Mistake] = []
    for path in paths:
        try:
            content = read(path)
        except Mistakes as error:
            wrong += error.mistakes
            continue
        for name in content:
            if name not in _PARTS:
                wrong.append(Mistake(path, line_of(content, [name]), str(name), f"there are {', '.join(_PARTS)}"))
        for node in _listed(path, content, "rules", wrong):
            rules += _rule(path, node, wrong)
        for node in _listed(path, content, "tests", wrong):
            cases += _case(path, node, wrong)
        for node in _listed(path, content, "calendars", wrong):
            _calendar(path, node, hours, wrong)
    wrong += _twice(rules)
    if wrong:
        raise Mistakes(sorted(wrong, key=lambda mistake: (str(mistake.path), mistake.line)))
    return Files(rules, cases, hours)


def _listed(path: Path, content: CommentedMap, name: str, wrong: list[Mistake]) -> list[Any]:
    found = content.get(name)
    if found is None:
        return []
    if not isinstance(found, CommentedSeq):
        wrong.append(Mistake(path, line_of(content, [name]), name, "must be a list"))
        return []
    nodes = []
    for number, node in enumerate(found):
        if isinstance(node, CommentedMap):
            nodes.append(node)
        else:
            wrong.append(Mistake(path, line_of(found, [number]), f"{name}/{number}", "must have fields, as `name:`"))
    return nodes


def _rule(path: Path, node: CommentedMap, wrong: list[Mistake]) -> list[FileRule]:
    line = line_of(node, [])
    try:
        body = plain(node)
    except (ValueError, RecursionError) as error:
        wrong.append(Mistake(path, line, "", str(error)))
        return []
    rule_id = body.pop("id", "")
    if not isinstance(rule_id, str):
        wrong.append(Mistake(path, line_of(node, ["id"]), "id", "must be a text"))
        return []
    try:
        asked = RuleAdd.model_validate(body)
        rule = rule_of(asked, rule_id or f"{path}:{line}", NOBODY, _NEVER)
    except ValidationError as error:
        wrong += [_at(path, node, each["loc"], each["msg"]) for each in error.errors()]
        return []
    try:
        made_ready(rule)
    except BadConditions as error:
        faults = error.faults.items()
        wrong += [_at(path, node, ("conditions", *place.split(".")), why) for place, why in faults]
        return []
    except ValidationError as error:
        wrong += [_at(path, node, ("conditions", *each["loc"][1:]), each["msg"]) for each in error.errors()]
        return []
    dumped = asked.model_dump(mode="json")
    return [FileRule(path, line, rule_id, {name: dumped[name] for name in FIELDS}, rule)]


def _case(path: Path, node: CommentedMap, wrong: list[Mistake]) -> list[FileCase]:
    try:
        return [FileCase(path, line_of(node, []), Case.model_validate(plain(node)))]
    except ValidationError as error:
        wrong += [_at(path, node, each["loc"], each["msg"]) for each in error.errors()]
    except (ValueError, RecursionError) as error:
        wrong.append(Mistake(path, line_of(node, []), "", str(error)))
    return []


def _calendar(path: Path, node: CommentedMap, hours: dict[str, Hours], wrong: list[Mistake]) -> None:
    """Take up a calendar; of one id there is one."""
    try:
        calendar = FileCalendar.model_validate(plain(node))
    except ValidationError as error:
        wrong += [_at(path, node, each["loc"], each["msg"]) for each in error.errors()]
        return
    except (ValueError, RecursionError) as error:
        wrong.append(Mistake(path, line_of(node, []), "", str(error)))
        return
    if calendar.id in hours:
        wrong.append(_at(path, node, ("id",), f"there is another calendar {calendar.id!r}; give each its own id"))
    hours[calendar.id] = calendar.stored()


def _at(path: Path, node: CommentedMap, place: Sequence[str | int], why: str) -> Mistake:
    return Mistake(path, line_of(node, place), shown(place, node), why)


def _twice(rules: Sequence[FileRule]) -> list[Mistake]:
    """Rules of one name cannot be told apart."""
    seen: dict[str, FileRule] = {}
    wrong = []
    for rule in rules:
        first = seen.setdefault(rule.rule_id or f"name {rule.name}", rule)
        if first is not rule:
            why = f"{first.path}:{first.line} is the same rule; give each its own name"
            wrong.append(Mistake(rule.path, rule.line, "name", why))
    return wrong
