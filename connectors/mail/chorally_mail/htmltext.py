"""HTML mails as text: paragraphs, lists and links as people write them in plain mail, cited text behind ``>``."""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from justhtml import Node

MAX_HTML = 256 * 1024  # characters; what follows is left out, which the text says
MAX_DEPTH = 30  # levels of cited text that are told apart

_UNSEEN = frozenset(("head", "script", "style", "title", "template", "noscript", "object", "svg", "math", "#comment"))
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "center", "dd", "div", "dl", "dt", "fieldset", "figure"),
        *("footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre"),
        *("section", "table", "tbody", "thead", "tfoot", "tr", "ul"),
    )
)
_SPACED = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "hr"))
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)


def to_text(html: str) -> str:
    """Return the text of an HTML mail."""
    from justhtml import JustHTML  # a third of a second to import, and most mails have plain text

    lines = _Lines()
    # a stack of nodes to open and closers to run, since mails nest deeper than Python calls may
    todo: list[Any] = [JustHTML(html[:MAX_HTML], sanitize=False).root]
    while todo:
        step = todo.pop()
        if callable(step):
            step()
        elif (closer := _open(step, lines)) is not None:
            todo.append(closer)
            todo += reversed(step.children or ())
    return lines.text() + ("\n[…]" if len(html) > MAX_HTML else "")


class _Lines:
    """Text under way, line by line."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._line = ""
        self.depth = 0
        self.preformatted = 0

    def add(self, text: str) -> None:
        """Append text to the line."""
        if self.preformatted:
            first, *others = text.split("\n")
            self._line += first
            for other in others:
                self.end()
                self._line = other
            return
        words = re.sub(r"[ \t\r\n\f]+", " ", text)
        self._line += words.lstrip(" ") if not self._line or self._line.endswith(" ") else words

    def end(self, *, always: bool = True) -> None:
        """End the line; an empty one only counts where it is asked for."""
        if always or self._line.strip():
            self._done.append("> " * self.depth + self._line.rstrip())
        self._line = ""

    def space(self) -> None:
        """Leave one empty line, cited no deeper than what comes before and after it."""
        self.end(always=False)
        empty = ("> " * self.depth).rstrip()
        if self._done and self._done[-1].strip("> "):
            self._done.append(empty)
        elif self._done:
            self._done[-1] = min(self._done[-1], empty, key=len)

    def text(self) -> str:
        """Return all lines."""
        self.end(always=False)
        text = "\n".join(line.replace("\xa0", " ").replace("\u200b", "").rstrip() for line in self._done)
        return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def _open(node: "Node", lines: _Lines) -> Any:
    """Begin an element; return what ends it, or None where nothing of its inside is wanted."""
    name, attributes = node.name.lower(), getattr(node, "attrs", None) or {}
    if name == "#text":
        lines.add(str(getattr(node, "data", "") or ""))
        return None
    if name in _UNSEEN or _HIDDEN.search(attributes.get("style") or ""):
        return None
    if name == "br":
        lines.end()
    elif name == "img":
        lines.add(attributes.get("alt") or "")
    elif name in ("td", "th"):
        lines.add(" ")
    if name not in _BLOCKS:
        return lambda: _link(attributes, lines) if name == "a" else None

    def spaced() -> None:
        lines.space() if name in _SPACED else lines.end(always=False)

    spaced()
    cited = name == "blockquote" and _is_cited(attributes) and lines.depth < MAX_DEPTH
    lines.depth += cited
    lines.preformatted += name == "pre"
    if name == "li":
        lines.add("- ")

    def close() -> None:
        lines.end(always=False)
        lines.preformatted -= name == "pre"
        lines.depth -= cited
        spaced()

    return close


def _link(attributes: dict[str, str | None], lines: _Lines) -> None:
    """Links show where they lead, unless their text already does."""
    target = (attributes.get("href") or "").strip()
    if target.lower().startswith(("http://", "https://")) and len(target) <= 300:
        bare = re.sub(r"^https?://|/$", "", target)
        if bare not in lines._line:
            lines.add(f" <{target}>")


def _is_cited(attributes: dict[str, str | None]) -> bool:
    """Whether a block quotes an earlier mail; some clients indent their own text with the same element."""
    marks = " ".join((attributes.get(name) or "") for name in ("class", "id")).lower()
    return (attributes.get("type") or "").lower() == "cite" or "quote" in marks or bool(attributes.get("cite"))
