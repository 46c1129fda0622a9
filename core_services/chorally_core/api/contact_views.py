"""What the contacts' API takes and gives."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from chorally_core.api.author_views import AuthorView
from chorally_core.services.author.contact_model import Evidence
from chorally_core.services.author.contacts import Group, Suggestion
from chorally_core.services.author.model import Author


class MergeAdd(BaseModel):
    """Whom to merge into a contact."""

    model_config = ConfigDict(extra="forbid")

    author_id: str = Field(
        title="Author",
        min_length=1,
        max_length=64,
        description="An author of the contact that is merged into this one.",
    )


class EvidenceView(BaseModel):
    """Why two contacts are taken for one person; never the value itself."""

    kind: str = Field(
        title="Kind", description="`mail`, `phone` or `link` that both have; `agent` where somebody said so."
    )
    verified: bool = Field(
        title="Verified", description="Whether both platforms vouch for it; false where it stands in a field only."
    )

    @classmethod
    def of(cls, evidence: Evidence) -> "EvidenceView":
        """Return a reason as the API shows it."""
        return cls(kind=evidence.kind, verified=evidence.verified)


class MergeView(BaseModel):
    """A merge that holds, and can be undone."""

    id: str = Field(title="Id")
    author_ids: list[str] = Field(title="Authors", description="Those who go their own way when it is undone.")
    evidence: list[EvidenceView] = Field(title="Evidence")
    at: datetime = Field(title="At")
    by: str = Field(title="By", description="Who said that they are one person.")


class ContactView(BaseModel):
    """Authors who are one person."""

    id: str = Field(title="Id", description="Those of contacts that were merged into it lead here too.")
    version: int = Field(title="Version", description="Goes up with each change; the `ETag` is made of it.")
    name: str = Field(title="Name", description="The first that any of the authors has.")
    platforms: list[str] = Field(title="Platforms", description="Where the person writes.")
    authors: list[AuthorView] = Field(title="Authors", description="Each as their platform shows them.")
    merges: list[MergeView] = Field(title="Merges")

    @classmethod
    def of(cls, group: Group, authors: Sequence[Author]) -> "ContactView":
        """Return a contact as the API shows it."""
        merges = [
            MergeView(
                id=node.merge.id, author_ids=list(group.below(node.id)), at=node.merge.at, by=node.merge.by,
                evidence=[EvidenceView.of(each) for each in node.merge.evidence],
            )
            for node in group.nodes
            if node.merge is not None and node.part_of is not None
        ]  # fmt: skip
        return cls(
            id=group.head.id,
            version=group.head.number,
            name=next((author.name or author.handle for author in authors if author.name or author.handle), ""),
            platforms=sorted({author.platform for author in authors}),
            authors=[AuthorView.of(author) for author in authors],
            merges=merges,
        )


class SuggestionView(BaseModel):
    """A contact that may be the same person."""

    contact: ContactView = Field(title="Contact")
    evidence: list[EvidenceView] = Field(title="Evidence")

    @classmethod
    def of(cls, suggestion: Suggestion, authors: Sequence[Author]) -> "SuggestionView":
        """Return a suggestion as the API shows it."""
        evidence = [EvidenceView.of(each) for each in suggestion.evidence]
        return cls(contact=ContactView.of(suggestion.group, authors), evidence=evidence)


class Suggestions(BaseModel):
    """Contacts that may be the same person."""

    items: list[SuggestionView] = Field(title="Items", description="Those with the best reasons first.")


class Undone(BaseModel):
    """What a merge had joined, apart again."""

    contact: ContactView = Field(title="Contact", description="What is left of it.")
    apart: ContactView = Field(title="Apart", description="What had been merged into it, as it was before.")
