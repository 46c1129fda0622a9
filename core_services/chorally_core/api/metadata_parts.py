"""What the metadata API stands on, and who may see and change what others share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from chorally_core.api.auth import allowed
from chorally_core.api.files_named import Files
from chorally_core.api.idempotency import Once
from chorally_core.api.message import Tickets
from chorally_core.api.problem import Problem
from chorally_core.ports.actions import Actions
from chorally_core.ports.canned import Audience, CannedReply
from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.services.identity.model import Team, User
from chorally_core.services.metadata.model import Macro, SavedView

Reader = Annotated[Caller, allowed(Permission.METADATA_READ)]
Writer = Annotated[Caller, allowed(Permission.METADATA_WRITE)]
Agent = Annotated[Caller, allowed(Permission.TICKETS_WRITE)]
"""Whoever works on tickets keeps personal replies, views and macros; those of others need ``metadata:write``."""

K = TypeVar("K", CannedReply, SavedView, Macro)


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What the routes need."""

    documents: Documents
    actions: Actions
    files: Files
    tickets: Tickets
    """What the message API stands on: views are its lists, macros do what it does."""
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    @cached_property
    def once(self) -> Once:
        """Carries out writes under an ``Idempotency-Key``."""
        return Once(self.documents, now=self.now, new_id=self.new_id)

    async def teams_of(self, caller: Caller) -> tuple[str, ...]:
        """Return the teams that somebody belongs to."""
        user = await self.documents.get(User, caller.subject) if caller.kind == "user" else None
        return user.team_ids if user is not None and user.tenant == caller.tenant else ()

    async def seen(self, of: type[K], document_id: str, caller: Caller) -> K:
        """Return what a caller may see.

        Raises:
            Problem: 404.
        """
        found = await self.documents.get(of, document_id)
        if found is None or found.tenant != caller.tenant or not await self._may_see(found, caller):
            raise Problem(
                404, f"there is no such {of.kind.replace('_', ' ')}", code=f"unknown-{of.kind.replace('_', '-')}"
            )
        return found

    async def changed(self, of: type[K], document_id: str, caller: Caller) -> K:
        """Return what a caller may change.

        Raises:
            Problem: 404, or 403 where they may only see it.
        """
        found = await self.seen(of, document_id, caller)
        check_audience(found.audience, caller)
        return found

    async def _may_see(self, found: Any, caller: Caller) -> bool:
        if found.audience == "personal":
            return bool(found.owner_id == caller.subject)
        if found.audience == "shared" or caller.may(Permission.METADATA_WRITE):
            return True
        return found.team_id in await self.teams_of(caller)

    async def listed(
        self,
        of: type[K],
        caller: Caller,
        limit: int,
        after: tuple[str, str] | None,
        variants: Sequence[tuple[Condition, ...]] = ((),),
    ) -> list[K]:
        """Return what a caller may see, by name; of ``variants`` of conditions any may hold."""
        teams = None if caller.may(Permission.METADATA_WRITE) else await self.teams_of(caller)
        found: dict[str, K] = {}
        for where in _seen_by(caller, teams, variants):
            one: list[K] = await self.documents.find(Query(of, caller.tenant, where, "name", False, limit + 1, after))
            found |= {each.id: each for each in one}
        return sorted(found.values(), key=lambda each: (each.name, each.id))

    async def whose(self, body: "Shared", caller: Caller) -> dict[str, Any]:
        """Return for whom something shall be, checked.

        Raises:
            Problem: 403, the caller may not; 422, it makes no sense.
        """
        check_audience(body.audience, caller)
        team_id = body.team_id if body.audience == "team" else None
        if (body.audience == "team") != (body.team_id is not None):
            raise invalid("team_id", "name a team where it is for one, and leave it out elsewhere")
        if team_id is not None:
            team = await self.documents.get(Team, team_id)
            if team is None or team.tenant != caller.tenant:
                raise invalid("team_id", "there is no such team")
        owner = caller.subject if body.audience == "personal" else None
        return {"audience": body.audience, "team_id": team_id, "owner_id": owner}


class Shared(BaseModel):
    """For whom something is."""

    model_config = ConfigDict(extra="forbid")

    audience: Audience = Field(
        "personal", title="Audience", description="Everybody (`shared`), a `team`, or you alone."
    )
    team_id: str | None = Field(None, title="Team", max_length=64, description="Where it is for one.")


def _seen_by(
    caller: Caller, teams: tuple[str, ...] | None, variants: Sequence[tuple[Condition, ...]]
) -> list[tuple[Condition, ...]]:
    """What somebody sees: what is shared, their own, and that of these teams, or of all where None."""
    team: tuple[Condition, ...] = (Condition("audience", "is", "team"),)
    if teams is not None:
        team = (*team, Condition("team_id", "in", list(teams)))
    mine = (Condition("audience", "is", "personal"), Condition("owner_id", "is", caller.subject))
    audiences: list[tuple[Condition, ...]] = [(Condition("audience", "is", "shared"),), mine, team]
    return [(*audience, *variant) for audience in audiences for variant in variants]


def check_audience(audience: Audience, caller: Caller) -> None:
    """Let only those who may change what others see.

    Raises:
        Problem: 403.
    """
    if audience != "personal" and not caller.may(Permission.METADATA_WRITE):
        detail = "what others share needs the permission metadata:write; make it personal, or ask somebody who has it"
        raise Problem(403, detail, code="not-allowed")


def invalid(field: str, why: str) -> Problem:
    """Return what is told of a field that is wrong."""
    return Problem(422, why, code="invalid", errors=[{"field": f"/body/{field}", "message": why}])
