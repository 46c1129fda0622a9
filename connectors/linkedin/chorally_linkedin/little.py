r"""Posts are written in LinkedIn's "little text": what is reserved there is escaped by a backslash.

Mentions and hashtags are elements of it: ``@[Name](urn)`` and ``{hashtag|\#|word}``.
Source: "little Text Format" (learn.microsoft.com, versions 202307 to 202411).
"""

import re
from collections.abc import Mapping

_RESERVED = re.compile(r"[\\|{}@\[\]()<>#*_~]")
_HASHTAG = re.compile(r"(?<![\w#&/])#([^\W_]*[^\W\d_][^\W_]*)(?!\w)")
_ELEMENT = re.compile(
    r"\\(?P<escaped>.)"
    r"|\{hashtag\|\\?(?P<sign>[#\uff03])\|(?P<tag>(?:\\.|[^\\}])*)\}"
    r"|@\[(?P<name>(?:\\.|[^\\\]])*)\]\((?P<urn>[^()]*)\)",
    re.DOTALL,
)


def escaped(text: str) -> str:
    """Return plain text as little text that shows nothing but itself."""
    return _RESERVED.sub(lambda found: "\\" + found[0], text)


def written(text: str, mentions: Mapping[str, str] | None = None) -> str:
    """Return a post's text as little text: its hashtags lead somewhere, and so do mentions.

    Args:
        text: As people are to see it.
        mentions: URN by name; ``@Name`` becomes a mention, the longest name first.
    """
    names = sorted(mentions or {}, key=len, reverse=True)
    pattern = "|".join(f"(?<!\\w)@{re.escape(name)}(?!\\w)" for name in names if name)
    found = re.compile(f"(?P<mention>{pattern})|{_HASHTAG.pattern}") if pattern else _HASHTAG
    parts, at = [], 0
    for match in found.finditer(text):
        parts.append(escaped(text[at : match.start()]))
        parts.append(_element(match[0], mentions or {}))
        at = match.end()
    return "".join((*parts, escaped(text[at:])))


def _element(word: str, mentions: Mapping[str, str]) -> str:
    if word.startswith("#"):
        return f"{{hashtag|\\#|{word[1:]}}}"
    return f"@[{escaped(word[1:])}]({mentions[word[1:]]})"


def plain(little: str) -> str:
    """Return little text as people see it; mentions with the @ that they are written with."""

    def shown(match: re.Match[str]) -> str:
        if match["escaped"] is not None:
            return match["escaped"]
        if match["tag"] is not None:
            return match["sign"] + plain(match["tag"])
        return "@" + plain(match["name"])

    return _ELEMENT.sub(shown, little)
