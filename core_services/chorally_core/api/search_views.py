"""What the search API gives."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from chorally_core.ports.search import EntryKind, Hits
from chorally_core.services.search.searching import Answer, Shown


class ExcerptView(BaseModel):
    """A part of a text in which words stand that were asked for."""

    field: Literal["title", "body", "names"] = Field(
        title="Field", description="`title` is a subject or name, `names` are those of people."
    )
    text: str = Field(title="Text", description="Plain text as it was said; escape it before it is shown in a page.")
    marks: list[tuple[int, int]] = Field(
        title="Marks", description="Where the words begin and end in it, counted in Unicode code points."
    )


class HitView(BaseModel):
    """One thing found, as it is now."""

    kind: EntryKind = Field(title="Kind", description="`ticket`, `message`, `author` or `tag`.")
    id: str = Field(title="Id", description="Of the ticket, message, author or tag.")
    title: str = Field(title="Title", description="Subject or name.")
    at: datetime = Field(title="Time", description="When it was written, or changed last.")
    score: float = Field(title="Score", description="How well it fits; comparable within one answer only.")
    excerpts: list[ExcerptView] = Field(title="Excerpts", description="Why it was found; empty without words.")
    ticket_id: str | None = Field(title="Ticket")
    author_id: str | None = Field(title="Author")
    account_id: str | None = Field(title="Account")
    platform: str | None = Field(title="Platform")
    channel: str | None = Field(title="Channel")
    direction: str | None = Field(title="Direction", description="Of a message: `inbound`, `outbound`, `internal`.")
    content: str | None = Field(title="Content", description="What a message is: `text`, `review`, `mail` …")
    language: str | None = Field(title="Language", description="By which it was searched; null for none.")
    status: str | None = Field(title="Status", description="Of the ticket.")
    priority: str | None = Field(title="Priority", description="Of the ticket.")
    assignee_id: str | None = Field(title="Assignee", description="Of the ticket.")
    team_id: str | None = Field(title="Team", description="Of the ticket.")
    tags: list[str] = Field(title="Tags", description="Of the ticket.")

    @classmethod
    def of(cls, shown: Shown) -> "HitView":
        """Return a hit as the API shows it."""
        entry = shown.entry
        same = {name: getattr(entry, name) or None for name in cls.model_fields if hasattr(entry, name)}
        parts = [
            ExcerptView.model_validate({"field": field, "text": part.text, "marks": list(part.marks)})
            for field, found in shown.excerpts.items()
            for part in found
        ]
        given = {"title": entry.title, "at": shown.hit.at, "score": shown.hit.score, "tags": list(entry.tags)}
        return cls.model_validate({**same, **given, "excerpts": parts})


class FacetValue(BaseModel):
    """A value, and how many of what was found have it."""

    value: str = Field(title="Value")
    count: int = Field(title="Count")


class Results(BaseModel):
    """A page of what was found."""

    items: list[HitView] = Field(
        title="Items", description="In order. A page may have fewer than asked for although others follow."
    )
    next: str | None = Field(None, title="Next", description="Cursor of the next page; null on the last.")
    total: int | None = Field(
        title="Total", description="How many there are on all pages; null where the index does not count them."
    )
    facets: dict[str, list[FacetValue]] = Field(
        {}, title="Facets", description="By field that was asked for, its most frequent values on all pages."
    )

    @classmethod
    def of(cls, answer: Answer, following: str | None) -> "Results":
        """Return an answer as the API shows it."""
        items = [HitView.of(shown) for shown in answer.shown]
        return cls(items=items, next=following, total=answer.found.total, facets=_counted(answer.found))


def _counted(found: Hits) -> dict[str, list[FacetValue]]:
    return {
        field: [FacetValue(value=value, count=count) for value, count in counts]
        for field, counts in found.facets.items()
    }
