"""Judges conditions one by one, and can say what came of each: slow, plain, and what matchers must agree with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chorally_core.services.rule_engine.conditions import All, AnyOf, Node, NoneOf, Test, parts_of
from chorally_core.services.rule_engine.facts import Facts
from chorally_core.services.rule_engine.fields import Catalogue, UnknownField
from chorally_core.services.rule_engine.operators import BadOperand, Operator, operand_of, operator_of


class BadConditions(ValueError):
    """Conditions cannot be used; names each place and what is wrong there."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{place}: {what}" for place, what in faults.items()))
        self.faults = dict(faults)
        """What is wrong, by the place: ``all.2.value``."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A test whose operand is ready to be compared with."""

    test: Test
    operator: Operator
    operand: Any

    def holds(self, facts: Facts) -> bool:
        """Whether it is true of these facts."""
        return self.operator.holds(facts, self.test.field, self.operand)


@dataclass(frozen=True, slots=True)
class Tree:
    """Conditions with every test prepared."""

    node: Node
    parts: tuple["Tree", ...] = ()
    prepared: Prepared | None = None

    def holds(self, facts: Facts) -> bool:
        """Whether the conditions are true of these facts."""
        match self.node:
            case All():
                return all(part.holds(facts) for part in self.parts)
            case AnyOf():
                return any(part.holds(facts) for part in self.parts)
            case NoneOf():
                return not any(part.holds(facts) for part in self.parts)
            case _:
                return self.prepared is not None and self.prepared.holds(facts)

    def explained(self, facts: Facts) -> "Explained":
        """Return what came of every test, also of those that no longer mattered."""
        parts = tuple(part.explained(facts) for part in self.parts)
        if isinstance(self.node, Test):
            return Explained(self.holds(facts), self.node, facts[self.node.field], ())
        return Explained(self.holds(facts), self.node, None, parts)


@dataclass(frozen=True, slots=True)
class Explained:
    """What came of a test or a group."""

    holds: bool
    node: Node
    value: Any
    """What the field was; None for a group."""
    parts: tuple["Explained", ...]


def prepared(node: Node, catalogue: Catalogue) -> Tree:
    """Return conditions ready to be judged.

    Raises:
        BadConditions: A field, an operator or a value is not to be used; all such places are named at once.
    """
    faults: dict[str, str] = {}
    tree = _prepared(node, catalogue, (), faults)
    if faults:
        raise BadConditions(faults)
    return tree


def _prepared(node: Node, catalogue: Catalogue, place: tuple[str, ...], faults: dict[str, str]) -> Tree:
    if not isinstance(node, Test):
        group = "all" if isinstance(node, All) else "any" if isinstance(node, AnyOf) else "none"
        parts = (
            _prepared(part, catalogue, (*place, group, str(number)), faults)
            for number, part in enumerate(parts_of(node))
        )
        return Tree(node, tuple(parts))
    at = "field"
    try:
        field = catalogue[node.field]
        at = "op"
        operator = operator_of(field, node.op)
        at = "value"
        return Tree(node, (), Prepared(node, operator, operand_of(field, operator, node.value)))
    except (UnknownField, BadOperand) as error:
        faults[".".join((*place, at))] = str(error)
        return Tree(node)
