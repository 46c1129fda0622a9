"""What goes out of the author API."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chorally_core.ports.erasure import Erasure
from chorally_core.services.author.model import Author


class AuthorView(BaseModel):
    """A person as one platform shows them."""

    id: str = Field(title="Id", description="Id of the author.")
    platform: str = Field(title="Platform", description="Where they write.")
    external_id: str = Field(title="External id", description="The platform's id of them.")
    name: str = Field(title="Name", description="As the platform shows it.")
    handle: str = Field(title="Handle", description="As the platform shows it.")
    url: str | None = Field(title="Link", description="Their profile.")
    avatar_url: str | None = Field(title="Picture", description="Their picture.")
    language: str = Field(title="Language", description="As far as the platform tells.")
    country: str = Field(title="Country", description="As far as the platform tells.")
    followers: int | None = Field(title="Followers", description="How many, as far as the platform tells.")
    account_ids: list[str] = Field(title="Accounts", description="Accounts through which they were seen.")
    phone: str = Field(title="Number", description="Their telephone number, where the platform knows them by it.")
    tags: list[str] = Field(title="Tags", description="Given here.")
    custom_fields: dict[str, Any] = Field(title="Custom fields", description="Filled in here.")
    first_seen_at: datetime = Field(title="First seen", description="When they were seen first.")
    seen_at: datetime = Field(title="Seen", description="When what is known of them last changed.")
    erased_at: datetime | None = Field(title="Erased", description="When they were erased; null if they were not.")
    version: int = Field(title="Version", description="Goes up with each change; the `ETag` is made of it.")

    @classmethod
    def of(cls, author: Author) -> "AuthorView":
        """Return what is seen of an author."""
        same = {name: getattr(author, name) for name in cls.model_fields if name not in ("account_ids", "tags")}
        return cls(account_ids=list(author.account_ids), tags=list(author.tags), **same)


class AuthorChange(BaseModel):
    """What to change of what is noted of a person; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    tags: list[Annotated[str, Field(min_length=1, max_length=100)]] | None = Field(
        None, title="Tags", max_length=50, description="Replaces all tags."
    )
    custom_fields: dict[str, Any] | None = Field(
        None, title="Custom fields", max_length=100, description="Merged into those there are; null empties one."
    )

    def changes(self) -> dict[str, Any]:
        """Return what was given, and only that."""
        return self.model_dump(exclude_none=True)


class ErasureView(BaseModel):
    """How far the erasure of a person has come."""

    author_id: str = Field(title="Author", description="Who is erased.")
    state: Literal["requested", "under_way", "finished"] = Field(
        title="State", description="Everything is gone through twice, the second time an hour later."
    )
    round: int = Field(title="Round", description="Which of the two; 0 before the first.")
    done: list[str] = Field(title="Done", description="Parts that are done in this round.")
    finished_at: datetime | None = Field(title="Finished", description="When nothing was left; null until then.")

    @classmethod
    def of(cls, author: Author, job: Erasure | None) -> "ErasureView":
        """Return what is told of an erasure."""
        if job is None:
            return cls(author_id=author.id, state="requested", round=0, done=[], finished_at=None)
        return cls(
            author_id=author.id,
            state="finished" if job.finished_at else "under_way",
            round=job.round,
            done=list(job.done),
            finished_at=job.finished_at,
        )
