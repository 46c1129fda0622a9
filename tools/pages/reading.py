"""Reads what only the source says: the texts under attributes, annotations as they are written."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attribute:
    """One annotated attribute, or member of an enumeration, of a class."""

    name: str
    annotation: str
    default: str | None
    """As it is written; None where there is none."""
    doc: str


def attributes(of: type) -> tuple[Attribute, ...]:
    """Return the attributes that a class declares, in order, without those of its bases."""
    (body,) = (node.body for node in ast.parse(textwrap.dedent(inspect.getsource(of))).body if _is_class(node))  # type: ignore[attr-defined]
    return tuple(_attributes(body))


def all_attributes(of: type, until: type) -> tuple[Attribute, ...]:
    """Return the attributes of a class and of those of its bases that derive from ``until``, the base's first."""
    lines = [base for base in reversed(of.__mro__) if issubclass(base, until) and base is not until]
    return tuple(attribute for base in lines for attribute in attributes(base))


def _is_class(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef)


def _attributes(body: list[ast.stmt]) -> Iterator[Attribute]:
    for node, following in zip(body, [*body[1:], None], strict=True):
        doc = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            doc = line(str(following.value.value))
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            annotation = ast.unparse(node.annotation)
            if annotation.startswith("ClassVar") or node.target.id == "model_config":
                continue
            default = _shown_default(node.value)
            yield Attribute(node.target.id, annotation.strip("'\""), default, doc)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and doc:
            yield Attribute(node.targets[0].id, "", ast.unparse(node.value), doc)


def _shown_default(value: ast.expr | None) -> str | None:
    if value is None:
        return None
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        given = [ast.unparse(keyword.value) for keyword in value.keywords if keyword.arg == "default"]
        positional = [ast.unparse(argument) for argument in value.args]
        return next(iter(positional + given), None)
    return ast.unparse(value)


def summary(of: Any) -> str:
    """Return the first paragraph of a docstring, in one line, with literals marked as Markdown does."""
    return line((inspect.getdoc(of) or "").partition("\n\n")[0])


def rest(of: Any) -> str:
    """Return a docstring's paragraphs after the first, up to its sections."""
    text = (inspect.getdoc(of) or "").partition("\n\n")[2]
    text = re.split(r"^(?:Args|Raises|Returns|Yields):$", text, maxsplit=1, flags=re.M)[0]
    return "\n\n".join(line(paragraph) for paragraph in text.strip().split("\n\n"))


def line(text: str) -> str:
    """Return a text in one line, with literals marked as Markdown does."""
    return " ".join(text.split()).replace("``", "`")


def cell(text: str) -> str:
    """Return a text that does not break out of a table's cell."""
    return line(text).replace("|", "\\|")


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
    return "\n".join(lines)


def code(text: str) -> str:
    """Return a text as a literal, or nothing for none."""
    return f"`{text}`" if text else ""
