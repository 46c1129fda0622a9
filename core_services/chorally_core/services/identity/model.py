"""Users and teams as they are stored."""

import unicodedata
from datetime import datetime
from typing import Any

from chorally_core.ports.documents import Document
from chorally_core.ports.permissions import permissions_of


class User(Document, frozen=True, kw_only=True):
    """A person who works for a tenant."""

    kind = "user"
    unique = ("login",)
    indexes = (("login",),)

    login: str
    """Tenant and e-mail address, which together name one user."""
    email: str
    name: str
    password_hash: str
    """Argon2id in PHC format; leaves this record for nothing but verification."""
    roles: tuple[str, ...]
    team_ids: tuple[str, ...] = ()
    disabled: bool = False
    language: str = ""
    """Language of the screens, such as ``it``; empty for the tenant's."""
    token_generation: int = 1
    """Goes up when all tokens made so far shall be worthless."""
    outside_id: str = ""
    """Where an outside issuer keeps the user: its id there. There is no password here then."""
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def login_of(tenant: str, email: str) -> str:
        """Return what names the user with that address."""
        return f"{tenant}/{normal_email(email)}"

    @property
    def permissions(self) -> frozenset[str]:
        """What the user may do."""
        return permissions_of(self.roles)

    def snapshot(self) -> dict[str, Any]:
        """Return what a reader of the log is told: nothing that helps to sign in."""
        return {
            "email": self.email,
            "name": self.name,
            "roles": list(self.roles),
            "team_ids": list(self.team_ids),
            "disabled": self.disabled,
            "language": self.language,
        }

    def __repr__(self) -> str:
        return f"User(id={self.id!r}, tenant={self.tenant!r}, version={self.version})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("id", self.id), ("tenant", self.tenant), ("version", self.version)]


class Team(Document, frozen=True, kw_only=True):
    """Users who share tickets; who they are is kept with each user."""

    kind = "team"
    unique = ("label",)
    indexes = (("label",),)

    label: str
    """Tenant and name without regard to case, which together name one team."""
    name: str
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def label_of(tenant: str, name: str) -> str:
        """Return what names the team of that name."""
        return f"{tenant}/{unicodedata.normalize('NFKC', name).casefold()}"

    def snapshot(self) -> dict[str, Any]:
        """Return what a reader of the log is told."""
        return {"name": self.name}


def normal_email(email: str) -> str:
    """Return an address as it is compared: without regard to case or to how its letters are composed."""
    return unicodedata.normalize("NFC", email.strip()).lower()
