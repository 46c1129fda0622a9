"""Who works for a tenant, and what they may do: asked by services that are not the one that keeps users."""

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec


class Colleague(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the tenant's, as they are now."""

    id: str
    roles: tuple[str, ...] = ()
    team_ids: tuple[str, ...] = ()
    may_approve: bool = True
    """They are not disabled, and have the permission to approve posts."""


class Colleagues(Protocol):
    """Knows a tenant's people."""

    async def __call__(self, tenant: str, ids: Collection[str]) -> Mapping[str, Colleague]:
        """Return those of them who are there, by id; who was removed is left out."""
