"""How tags are found: by their names, groups and what is said of them."""

from collections.abc import Sequence

from chorally_core.ports.indexing import Source, Touched
from chorally_core.ports.search import Entry
from chorally_core.ports.stems import language_of
from chorally_core.ports.tags import TagSet


def tag_entries(tags: TagSet) -> Sequence[Entry]:
    """Return the tags of a tenant as they are found."""
    return [
        Entry(
            kind="tag", id=tag.id, tenant=tags.tenant, version=tags.version, at=tag.changed_at, title=tag.name,
            body=f"{tag.group} {tag.description}".strip(), language=language_of("", tag.description),
            status="archived" if tag.archived else "",
        )
        for tag in tags.tags
    ]  # fmt: skip


SOURCES = (
    Source(
        kind="tag",
        of=TagSet,
        touched=lambda fact: (Touched(fact.tenant, fact.data.subject_id),) if fact.data.subject_type == "tag" else (),
        entries=tag_entries,
        document_of=lambda tenant, entry_id: tenant,
    ),
)
