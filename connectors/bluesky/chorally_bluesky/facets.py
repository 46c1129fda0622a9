"""Mentions, links and tags of a text, where they are in BYTES of its UTF-8 ("Rich text", docs.bsky.app).

Bluesky shows nothing as a link that is not annotated so. The patterns follow those of Bluesky's own programs.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

_LINK = re.compile(r"(?:^|(?<=[\s(\[«“\"']))(https?://[^\s<>\ufeff]+)", re.IGNORECASE)
_WHOLE = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)  # what a server takes for a URI
_MENTION = re.compile(
    r"(?:^|(?<=[\s(\[«“\"']))@((?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+"
    r"[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(?![\w@-]|\.[a-zA-Z])"
)
_TAG = re.compile(r"(?:^|(?<=\s))[#＃]((?!\ufe0f)[^\s\u00AD\u2060\u200A-\u200D\u20e2]*[^\d\s!-/:-@\[-`{-~]"
                  r"[^\s\u00AD\u2060\u200A-\u200D\u20e2]*)")  # fmt: skip
_ENDS = ".,;:!?'\"»”"
_PAIRS = {")": "(", "]": "["}
_LONGEST_TAG = 64  # graphemes; counted in code points here, of which there are no fewer

Kind = Literal["link", "mention", "tag"]


class Found(NamedTuple):
    """A part of a text that stands for something."""

    kind: Kind
    value: str
    """A URL, a handle, or a tag without its sign."""
    start: int
    """In code points."""
    end: int


def found_in(text: str) -> list[Found]:
    """Return what a text has, in its order; what overlaps goes to the link."""
    links = [_trimmed("link", match[1], match.start(1)) for match in _LINK.finditer(text)]
    links = [each for each in links if _WHOLE.fullmatch(each.value)]  # a post with another one is refused
    mentions = [
        Found("mention", match[1].lower(), match.start(1) - 1, match.end(1)) for match in _MENTION.finditer(text)
    ]
    tags = [_trimmed("tag", match[1], match.start(1)) for match in _TAG.finditer(text)]
    tags = [each._replace(start=each.start - 1) for each in tags if 0 < len(each.value) <= _LONGEST_TAG]
    kept: list[Found] = []
    for each in (*links, *mentions, *tags):
        if each.value and not any(each.start < other.end and other.start < each.end for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda each: each.start)


def facets(text: str, dids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the annotations of a text.

    Args:
        text: The text.
        dids: The DID of each handle that has one; other mentions stay plain text.
    """
    return [
        {
            "index": {"byteStart": _bytes(text[: each.start]), "byteEnd": _bytes(text[: each.end])},
            "features": [feature],
        }
        for each in found_in(text)
        for feature in _feature(each, dids)
    ]


def _feature(each: Found, dids: Mapping[str, str]) -> Iterator[dict[str, str]]:
    name = f"app.bsky.richtext.facet#{each.kind}"
    if each.kind == "link":
        yield {"$type": name, "uri": each.value}
    elif each.kind == "tag":
        yield {"$type": name, "tag": each.value}
    elif each.value in dids:
        yield {"$type": name, "did": dids[each.value]}


def _trimmed(kind: Kind, value: str, start: int) -> Found:
    """Without the punctuation that ends the sentence, and a bracket that was opened before it."""
    while value and (value[-1] in _ENDS or _closes_more(value)):
        value = value[:-1]
    return Found(kind, value, start, start + len(value))


def _closes_more(value: str) -> bool:
    """Whether it ends with a bracket that it did not open."""
    opening = _PAIRS.get(value[-1])
    return opening is not None and value.count(value[-1]) > value.count(opening)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
