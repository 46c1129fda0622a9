"""An author as it is stored."""

from datetime import datetime

import msgspec

from chorally_core.events import AuthorAdd
from chorally_core.ports.documents import Document

_TOLD = ("name", "handle", "url", "avatar_url", "language", "country", "followers")


class Author(Document, frozen=True, kw_only=True):
    """A person as one platform shows them to one tenant."""

    kind = "author"
    indexes = (("seen_at",),)

    platform: str
    external_id: str
    name: str = ""
    handle: str = ""
    url: str | None = None
    avatar_url: str | None = None
    language: str = ""
    country: str = ""
    followers: int | None = None
    account_ids: tuple[str, ...] = ()
    """Accounts through which they were seen."""
    first_seen_at: datetime
    seen_at: datetime
    """When what is known of them last changed."""
    erased_at: datetime | None = None

    @classmethod
    def first_seen(cls, tenant: str, data: AuthorAdd, at: datetime) -> "Author":
        """Return a person not known before."""
        accounts = (data.account_id,) if data.account_id else ()
        return cls(
            id=data.id,
            tenant=tenant,
            platform=data.platform,
            external_id=data.external_id,
            account_ids=accounts,
            first_seen_at=at,
            seen_at=at,
            **{field: getattr(data, field) for field in _TOLD},
        )

    def seen_again(self, data: AuthorAdd, at: datetime) -> "Author":
        """Return the person with what is newly told; the same object where nothing is.

        What the platform leaves out this time is kept.
        """
        told = {field: getattr(data, field) for field in _TOLD}
        changes: dict[str, object] = {f: v for f, v in told.items() if v not in ("", None) and v != getattr(self, f)}
        if data.account_id and data.account_id not in self.account_ids:
            changes["account_ids"] = (*self.account_ids, data.account_id)
        if not changes:
            return self
        return msgspec.structs.replace(self, seen_at=max(at, self.seen_at), **changes)

    def erased(self, at: datetime) -> "Author":
        """Return what is left of a person who was erased: an id that joins nothing to anybody."""
        return msgspec.structs.replace(
            self, external_id="", name="", handle="", url=None, avatar_url=None, language="", country="",
            followers=None, account_ids=(), erased_at=at,
        )  # fmt: skip

    def snapshot(self) -> dict[str, object]:
        """Return what a reader of the log needs to know."""
        told: dict[str, object] = {"name": self.name, "handle": self.handle, "platform": self.platform}
        for name in ("language", "country", "followers"):
            if (value := getattr(self, name)) not in ("", None):
                told[name] = value
        return told
