"""How a field may be compared: each operator with its operand, its meaning, and the Python that tests it.

An operator is written twice: as a function, which the naive evaluator and explanations use, and as a fragment
of source, of which matchers are compiled. A property test holds the two together.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import re2
from pydantic import TypeAdapter, ValidationError

from chorally_core.services.rule_engine.facts import CHANGED, NOW, WAS, WORDS, Facts, fold, words_of
from chorally_core.services.rule_engine.fields import Field, Type

MEMBERS = 1000
"""Values in one list."""
LONGEST = 2000
"""Characters of a value."""
PATTERN_MEMORY = 1 << 20
"""Bytes that a compiled pattern may take."""


class Operand(StrEnum):
    """What an operator is given."""

    NOTHING = "nothing"
    ONE = "one"
    MANY = "many"
    RANGE = "range"
    """Two numbers, the lower first."""
    DURATION = "duration"
    """A time span: ISO 8601 (``PT2H``) or seconds."""
    PATTERN = "pattern"
    """A regular expression as RE2 knows them."""


class BadOperand(ValueError):
    """The value does not fit the operator; the message says what does."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One way of comparing."""

    name: str
    types: frozenset[Type]
    operand: Operand
    title: str
    holds: Callable[[Facts, str, Any], bool]
    """Whether it holds: the facts, the name of the field, the operand as ``operand_of`` gives it."""
    source: Callable[[str, str, Any, "Constants"], str]
    """The same as an expression: source of the value, name of the field, operand, where constants are put."""


class Constants:
    """Values that generated source refers to by name."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def put(self, value: Any) -> str:
        """Return the name of a value."""
        name = f"k{len(self.values)}"
        self.values[name] = value
        return name

    def literal(self, value: Any) -> str:
        """Return the source of a value, or its name where it has none."""
        if isinstance(value, frozenset):
            return "{" + ", ".join(map(repr, sorted(value))) + "}" if value else self.put(value)
        if isinstance(value, float) and not math.isfinite(value):
            return self.put(value)
        return repr(value)


_KEY, _TEXT, _NUM, _BOOL, _SET, _TIME = Type.KEYWORD, Type.TEXT, Type.NUMBER, Type.BOOLEAN, Type.SET, Type.TIME


def _value(compare: Callable[[Any, Any], bool]) -> Callable[[Facts, str, Any], bool]:
    return lambda facts, name, operand: compare(facts[name], operand)


def _is_known(value: Any) -> bool:
    return value is not None and value == value  # not so of what is no number


def _age(facts: Facts, name: str) -> float:
    age: float = facts[NOW] - facts[name]
    return age


def _infix(symbol: str) -> Callable[[str, str, Any, Constants], str]:
    return lambda value, _, operand, constants: f"{value} {symbol} {constants.literal(operand)}"


def _is_in(value: str, _: str, operand: Any, constants: Constants) -> str:
    return f"{value} in {constants.literal(operand)}"


def _contains(value: str, joint: str, operand: frozenset[str]) -> str:
    return "(" + joint.join(f"{each!r} in {value}" for each in sorted(operand)) + ")"


def _of(name: str) -> str:
    return f"e[{name!r}]"


_OPERATORS = (
    Operator("eq", frozenset({_KEY, _NUM, _TEXT}), Operand.ONE, "is", _value(lambda v, o: v == o), _infix("==")),
    Operator("ne", frozenset({_KEY, _NUM, _TEXT}), Operand.ONE, "is not", _value(lambda v, o: v != o), _infix("!=")),
    Operator("in", frozenset({_KEY, _NUM}), Operand.MANY, "is one of", _value(lambda v, o: v in o), _is_in),
    Operator(
        "not_in", frozenset({_KEY, _NUM}), Operand.MANY, "is none of", _value(lambda v, o: v not in o),
        lambda v, n, o, k: f"{v} not in {k.literal(o)}",
    ),
    Operator(
        "set", frozenset({_KEY, _BOOL, _NUM, _TIME}), Operand.NOTHING, "is known", _value(lambda v, _: _is_known(v)),
        lambda v, *_: f"{v} is not None and {v} == {v}",
    ),
    Operator("is", frozenset({_BOOL}), Operand.ONE, "is", _value(lambda v, o: v is o), _infix("is")),
    Operator("gt", frozenset({_NUM}), Operand.ONE, "is more than", _value(lambda v, o: v > o), _infix(">")),
    Operator("ge", frozenset({_NUM}), Operand.ONE, "is at least", _value(lambda v, o: v >= o), _infix(">=")),
    Operator("lt", frozenset({_NUM}), Operand.ONE, "is less than", _value(lambda v, o: v < o), _infix("<")),
    Operator("le", frozenset({_NUM}), Operand.ONE, "is at most", _value(lambda v, o: v <= o), _infix("<=")),
    Operator(
        "between", frozenset({_NUM}), Operand.RANGE, "is between", _value(lambda v, o: o[0] <= v <= o[1]),
        lambda v, n, o, k: f"{k.literal(o[0])} <= {v} <= {k.literal(o[1])}",
    ),
    Operator(
        "contains", frozenset({_TEXT}), Operand.ONE, "contains", _value(lambda v, o: o in v),
        lambda v, n, o, k: f"{o!r} in {v}",
    ),
    Operator(
        "contains_any", frozenset({_TEXT}), Operand.MANY, "contains any of",
        _value(lambda v, o: any(each in v for each in o)), lambda v, n, o, k: _contains(v, " or ", o),
    ),
    Operator(
        "contains_all", frozenset({_TEXT}), Operand.MANY, "contains all of",
        _value(lambda v, o: all(each in v for each in o)), lambda v, n, o, k: _contains(v, " and ", o),
    ),
    Operator(
        "words", frozenset({_TEXT}), Operand.MANY, "has any of the words",
        lambda facts, name, o: not o.isdisjoint(facts[name + WORDS]),
        lambda v, n, o, k: f"not {k.put(o)}.isdisjoint({_of(n + WORDS)})",
    ),
    Operator(
        "starts", frozenset({_TEXT, _KEY}), Operand.ONE, "starts with", _value(lambda v, o: (v or "").startswith(o)),
        lambda v, n, o, k: f"({v} or '').startswith({o!r})",
    ),
    Operator(
        "ends", frozenset({_TEXT, _KEY}), Operand.ONE, "ends with", _value(lambda v, o: (v or "").endswith(o)),
        lambda v, n, o, k: f"({v} or '').endswith({o!r})",
    ),
    Operator(
        "regex", frozenset({_TEXT, _KEY}), Operand.PATTERN, "matches the pattern",
        _value(lambda v, o: o.search(v or "") is not None),
        lambda v, n, o, k: f"{k.put(o.search)}({v} or '') is not None",
    ),
    Operator(
        "empty", frozenset({_TEXT, _SET}), Operand.NOTHING, "is empty", _value(lambda v, _: not v),
        lambda v, *_: f"not {v}",
    ),
    Operator(
        "has", frozenset({_SET}), Operand.ONE, "has", _value(lambda v, o: o in v), lambda v, n, o, k: f"{o!r} in {v}"
    ),
    Operator(
        "has_any", frozenset({_SET}), Operand.MANY, "has any of", _value(lambda v, o: not o.isdisjoint(v)),
        lambda v, n, o, k: f"not {k.put(o)}.isdisjoint({v})",
    ),
    Operator(
        "has_all", frozenset({_SET}), Operand.MANY, "has all of", _value(lambda v, o: o <= v),
        lambda v, n, o, k: f"{k.put(o)} <= {v}",
    ),
    Operator(
        "has_none", frozenset({_SET}), Operand.MANY, "has none of", _value(lambda v, o: o.isdisjoint(v)),
        lambda v, n, o, k: f"{k.put(o)}.isdisjoint({v})",
    ),
    Operator(
        "within_last", frozenset({_TIME}), Operand.DURATION, "was within the last",
        lambda facts, name, o: 0 <= _age(facts, name) <= o, lambda v, n, o, k: f"0 <= {_of(NOW)} - {v} <= {o!r}",
    ),
    Operator(
        "older_than", frozenset({_TIME}), Operand.DURATION, "is longer ago than",
        lambda facts, name, o: _age(facts, name) > o, lambda v, n, o, k: f"{_of(NOW)} - {v} > {o!r}",
    ),
    Operator(
        "within_next", frozenset({_TIME}), Operand.DURATION, "comes within the next",
        lambda facts, name, o: 0 <= -_age(facts, name) <= o, lambda v, n, o, k: f"0 <= {v} - {_of(NOW)} <= {o!r}",
    ),
    Operator("before", frozenset({_TIME}), Operand.ONE, "is before", _value(lambda v, o: v < o), _infix("<")),
    Operator("after", frozenset({_TIME}), Operand.ONE, "is after", _value(lambda v, o: v > o), _infix(">")),
    Operator(
        "changed", frozenset(Type), Operand.NOTHING, "has changed", lambda facts, name, _: name in facts[CHANGED],
        lambda v, n, *_: f"{n!r} in {_of(CHANGED)}",
    ),
    Operator(
        "changed_from", frozenset({_KEY, _NUM, _BOOL, _TEXT, _TIME}), Operand.ONE, "was",
        lambda facts, name, o: name in facts[CHANGED] and facts[name + WAS] == o,
        lambda v, n, o, k: f"{n!r} in {_of(CHANGED)} and {_of(n + WAS)} == {k.literal(o)}",
    ),
    Operator(
        "changed_to", frozenset({_KEY, _NUM, _BOOL, _TEXT, _TIME}), Operand.ONE, "has become",
        lambda facts, name, o: name in facts[CHANGED] and facts[name] == o,
        lambda v, n, o, k: f"{n!r} in {_of(CHANGED)} and {v} == {k.literal(o)}",
    ),
    Operator(
        "added", frozenset({_SET}), Operand.MANY, "has got any of",
        lambda facts, name, o: name in facts[CHANGED] and not o.isdisjoint(facts[name] - facts[name + WAS]),
        lambda v, n, o, k: f"{n!r} in {_of(CHANGED)} and not {k.put(o)}.isdisjoint({v} - {_of(n + WAS)})",
    ),
    Operator(
        "removed", frozenset({_SET}), Operand.MANY, "has lost any of",
        lambda facts, name, o: name in facts[CHANGED] and not o.isdisjoint(facts[name + WAS] - facts[name]),
        lambda v, n, o, k: f"{n!r} in {_of(CHANGED)} and not {k.put(o)}.isdisjoint({_of(n + WAS)} - {v})",
    ),
)  # fmt: skip

OPERATORS: Mapping[str, Operator] = {operator.name: operator for operator in _OPERATORS}
"""Every operator by its name."""

_DURATION = TypeAdapter(timedelta)
_INSTANT = TypeAdapter(datetime)


def operator_of(field: Field, name: str) -> Operator:
    """Return the operator of that name for a field.

    Raises:
        BadOperand: There is none, or it does not compare values of this type.
    """
    operator = OPERATORS.get(name)
    if operator is None or field.type not in operator.types:
        fit = ", ".join(each.name for each in _OPERATORS if field.type in each.types)
        raise BadOperand(f"{field.name!r} is a {field.type} and takes no {name!r}; it takes {fit}")
    return operator


def operand_of(field: Field, operator: Operator, value: Any) -> Any:
    """Return a value as the operator compares with it: folded, frozen, in seconds, or compiled.

    Raises:
        BadOperand: It does not fit.
    """
    match operator.operand:
        case Operand.NOTHING:
            if value not in (None, True):
                raise BadOperand(f"{operator.name!r} takes no value")
            return None
        case Operand.PATTERN:
            return _pattern(value)
        case Operand.DURATION:
            return _seconds(value)
        case Operand.MANY:
            if not isinstance(value, list | tuple | set | frozenset) or not 1 <= len(value) <= MEMBERS:
                raise BadOperand(f"{operator.name!r} takes a list of 1 to {MEMBERS} values")
            many = frozenset(_one(field, each) for each in value)
            if operator.name == "words" and (odd := sorted(each for each in many if words_of(each) != {each})):
                raise BadOperand(f"{odd[0]!r} is no single word; 'contains' finds phrases")
            return many
        case Operand.RANGE:
            if not isinstance(value, list | tuple) or len(value) != 2:
                raise BadOperand(f"{operator.name!r} takes two numbers, the lower first")
            low, high = (_one(field, each) for each in value)
            if low > high:
                raise BadOperand(f"{operator.name!r} takes the lower number first, not {low} and {high}")
            return low, high
        case Operand.ONE:
            return _one(field, value)


def _one(field: Field, value: Any) -> Any:
    match field.type:
        case Type.NUMBER:
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise BadOperand(f"{field.name!r} is compared with numbers, not with {value!r}")
            return value
        case Type.BOOLEAN:
            if not isinstance(value, bool):
                raise BadOperand(f"{field.name!r} is compared with true or false, not with {value!r}")
            return value
        case Type.TIME:
            try:
                instant = _INSTANT.validate_python(value)
            except ValidationError:
                raise BadOperand(f"{value!r} is no time; write it as 2026-11-23T09:00:00Z") from None
            if instant.tzinfo is None:
                raise BadOperand(f"{value!r} has no time zone; write it as 2026-11-23T09:00:00Z")
            return instant.timestamp()
        case _:
            return _word(field, value)


def _word(field: Field, value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST:
        raise BadOperand(f"{field.name!r} is compared with a text of 1 to {LONGEST} characters, not with {value!r}")
    if field.values and value not in field.values:
        raise BadOperand(f"{field.name!r} is never {value!r}; it is one of {', '.join(field.values)}")
    return fold(value) if field.type is Type.TEXT else value


def _seconds(value: Any) -> float:
    try:
        span = _DURATION.validate_python(value)
    except ValidationError:
        raise BadOperand(f"{value!r} is no time span; write it as PT2H, P3D or in seconds") from None
    if span < timedelta(0):
        raise BadOperand("a time span is not negative")
    return span.total_seconds()


def _pattern(value: Any) -> Any:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST:
        raise BadOperand(f"a pattern is a text of 1 to {LONGEST} characters")
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.max_mem = PATTERN_MEMORY
    try:
        return re2.compile(value, options)
    except re2.error as error:
        why = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise BadOperand(f"the pattern {value!r} cannot be used: {why}") from None
