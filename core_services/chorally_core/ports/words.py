"""Words as they are searched: lower case, without accents and elided articles; and what people ask for in words.

What people type is read here once, for every index: ``words "a phrase" -without begin* this OR that``. Whatever
else is in it separates words, so nothing of it is ever read by an index as its own language.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

LONGEST = 20_000
"""Characters of a text that are searched."""
MOST_TERMS = 32
"""Words and phrases that one query may have."""
_LONGEST_WORD = 64
_LEAST_BEGINNING = 2  # letters before a *

_TOKEN = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+")
_ARTICLES = "c l d m t s v un all dall dell nell sull coll pell gl agl dagl degl negl sugl quell quest bell sant"
ELIDED = frozenset(_ARTICLES.split())
"""Articles and prepositions that an apostrophe joins to the next word."""
_APOSTROPHES = "'\u2019\u2018`"
_APOSTROPHE = re.compile(f"[{_APOSTROPHES}]")
_ASCII = re.compile("[a-z0-9]+")
_QUOTES = str.maketrans(dict.fromkeys("“”„«»", '"'))
_PART = re.compile(r'(-?)"([^"]*)"(\*?)|([^\s"]+)')


class Word(NamedTuple):
    """One word of a text, and where it stands."""

    word: str
    begin: int
    end: int


@lru_cache(maxsize=100_000)
def folded(word: str) -> str:
    """Return a word in lower case without accents."""
    if word.isascii():
        return word.lower()[:_LONGEST_WORD]
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    return "".join(letter for letter in plain if letter.isalnum())[:_LONGEST_WORD]


def words_of(text: str) -> Iterator[Word]:
    """Give the words of a text in order, without articles that an apostrophe joins to the next: ``l'ordine``."""
    for found in _TOKEN.finditer(text):
        begin, end = found.span()
        word = folded(found[0])
        elided = word in ELIDED and text[end : end + 1] in _APOSTROPHES and text[end + 1 : end + 2].isalpha()
        if word and not (elided and end < len(text)):
            yield Word(word, begin, end)


def said(text: str) -> list[str]:
    """Return the words of a text as they are searched."""
    text = text[:LONGEST]
    if not _APOSTROPHE.search(text):  # as most texts: nothing is elided, so places do not matter
        if text.isascii():
            return [word[:_LONGEST_WORD] for word in _ASCII.findall(text.lower())]
        return [word for token in _TOKEN.findall(text) if (word := folded(token))]
    return [word for word, _, _ in words_of(text)]


class InvalidWords(ValueError):
    """What somebody asks for cannot be read; the message says why and what to write."""


class Term(NamedTuple):
    """A word, the beginning of one, or several that follow each other."""

    words: tuple[str, ...]
    """Each of letters and digits only."""
    begins: bool = False
    """The last word may go on."""
    exact: bool = False
    """No other form of the word will do."""

    @property
    def is_plain(self) -> bool:
        """Whether it is one word, of which other forms are found too."""
        return len(self.words) == 1 and not self.begins and not self.exact


class Wanted(NamedTuple):
    """What must be said, and what must not."""

    all_of: tuple[tuple[Term, ...], ...] = ()
    """Of each, one must be there."""
    none_of: tuple[Term, ...] = ()

    @property
    def terms(self) -> list[Term]:
        """Everything that may be there."""
        return [term for either in self.all_of for term in either]


def read_words(text: str, *, last_may_go_on: bool = False) -> Wanted:
    """Return what somebody asks for; nothing where there is no word in it.

    Args:
        text: As they typed it.
        last_may_go_on: The last word may be the beginning of one, as where somebody is still typing.

    Raises:
        InvalidWords: It cannot be read.
    """
    text = text.translate(_QUOTES)
    if text.count('"') % 2:
        raise InvalidWords('a quotation mark is not closed; write both, as in "late parcel"')
    all_of: list[tuple[Term, ...]] = []
    none_of: list[Term] = []
    joins = ended_open = left_out = False
    for minus, quoted, star, bare in _PART.findall(text):
        if bare == "OR":
            if joins or left_out or not all_of:
                raise InvalidWords("OR stands between two words, as in parcel OR package")
            joins = True
            continue
        if bare == "AND":
            continue
        without = bool(minus) or (bare.startswith("-") and len(bare) > 1)
        term = _term(bare.lstrip("-")) if bare else _phrase(quoted, bool(star))
        if term is None:
            continue
        if without and joins:
            raise InvalidWords("what is left out cannot be an alternative; write -word without OR before it")
        if without:
            none_of.append(term)
        elif joins:
            all_of[-1] = (*all_of[-1], term)
        else:
            all_of.append((term,))
        joins, left_out = False, without
        ended_open = term.is_plain and not without
    if joins:
        raise InvalidWords("OR stands between two words, as in parcel OR package")
    if none_of and not all_of:
        raise InvalidWords("say at least one word to find besides those to leave out")
    if sum(map(len, all_of)) + len(none_of) > MOST_TERMS:
        raise InvalidWords(f"there may be at most {MOST_TERMS} words and phrases; leave some out")
    if last_may_go_on and ended_open and len(all_of[-1][-1].words[0]) >= _LEAST_BEGINNING:
        last = all_of[-1][-1]
        all_of[-1] = (*all_of[-1], Term(last.words, begins=True))
    return Wanted(tuple(all_of), tuple(none_of))


def _term(text: str) -> Term | None:
    body = text.rstrip("*")
    begins = body != text
    if "*" in body:
        raise InvalidWords("* stands at the end of the beginning of a word, as in deliver*")
    words = tuple(said(body))
    if begins and (not words or len(words[-1]) < _LEAST_BEGINNING or not body[-1:].isalnum()):
        raise InvalidWords(f"before * there must be at least {_LEAST_BEGINNING} letters, as in deliver*")
    return Term(words, begins) if words else None


def _phrase(text: str, begins: bool) -> Term | None:
    words = tuple(said(text))
    return Term(words, begins, exact=True) if words else None
