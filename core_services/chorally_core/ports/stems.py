"""Stems of words, by language, and which language a text is likely in; one language has none but the words themselves.

Snowball's algorithms, on words without accents, as the indexes' own analyzers apply them.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import repeat

import Stemmer  # type: ignore[import-not-found]  # in C, without types

from chorally_core.ports.words import said

LANGUAGES = ("it", "en")
"""Those that have stems; all others are searched by their words."""

_TELLING = 500  # characters of a text that tell its language
_ITALIAN = (
    "il lo la le gli di del della dei delle degli che non per con sono una nel nella ho hai abbiamo avete avere posso "
    "vorrei questo questa anche mio mia vostro vostra quando perche come ancora ma piu molto grazie buongiorno ciao "
    "siete stato stata alla dal"
)
_ENGLISH = (
    "the is are was were have has had not you your my this that with for from when why how what and of to it be been "
    "do does would could will please thanks hello they we our there but which"
)
_OTHERS = (  # of languages that have some of these words, too
    "les des est pas pour avec je vous une dans sur du au et el los las es por para que y mi muy der die das und ist "
    "nicht ich ein eine mit der dem de het een van niet ik os um uma meu nao voce"
)
_ONLY = {"it": frozenset(_ITALIAN.split()), "en": frozenset(_ENGLISH.split()), "": frozenset(_OTHERS.split())}
_stemmers = {"it": Stemmer.Stemmer("italian", 0), "en": Stemmer.Stemmer("english", 0)}


@lru_cache(maxsize=200_000)
def stem(word: str, language: str) -> str:
    """Return the stem of a folded word; one in digits is its own."""
    return str(_stemmers[language].stemWord(word))


def stems(words: Iterable[str], language: str) -> list[str]:
    """Return the stems of folded words, each once, in their order; none where the language has none."""
    if language not in _stemmers:
        return []
    return list(dict.fromkeys(map(stem, words, repeat(language))))


def language_of(told: str, text: str) -> str:
    """Return the language that a text is stemmed by: as the platform tells, else as its small words say, else none."""
    known = told.replace("_", "-").partition("-")[0].lower()
    if known:
        return known if known in _stemmers else ""
    there = set(said(text[:_TELLING]))
    counts = sorted(((len(there & only), language) for language, only in _ONLY.items()), reverse=True)
    (most, language), (second, _), _ = counts
    return language if most > second else ""
