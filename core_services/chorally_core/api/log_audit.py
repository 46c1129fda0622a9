"""Who changed what, from what to what, at ``/log/v1/audit``."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import AwareDatetime, BaseModel, Field

from chorally_core.api.auth import allowed
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.responses import problems
from chorally_core.events.ids import before
from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.services.log.model import AuditEntry

Reader = Annotated[Caller, allowed(Permission.AUDIT_READ)]


class AuditEntryView(BaseModel):
    """What somebody changed."""

    id: str = Field(title="Id", description="Id of the entry of the history that tells of it.")
    what: str = Field(title="What", description="What happened, in the past tense, such as `user_changed`.")
    at: datetime = Field(title="At", description="When it happened.")
    subject_type: str = Field(title="Subject type", description="Kind of what changed, such as `user`.")
    subject_id: str = Field(title="Subject", description="Id of what changed.")
    subject_version: int = Field(title="Version", description="Version of the subject after the change.")
    subject_name: str = Field(title="Subject's name", description="What it is called, where it has a name.")
    actor_kind: str = Field(title="Actor's kind", description="`agent`, or `service` for a program.")
    actor_id: str = Field(title="Actor", description="Who did it: a user's id, or the name of a program.")
    address: str = Field(title="Address", description="From where it was asked for, as the server knows it.")
    token_id: str = Field(title="Token", description="Tells tokens apart; says nothing of the secret.")
    was: dict[str, Any] = Field(
        title="Was", description="The fields that changed as they were before; empty where the subject is new."
    )
    changes: dict[str, Any] = Field(
        title="Changes",
        description="The same as they are now; empty where the subject is gone. Secrets are `(hidden)`; what is longer "
        "than 4,000 characters of JSON is the beginning of that JSON.",
    )

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryView":
        """Return what is seen of an entry."""
        return cls.model_validate({name: getattr(entry, name) for name in cls.model_fields})


def audit_router(documents: Documents) -> APIRouter:
    """Return the route of the audit."""
    router = APIRouter(tags=["audit"])

    @router.get("/audit", summary="List what administrators changed", responses=problems(400, 401, 403))
    async def list_audit(
        caller: Reader,
        actor_id: Annotated[str | None, Parameter(title="Actor", description="Only what they changed.")] = None,
        subject_type: Annotated[
            str | None, Parameter(title="Subject type", description="Only of this kind, such as `rule`.")
        ] = None,
        subject_id: Annotated[str | None, Parameter(title="Subject", description="Only of this subject.")] = None,
        what: Annotated[
            list[str] | None, Parameter(title="What", description="Only these kinds of facts.", max_length=20)
        ] = None,
        since: Annotated[
            AwareDatetime | None, Parameter(title="Since", description="Only what happened at this instant or later.")
        ] = None,
        until: Annotated[
            AwareDatetime | None, Parameter(title="Until", description="Only what happened before this instant.")
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[AuditEntryView]:
        """Return who changed what, with before and after, the newest first."""
        filters = (("actor_id", actor_id), ("subject_type", subject_type), ("subject_id", subject_id))
        where = [Condition(name, "is", value) for name, value in filters if value is not None]
        if what:
            where.append(Condition("what", "in", tuple(what)))
        if since is not None:
            where.append(Condition("id", ">=", before(since)))
        if until is not None:
            where.append(Condition("id", "<", before(until)))
        after = (None, decode_cursor(cursor, str)[0]) if cursor else None
        query = Query(AuditEntry, caller.tenant, tuple(where), descending=True, limit=limit + 1, after=after)
        found: list[AuditEntry] = await documents.find(query)
        entries, following = paged(found, limit, lambda entry: (entry.id,))
        return Page[AuditEntryView](items=[AuditEntryView.of(entry) for entry in entries], next=following)

    return router
