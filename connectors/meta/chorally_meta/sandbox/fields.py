"""Reads the Graph API's field expressions: ``id,comments.filter(stream).limit(5){id,from{id}}``."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\([^()]*\)|[.,{}]")


@dataclass(frozen=True)
class Field:
    """A field that is asked for, how it is narrowed, and what is asked of it."""

    name: str
    options: dict[str, str]
    fields: "tuple[Field, ...]"
    text: str
    """The expression within its braces."""


def parse(text: str) -> tuple[Field, ...]:
    """Return the fields of an expression.

    Raises:
        ValueError: It is not one.
    """
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s+", "", text):
        raise ValueError(f"the fields {text!r} cannot be read")
    fields, rest = _several(tokens)
    if rest:
        raise ValueError(f"the fields {text!r} close a brace that was never opened")
    return fields


def _several(tokens: list[str]) -> tuple[tuple[Field, ...], list[str]]:
    found: list[Field] = []
    while tokens and tokens[0] != "}":
        if tokens[0] == ",":
            tokens = tokens[1:]
            continue
        field, tokens = _one(tokens)
        found.append(field)
    return tuple(found), tokens


def _one(tokens: list[str]) -> tuple[Field, list[str]]:
    name, *tokens = tokens
    if not name[0].isalpha() and name[0] != "_":
        raise ValueError(f"a field's name was expected, not {name!r}")
    options: dict[str, str] = {}
    while len(tokens) >= 3 and tokens[0] == "." and tokens[2].startswith("("):
        options[tokens[1]] = tokens[2][1:-1]
        tokens = tokens[3:]
    inner: tuple[Field, ...] = ()
    text = ""
    if tokens and tokens[0] == "{":
        inner, after = _several(tokens[1:])
        if not after:
            raise ValueError(f"the fields of {name!r} are not closed")
        text = "".join(tokens[1 : len(tokens) - len(after)])
        tokens = after[1:]
    return Field(name, options, inner, text), tokens
