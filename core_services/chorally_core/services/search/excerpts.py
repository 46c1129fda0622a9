"""Why something was found: the parts of its texts in which the words stand, and where."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chorally_core.ports.stems import LANGUAGES, stem
from chorally_core.ports.words import LONGEST, Term, Wanted, Word, words_of

WIDTH = 160
"""Characters of an excerpt, about."""
MOST = 3
"""Excerpts of one text."""
_BEFORE = 40


class Excerpt(NamedTuple):
    """A part of a text."""

    text: str
    marks: Sequence[tuple[int, int]]
    """Where words that were asked for begin and end in it, in characters."""


def excerpts(text: str, wanted: Wanted, language: str) -> list[Excerpt]:
    """Return the parts of a text in which something wanted stands, from its beginning; none where nothing does.

    Args:
        text: As it was said.
        wanted: What was asked for.
        language: By which the text was stemmed.
    """
    text = text[:LONGEST]
    spans = _joined(sorted(_spans(list(words_of(text)), wanted, language)))
    found: list[Excerpt] = []
    while spans and len(found) < MOST:
        begin = _edge(text, max(0, spans[0][0] - _BEFORE), 1) if spans[0][0] > _BEFORE else 0
        end = max(spans[0][1], _edge(text, min(len(text), begin + WIDTH), -1))
        within = [span for span in spans if span[1] <= end]
        spans = spans[len(within) :]
        found.append(Excerpt(text[begin:end], [(first - begin, last - begin) for first, last in within]))
    return found


def _spans(words: Sequence[Word], wanted: Wanted, language: str) -> Iterator[tuple[int, int]]:
    for term in wanted.terms:
        forms = {stem(term.words[0], language)} if term.is_plain and language in LANGUAGES else set()
        for place in range(len(words) - len(term.words) + 1):
            if _stands(words, place, term) or (forms and stem(words[place].word, language) in forms):
                yield words[place].begin, words[place + len(term.words) - 1].end


def _stands(words: Sequence[Word], place: int, term: Term) -> bool:
    *first, last = term.words
    if any(words[place + number].word != word for number, word in enumerate(first)):
        return False
    word = words[place + len(first)].word
    return word.startswith(last) if term.begins else word == last


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans without those that overlap."""
    joined: list[tuple[int, int]] = []
    for begin, end in spans:
        if joined and begin < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _edge(text: str, place: int, step: int) -> int:
    """The nearest place in a direction at which no word is cut, if one is near."""
    for offset in range(20):
        at = place + step * offset
        if not 0 < at < len(text):
            return max(0, min(len(text), at))
        if text[at - 1 if step > 0 else at].isspace():
            return at
    return place
