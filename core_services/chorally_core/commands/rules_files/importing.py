"""Compares files of rules with the rules of a system, and makes them the same."""

import difflib
import io
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from ruamel.yaml import YAML

from chorally_core.commands.rules_files.files import FIELDS, FileRule

RULES = "/rule-engine/v1/rules"
TOO_MANY = 429


class Refused(Exception):
    """The system cannot be reached, or does not do it; the message says why."""


@dataclass(frozen=True)
class Step:
    """One rule, and what becomes of it."""

    what: str
    """``create``, ``change``, ``unchanged`` or ``remove``."""
    name: str
    known: Mapping[str, Any] | None = None
    wanted: FileRule | None = None

    @property
    def fields(self) -> list[str]:
        """What changes of it."""
        if self.known is None or self.wanted is None:
            return []
        return [name for name in FIELDS if self.known.get(name) != self.wanted.body[name]]


@dataclass(frozen=True)
class Plan:
    """What an import does."""

    steps: Sequence[Step]
    left: Sequence[Mapping[str, Any]]
    """Rules of the system that no file names, and that stay, behind the others."""
    reorders: bool

    @property
    def changes(self) -> bool:
        """Whether anything does change."""
        return self.reorders or any(step.what != "unchanged" for step in self.steps)


def told(answer: httpx.Response) -> Any:
    """Return what a system answered.

    Raises:
        Refused: It refused.
    """
    if answer.status_code < 400:
        return answer.json() if answer.content else None
    document = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    why = [str(document.get("detail", f"the system answered {answer.status_code}"))]
    why += [f"  {each['field'].removeprefix('/body/')}: {each['message']}" for each in document.get("errors") or ()]
    raise Refused("\n".join(why))


def stored(http: httpx.Client) -> list[dict[str, Any]]:
    """Return the rules of a system, in their order."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = told(http.get(RULES, params={"limit": 200, **({"cursor": cursor} if cursor else {})}))
        found += page["items"]
        if not (cursor := page["next"]):
            return found


def planned(files: Sequence[FileRule], known: Sequence[Mapping[str, Any]], *, prune: bool) -> Plan:
    """Return what makes a system's rules those of the files.

    Args:
        files: The rules of the files, in their order.
        known: Those of the system, in theirs.
        prune: Whether to remove what no file names.

    Raises:
        Refused: It cannot be told which rule of the system one of a file is.
    """
    steps: list[Step] = []
    taken: dict[str, FileRule] = {}
    for wanted in files:
        found = _same(wanted, known)
        if found is None:
            steps.append(Step("create", wanted.name, None, wanted))
            continue
        if (other := taken.setdefault(found["id"], wanted)) is not wanted:
            raise Refused(f"{wanted.path}:{wanted.line} and {other.path}:{other.line} are the same rule; remove one")
        step = Step("change", wanted.name, found, wanted)
        steps.append(step if step.fields else Step("unchanged", wanted.name, found, wanted))
    others = [rule for rule in known if rule["id"] not in taken]
    left = [] if prune else others
    ids = [step.known["id"] if step.known else "" for step in steps] + [rule["id"] for rule in left]
    kept = [rule["id"] for rule in known if rule["id"] in taken or not prune]
    created = sum(step.what == "create" for step in steps)
    is_ordered = ids == [*kept, *[""] * created]
    steps += [Step("remove", str(rule["name"]), rule) for rule in others if prune]
    return Plan(steps, left, not is_ordered)


def _same(wanted: FileRule, known: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The rule of a system that one of a file is: by its id, else by its name."""
    if wanted.rule_id:
        found = next((rule for rule in known if rule["id"] == wanted.rule_id), None)
        if found is None:
            raise Refused(
                f"{wanted.path}:{wanted.line}: the system has no rule {wanted.rule_id}; leave the id out to create it"
            )
        return found
    named = [rule for rule in known if rule["name"] == wanted.name]
    if len(named) > 1:
        ids = ", ".join(str(rule["id"]) for rule in named)
        raise Refused(f"{wanted.path}:{wanted.line}: the system has {len(named)} rules of this name; add an id: {ids}")
    return named[0] if named else None


_MARKS = {"create": "+", "change": "~", "unchanged": "=", "remove": "-"}


def show(plan: Plan, tell: Callable[[str], object]) -> None:
    """Print what an import does, with the lines that change."""
    for step in plan.steps:
        if step.what == "unchanged":
            continue
        tell(f"{_MARKS[step.what]} {step.what} {step.name!r}" + (f": {', '.join(step.fields)}" if step.fields else ""))
        if step.known is not None and step.wanted is not None:
            before = {name: step.known.get(name) for name in step.fields}
            after = {name: step.wanted.body[name] for name in step.fields}
            changed = difflib.unified_diff(_text(before), _text(after), n=1, lineterm="")
            for line in list(changed)[2:]:
                tell(f"    {line}")
    if plan.reorders:
        tell("~ order: the files' rules first, in their order")
    counts = {name: sum(step.what == name for step in plan.steps) for name in _MARKS}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    tell(f"{said}, {len(plan.left)} not in the files")


def _text(body: Mapping[str, Any]) -> list[str]:
    out = io.StringIO()
    made = YAML()
    made.default_flow_style = False
    made.dump(dict(body), out)
    return out.getvalue().splitlines()


def carry_out(
    http: httpx.Client, plan: Plan, tell: Callable[[str], object], *, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Make the changes one by one; what was done stays, also if a later one fails.

    Args:
        http: A client of the running system.
        plan: What is to be done.
        tell: Prints a line.
        sleep: Waits for so many seconds, as the system takes only so many requests a minute.

    Raises:
        Refused: One was refused, or somebody else made the same meanwhile.
    """
    ids: list[str] = []
    for step in plan.steps:
        try:
            ids += _done(http, step, sleep)
        except Refused as error:
            raise Refused(f"{step.what} {step.name!r}: {error}\nwhat came before is done; import again") from error
        if step.what != "unchanged":
            tell(f"{step.what}d {step.name!r}")
    if plan.reorders:
        order = {"rule_ids": [*ids, *(rule["id"] for rule in plan.left)]}
        told(_patiently(lambda: http.put(f"{RULES}/order", json=order), sleep))
        tell("ordered")
    _check_alone(http, plan)


def _check_alone(http: httpx.Client, plan: Plan) -> None:
    """Tell where somebody made a rule of the same name at the same time, as another import does.

    Raises:
        Refused: It was so.
    """
    created = {step.name for step in plan.steps if step.what == "create"}
    counts = Counter(rule["name"] for rule in stored(http)) if created else Counter[str]()
    if twice := sorted(name for name in created if counts[name] > 1):
        shown = ", ".join(repr(name) for name in twice[:5]) + (" …" if len(twice) > 5 else "")
        raise Refused(f"somebody else made rules of these names meanwhile: {shown}; remove one of each")


def _done(http: httpx.Client, step: Step, sleep: Callable[[float], object]) -> list[str]:
    """Carry out one step, and return the id of the rule where it is there then."""
    wanted, known = step.wanted, step.known
    if known is None and wanted is not None:
        key = {"Idempotency-Key": str(uuid4())}
        made = _patiently(lambda: _twice(lambda: http.post(RULES, json=wanted.body, headers=key)), sleep)
        return [str(told(made)["id"])]
    if known is None:
        return []
    place, seen = f"{RULES}/{known['id']}", {"If-Match": f'"{known["version"]}"'}
    if wanted is None:
        told(_patiently(lambda: http.delete(place, headers=seen), sleep))
        return []
    if step.fields:
        new = {name: wanted.body[name] for name in step.fields}
        told(_patiently(lambda: http.patch(place, json=new, headers=seen), sleep))
    return [str(known["id"])]


def _twice(call: Callable[[], httpx.Response]) -> httpx.Response:
    """Make a call under a key again if its answer was lost."""
    try:
        return call()
    except httpx.TransportError:
        return call()


def _patiently(call: Callable[[], httpx.Response], sleep: Callable[[float], object]) -> httpx.Response:
    """Make a call again for as long as the system says that there were too many, when it says that they may go on."""
    while (answer := call()).status_code == TOO_MANY:
        asked = answer.headers.get("retry-after", "")
        sleep(min(float(asked), 60.0) if asked.isdigit() else 1.0)
    return answer
