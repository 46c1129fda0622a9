"""What is asked of OpenSearch. Every question is within the same filter: what is one tenant's.

Words are handed over as values, never as text of a query language.
"""

from typing import Any

from chorally_core.adapters.opensearch.indexes import micros
from chorally_core.ports.search import FACET_VALUES, FIELDS, Asked, Behind
from chorally_core.ports.stems import LANGUAGES
from chorally_core.ports.words import Term

_BOOSTS = {"title": 4.0, "body": 1.0, "names": 2.0}
_STEMMED = 0.5
_EXPANSIONS = 200  # words that a phrase with a beginning at its end may go on with
ORDERS: dict[str, list[dict[str, str]]] = {
    "relevance": [{"_score": "desc"}, {"at": "desc"}, {"name": "desc"}],
    "newest": [{"at": "desc"}, {"name": "desc"}],
    "oldest": [{"at": "asc"}, {"name": "asc"}],
}


def query(tenant: str, asked: Asked, *more: dict[str, Any]) -> dict[str, Any]:
    """Return the query: the one place that says whose things are found."""
    filters: list[dict[str, Any]] = [{"term": {"tenant": tenant}}, *more]
    filters += [_holds(field, values) for field, values in asked.where.items()]
    bounds = {name: micros(at) for name, at in (("gte", asked.since), ("lt", asked.until)) if at is not None}
    if bounds:
        filters.append({"range": {"at": bounds}})
    return {
        "bool": {
            "filter": filters,
            "must": [_any(_term(term) for term in either) for either in asked.wanted.all_of],
            "must_not": [_term(term) for term in asked.wanted.none_of],
        }
    }


def page(tenant: str, asked: Asked, behind: Behind | None) -> dict[str, Any]:
    """Return the request for a page of hits, with the counts that are asked for."""
    body: dict[str, Any] = {
        "query": query(tenant, asked),
        "sort": ORDERS[asked.sort],
        "size": asked.limit,
        "track_total_hits": True,
        "track_scores": bool(asked.wanted.all_of),
        "_source": False,
    }
    if asked.facets:
        body["aggs"] = {
            field: {"terms": {"field": field, "size": FACET_VALUES, "order": [{"_count": "desc"}, {"_key": "asc"}]}}
            for field in asked.facets
        }
    if behind is not None:
        place = [micros(behind.at), behind.name]
        body["search_after"] = [behind.score, *place] if asked.sort == "relevance" else place
    return body


def _holds(field: str, values: Any) -> dict[str, Any]:
    if field not in FIELDS:
        raise ValueError(f"{field} is no field that is filtered by")
    named = {"terms": {field: [value for value in values if value]}}
    return _any((named, {"bool": {"must_not": {"exists": {"field": field}}}})) if "" in values else named


def _term(term: Term) -> dict[str, Any]:
    said = " ".join(term.words)
    if not term.is_plain:
        return _any(_in(field, said, term, boost) for field, boost in _BOOSTS.items())
    weighed = [f"{field}^{boost}" for field, boost in _BOOSTS.items()]
    exact = {"combined_fields": {"query": said, "fields": weighed}}  # as if it were one text: words weigh the same
    forms = [{"match": {name: {"query": said, "boost": _STEMMED}}} for name in LANGUAGES]
    return _any([exact, *forms])


def _in(field: str, said: str, term: Term, boost: float) -> dict[str, Any]:
    if not term.begins:
        return {"match_phrase": {field: {"query": said, "boost": boost}}}
    if len(term.words) == 1:
        return {"prefix": {field: {"value": said, "boost": boost}}}
    return {"match_phrase_prefix": {field: {"query": said, "boost": boost, "max_expansions": _EXPANSIONS}}}


def _any(queries: Any) -> dict[str, Any]:
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}
