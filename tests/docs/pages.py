"""The Markdown files, and what is in them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.architecture.checkout import ROOT, tracked

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str


def markdown() -> list[Path]:
    """Return the Markdown files of the checkout, those not yet under version control in docs too."""
    return sorted({*(path for path in tracked() if path.suffix == ".md"), *(ROOT / "docs").rglob("*.md")})


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [Block(language, text) for language, text in FENCE.findall(path.read_text("utf-8"))]


def prose(path: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", path.read_text("utf-8"))


def headings(path: Path) -> Iterator[str]:
    """Yield the texts of a page's headings."""
    for line in prose(path).splitlines():
        if found := re.match(r"#{1,6} +(.*?)\s*$", line):
            yield found[1]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub makes them."""
    found: set[str] = set()
    for heading in headings(path):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        base = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        number = 0
        anchor = base
        while anchor in found:
            number += 1
            anchor = f"{base}-{number}"
        found.add(anchor)
    return found
