"""An author as it is stored."""

from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import AuthorAdd
from chorally_core.ports.documents import Document
from chorally_core.services.author.identifying import shown_by

_TOLD = ("name", "handle", "url", "avatar_url", "language", "country", "followers", "phone")


class Author(Document, frozen=True, kw_only=True):
    """A person as one platform shows them to one tenant."""

    kind = "author"
    indexes = (("seen_at",),)
    sparse = ("mail_key", "phone_key", "link_key")

    platform: str
    external_id: str
    name: str = ""
    handle: str = ""
    url: str | None = None
    avatar_url: str | None = None
    language: str = ""
    country: str = ""
    followers: int | None = None
    phone: str = ""
    """Their number with its country, where the platform knows them by it."""
    account_ids: tuple[str, ...] = ()
    """Accounts through which they were seen."""
    first_seen_at: datetime
    seen_at: datetime
    """When what is known of them last changed."""
    erased_at: datetime | None = None
    tags: tuple[str, ...] = ()
    custom_fields: dict[str, Any] = {}
    mail_key: str | None = None
    """A digest of their address, by which others who have it are found; so the next two."""
    phone_key: str | None = None
    link_key: str | None = None
    said: tuple[str, ...] = ()
    """Which of these come of a field that people filled in, and not of the platform."""

    @classmethod
    def first_seen(cls, tenant: str, data: AuthorAdd, at: datetime) -> "Author":
        """Return a person not known before."""
        accounts = (data.account_id,) if data.account_id else ()
        author = cls(
            id=data.id,
            tenant=tenant,
            platform=data.platform,
            external_id=data.external_id,
            account_ids=accounts,
            first_seen_at=at,
            seen_at=at,
            **{field: getattr(data, field) for field in _TOLD},
        )
        return author.identified()

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
        return msgspec.structs.replace(self, seen_at=max(at, self.seen_at), **changes).identified()

    def identified(self, filled: dict[str, str] | None = None) -> "Author":
        """Return the person with the digests by which others are found who may be the same.

        Args:
            filled: What fields of the tenant's own say, by kind; None leaves what was said so before.
        """
        shown = shown_by(self.tenant, self.external_id, self.phone, self.url)
        kept = {kind: getattr(self, f"{kind}_key") for kind in self.said} if filled is None else filled
        found = {**kept, **shown}
        return msgspec.structs.replace(
            self, mail_key=found.get("mail"), phone_key=found.get("phone"), link_key=found.get("link"),
            said=tuple(sorted(set(kept) - set(shown))),
        )  # fmt: skip

    def erased(self, at: datetime) -> "Author":
        """Return what is left of a person who was erased: an id that joins nothing to anybody."""
        return msgspec.structs.replace(
            self, external_id="", name="", handle="", url=None, avatar_url=None, language="", country="",
            followers=None, phone="", account_ids=(), erased_at=at, tags=(), custom_fields={},
            mail_key=None, phone_key=None, link_key=None, said=(),
        )  # fmt: skip

    def snapshot(self) -> dict[str, object]:
        """Return what a reader of the log needs to know."""
        told: dict[str, object] = {"name": self.name, "handle": self.handle, "platform": self.platform}
        for name in ("language", "country", "followers"):
            if (value := getattr(self, name)) not in ("", None):
                told[name] = value
        if self.tags:
            told["tags"] = list(self.tags)
        if self.custom_fields:
            told["custom"] = self.custom_fields
        return told
