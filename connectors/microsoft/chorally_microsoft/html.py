"""HTML as text and text as HTML, as far as mails and messages of Teams need it."""

import html
import re
from html.parser import HTMLParser

_UNSEEN = frozenset({"head", "script", "style", "title"})
_VOID = frozenset({"br", "hr", "img", "input", "meta", "link", "col"})
_BLOCKS = frozenset(
    {"address", "blockquote", "div", "dd", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre"}
    | {"table", "tr", "ul"}
)
MAX_HTML = 1_000_000  # characters that are read; what follows is left out, which the text says


def to_text(source: str) -> str:
    """Return the text of HTML: one line for each block, links with where they lead."""
    reader = _Reader()
    reader.feed(source[:MAX_HTML])
    reader.close()
    lines = "".join(reader.found).replace("\xa0", " ").split("\n")
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip(" ") for line in lines)).strip("\n")
    return text + ("\n[…]" if len(source) > MAX_HTML else "")


def from_text(text: str) -> str:
    """Return HTML that shows a text as it is: its lines and its spaces too."""
    shown = html.escape(text, quote=False).replace("  ", "&nbsp; ")
    return shown.replace("\r\n", "\n").replace("\n", "<br>")


class _Reader(HTMLParser):
    """Collects what is seen."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unseen = 0
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "body":
            self._unseen = 0  # the end of the head may be left out
        elif tag == "br":
            self.found.append("\n")
        elif tag in _BLOCKS:
            self._line()
            if tag == "li":
                self.found.append("- ")
        elif tag in ("td", "th"):
            self.found.append(" ")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "").strip())

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag in _UNSEEN:
            self._unseen = max(self._unseen - 1, 0)
        elif tag in _BLOCKS:
            self._line()
        elif tag == "a" and self._links:
            target = self._links.pop()
            bare = re.sub(r"^https?://|/$", "", target)
            if target.lower().startswith(("http://", "https://")) and bare not in "".join(self.found[-3:]):
                self.found.append(f" <{target}>")

    def handle_data(self, data: str) -> None:
        """Take in text; its breaks are spaces, as a browser shows them."""
        if not self._unseen:
            words = re.sub(r"[ \t\r\n\f]+", " ", data)
            starts = not self.found or self.found[-1].endswith(("\n", " "))
            self.found.append(words.lstrip(" ") if starts else words)

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Pass over ``<![…]>``, in whatever form; the parser's own fails where it knows no name."""
        return self.parse_bogus_comment(i, report)

    def _line(self) -> None:
        if self.found and not self.found[-1].endswith("\n"):
            self.found.append("\n")
