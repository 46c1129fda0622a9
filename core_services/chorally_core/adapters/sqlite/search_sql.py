"""What is asked of the FTS5 index, as SQL. Every question begins with the same rows: those of one tenant."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chorally_core.ports.search import FACET_VALUES, FIELDS, OF_TICKET, Asked, Hit
from chorally_core.ports.stems import LANGUAGES, stem
from chorally_core.ports.words import Term, Wanted

COLUMNS = FIELDS
_WEIGHTS = "4.0, 1.0, 2.0, 0.5, 0.5"  # title, body, names, stems
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Sql = tuple[str, tuple[Any, ...]]


def micros(at: datetime) -> int:
    """Return a time as whole microseconds, which order as times do."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def at_of(count: int) -> datetime:
    """Return the time that ``micros`` gave."""
    return _EPOCH + timedelta(microseconds=count)


def match(wanted: Wanted) -> str:
    """Return what is wanted in FTS5's language: words are of letters and digits only, and quoted."""
    every = [f"({' OR '.join(map(_term, either))})" for either in wanted.all_of]
    found = " AND ".join(every)
    for term in wanted.none_of:
        found = f"({found}) NOT ({_term(term)})"
    return found


def _term(term: Term) -> str:
    said = f'{{title body names}} : "{" ".join(term.words)}"{" *" if term.begins else ""}'
    if not term.is_plain:
        return said
    forms = [f'{language} : "{stem(term.words[0], language)}"' for language in LANGUAGES]
    return f"({' OR '.join((said, *forms))})"


class Asking:
    """One question, in the forms that its answer takes."""

    def __init__(self, generation: int, tenant: str, asked: Asked) -> None:
        self._asked = asked
        self._entries = f"search_entries_{generation}"
        self._words = f"search_words_{generation}"
        self._given: list[Any] = []
        self._found = self._all(tenant)

    def _all(self, tenant: str) -> str:
        """The rows that answer, before any order: the one place that says whose they are."""
        asked, table = self._asked, self._entries
        of_ticket = {*OF_TICKET} & {*asked.where, *asked.facets}
        shown = ", ".join(f"{_own(field)} as {field}" for field in FIELDS if field in asked.facets)
        score = f"-bm25({self._words}, {_WEIGHTS})" if asked.wanted.all_of and asked.sort == "relevance" else "0.0"
        sql = f"select e.kind, e.entry_id, e.at, e.ticket_id as in_ticket, {score} as score"
        sql += f"{', ' if shown else ''}{shown} from "
        sql += f"{self._words} join {table} e on e.id = {self._words}.rowid" if asked.wanted.all_of else f"{table} e"
        if of_ticket:
            sql += f" left join {table} t on e.kind='message' and t.entry_id=e.ticket_id and t.kind='ticket'"
            sql += " and t.tenant=e.tenant"
        where = ["e.tenant=?"]
        self._given.append(tenant)
        if asked.wanted.all_of:
            where.append(f"{self._words} match ?")
            self._given.append(match(asked.wanted))
        where.append(f"e.kind in ({_marks(asked.kinds)})")
        self._given += asked.kinds
        for field, values in asked.where.items():
            where.append(_holds(field, values))
            self._given += values
        for bound, at in ((">=", asked.since), ("<", asked.until)):
            if at is not None:
                where.append(f"e.at{bound}?")
                self._given.append(micros(at))
        return f"{sql} where {' and '.join(where)}"

    def answer(self) -> Sql:
        """Everything that is asked for, found once: the part, then kind, id, time and score, or a value and its count.

        The part is ``hit``, ``total`` or a field; the rows of a part are in no order.
        """
        parts = [self._page(), "select 'total', '', '', 0, 0.0, '', count(*) from found"]
        given = [*self._given, *self._behind(), self._asked.limit]
        for field in self._asked.facets:
            parts.append(_counted(field))
            given.append(FACET_VALUES)
        named = f"select *, kind || '/' || entry_id as name from ({self._found})"
        return f"with found as materialized ({named}) {' union all '.join(parts)}", tuple(given)

    def _page(self) -> str:
        asked, where = self._asked, ""
        order = {"oldest": "at, name", "newest": "at desc, name desc", "relevance": "score desc, at desc, name desc"}
        if asked.behind is not None:
            where = f" where (at, name) {'>' if asked.sort == 'oldest' else '<'} (?, ?)"
            if asked.sort == "relevance":  # behind where the last one stands now: counts of words change
                where = " where (score, at, name) < (ifnull((select score from found where name=?), ?), ?, ?)"
        page = f"select 'hit', kind, entry_id, at, score, '', 0 from found{where} order by {order[asked.sort]} limit ?"
        return f"select * from ({page})"

    def _behind(self) -> tuple[Any, ...]:
        if self._asked.behind is None:
            return ()
        score, at, name = self._asked.behind
        return (name, score, micros(at), name) if self._asked.sort == "relevance" else (micros(at), name)

    def in_order(self, hits: Sequence[Hit]) -> list[Hit]:
        """Return hits in the order asked for."""
        by_time = sorted(hits, key=lambda hit: (hit.at, hit.name), reverse=self._asked.sort != "oldest")
        return sorted(by_time, key=lambda hit: -hit.score) if self._asked.sort == "relevance" else by_time

    def tickets(self, limit: int) -> Sql:
        """The tickets in which something is found."""
        sql = f"select in_ticket, max(at) from ({self._found}) where in_ticket <> '' group by in_ticket"
        return f"{sql} order by 2 desc, 1 limit ?", (*self._given, limit)


def _counted(field: str) -> str:
    """The values of a field with their counts; of no value, none."""
    if field == "tags":
        each = "select value, count(*) as times from found, json_each(found.tags) group by value"
    else:
        each = f"select {field} as value, count(*) as times from found where {field} <> '' group by {field}"
    return f"select '{field}', '', '', 0, 0.0, value, times from ({each} order by times desc, value limit ?)"


def _own(field: str) -> str:
    if field in OF_TICKET:
        none = "'[]'" if field == "tags" else "''"
        return f"case e.kind when 'message' then ifnull(t.{field}, {none}) else e.{field} end"
    return f"e.{field}"


def _holds(field: str, values: Any) -> str:
    if field not in FIELDS:
        raise ValueError(f"{field} is no field that is filtered by")
    if field == "tags":
        said = f"exists (select 1 from json_each({_own(field)}) where value in ({_marks(values)}))"
        return f"({said} or {_own(field)} = '[]')" if "" in values else said
    return f"{_own(field)} in ({_marks(values)})"


def _marks(values: Any) -> str:
    return ", ".join("?" * len(values))
