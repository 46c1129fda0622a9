"""How indexes are made: analyzers, fields, names; and documents as OpenSearch keeps them.

The texts are searched and not kept: what is shown is read from the documents. A text lies in ``body`` as it was said,
and in ``it`` or ``en`` where that is its language, whose analyzers fold and stem as ``ports.stems`` does.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from chorally_core.adapters.opensearch.settings import OpenSearchSettings
from chorally_core.ports.search import FIELDS, KINDS, Entry
from chorally_core.ports.stems import LANGUAGES
from chorally_core.ports.words import ELIDED, LONGEST

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITS_OF_TIME = 43  # milliseconds for 278 years
_MOST_CHANGES = (1 << 20) - 1  # of one document: what comes after counts as one state
_SNOWBALL = {"it": "Italian", "en": "English"}
_KEPT_DELETED = "1h"  # for which what was deleted cannot come back by what was read before


def template(settings: OpenSearchSettings) -> dict[str, Any]:
    """Return the index template of all kinds."""
    return {
        "index_patterns": [f"{settings.prefix}-{kind}-*" for kind in KINDS],
        "priority": 200,
        "template": {
            "settings": {
                "number_of_shards": settings.shards,
                "number_of_replicas": settings.replicas,
                "gc_deletes": _KEPT_DELETED,
                "analysis": _analysis(),
            },
            "mappings": _mappings(),
        },
    }


def _analysis() -> dict[str, Any]:
    articles = "|".join(sorted(ELIDED))
    folding = ["lowercase", "asciifolding"]

    def analyzer(*more: str) -> dict[str, Any]:
        return {"type": "custom", "char_filter": ["elided"], "tokenizer": "words", "filter": [*folding, *more]}

    return {
        "char_filter": {
            "elided": {
                "type": "pattern_replace",
                "pattern": rf"(?iU)(?<![\p{{L}}\p{{N}}])(?:{articles})['\u2019\u2018`](?=\p{{L}})",
                "replacement": " ",
            }
        },
        "tokenizer": {
            "words": {"type": "char_group", "tokenize_on_chars": ["whitespace", "punctuation", "symbol"]},
        },
        "filter": {f"stems_{name}": {"type": "snowball", "language": _SNOWBALL[name]} for name in LANGUAGES},
        "analyzer": {"neutral": analyzer(), **{name: analyzer(f"stems_{name}") for name in LANGUAGES}},
    }


def _mappings() -> dict[str, Any]:
    keyword = {"type": "keyword", "ignore_above": 1024}
    texts = {name: {"type": "text", "analyzer": "neutral"} for name in ("title", "body", "names")}
    stemmed = {name: {"type": "text", "analyzer": name, "index_options": "freqs"} for name in LANGUAGES}
    return {
        "dynamic": "strict",
        "_source": {"excludes": [*texts, *stemmed]},
        "properties": {
            "tenant": keyword,
            "name": keyword,
            "at": {"type": "long"},
            **dict.fromkeys(FIELDS, keyword),
            **texts,
            **stemmed,
        },
    }


def document(entry: Entry) -> dict[str, Any]:
    """Return an entry as it is indexed."""
    given = {field: getattr(entry, field) for field in FIELDS}
    made: dict[str, Any] = {field: value for field, value in given.items() if value not in ("", ())}
    made |= {"tenant": entry.tenant, "name": f"{entry.kind}/{entry.id}", "at": micros(entry.at)}
    texts = {"title": entry.title, "body": entry.body, "names": entry.names}
    if entry.language in LANGUAGES:
        texts[entry.language] = f"{entry.title}\n{entry.body}"
    return made | {name: text[:LONGEST] for name, text in texts.items() if text}


def version(entry: Entry) -> int:
    """Return what is more for a newer state of the document, and for the same state with what was read later."""
    return (min(entry.version, _MOST_CHANGES) << _BITS_OF_TIME) | min(entry.read_ms, (1 << _BITS_OF_TIME) - 1)


def micros(at: datetime) -> int:
    """Return a time as whole microseconds."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def at_of(count: int) -> datetime:
    """Return the time that ``micros`` gave."""
    return _EPOCH + timedelta(microseconds=count)
