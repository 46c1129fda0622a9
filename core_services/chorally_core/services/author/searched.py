"""How authors are found: by their names, as long as they are not erased."""

from chorally_core.ports.indexing import Source, Touched
from chorally_core.ports.search import Entry
from chorally_core.services.author.model import Author


def author_entry(author: Author) -> Entry:
    """Return an author as they are found."""
    return Entry(
        kind="author", id=author.id, tenant=author.tenant, version=author.version, at=author.seen_at,
        gone=author.erased_at is not None, title=author.name, names=f"{author.name} {author.handle}".strip(),
        platform=author.platform, author_id=author.id,
    )  # fmt: skip


SOURCES = (
    Source(
        kind="author",
        of=Author,
        touched=lambda fact: (Touched(fact.data.subject_id),) if fact.data.subject_type == "author" else (),
        entries=lambda author: (author_entry(author),),
    ),
)
