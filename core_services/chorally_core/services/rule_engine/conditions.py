"""Conditions as people and interfaces write them: tests of fields, joined by all, any and none."""

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

DEPTH = 8
"""Levels of groups within groups."""
TESTS = 200
"""Tests in one rule."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Test(_Strict):
    """One field compared with a value."""

    __test__ = False  # no test of ours, whatever pytest thinks of the name

    field: str = Field(title="Field", max_length=200)
    op: str = Field(title="Operator", max_length=40)
    value: Any = Field(default=None, title="Value", description="What the field is compared with; none for some.")


class All(_Strict):
    """True where all of them are; of none, true."""

    all: tuple["Node", ...] = Field(title="All of", max_length=TESTS)


class AnyOf(_Strict):
    """True where at least one of them is; of none, false."""

    any: tuple["Node", ...] = Field(title="Any of", max_length=TESTS)


class NoneOf(_Strict):
    """True where not one of them is; of none, true."""

    none: tuple["Node", ...] = Field(title="None of", max_length=TESTS)


def _which(value: Any) -> str | None:
    for name in ("all", "any", "none"):
        if (isinstance(value, dict) and name in value) or (not isinstance(value, dict) and hasattr(value, name)):
            return name
    return "test"


Node = Annotated[
    Annotated[All, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[NoneOf, Tag("none")]
    | Annotated[Test, Tag("test")],
    Discriminator(_which),
]
"""A test, or a group of them."""


class Conditions(_Strict):
    """The conditions of a rule, within bounds."""

    root: Node = Field(default=All(all=()), title="Conditions")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if depth(self.root) > DEPTH:
            raise ValueError(f"conditions are nested more than {DEPTH} levels deep")
        if (count := sum(1 for _ in tests_of(self.root))) > TESTS:
            raise ValueError(f"a rule has at most {TESTS} tests, this one has {count}")
        return self


def parts_of(node: Node) -> tuple[Node, ...]:
    """Return the members of a group; none of a test."""
    match node:
        case All(all=parts) | AnyOf(any=parts) | NoneOf(none=parts):
            return parts
        case _:
            return ()


def tests_of(node: Node) -> Iterator[Test]:
    """Yield every test in it, in their order."""
    if isinstance(node, Test):
        yield node
    for part in parts_of(node):
        yield from tests_of(part)


def depth(node: Node) -> int:
    """Return how many levels of groups there are; 0 for a test."""
    return 0 if isinstance(node, Test) else 1 + max(map(depth, parts_of(node)), default=0)


All.model_rebuild()
AnyOf.model_rebuild()
NoneOf.model_rebuild()
Conditions.model_rebuild()
