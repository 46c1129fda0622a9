"""The routes of moderations: what was asked to be done to messages on their platforms, and what became of it."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from chorally_core.api.io_parts import DeliveryReader, Io
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.services.io.model import Moderation


class ModeratedView(BaseModel):
    """One visible part of a message that went out in several."""

    part: int = Field(title="Part", description="From 1.")
    external_id: str = Field(title="External id")
    verb: str = Field(title="Action", description="`delete` too where the new text of an `edit` has fewer parts.")
    is_done: bool = Field(title="Done")


class ModerationView(BaseModel):
    """Something done, or to be done, to a message on its platform."""

    id: str = Field(title="Id")
    verb: str = Field(title="Action", description="Such as `hide` or `delete`.")
    message_id: str = Field(title="Message")
    account_id: str = Field(title="Account")
    channel: str = Field(title="Channel")
    state: Literal["queued", "done", "failed"] = Field(title="State")
    targets: list[ModeratedView] = Field(title="Parts", description="Empty where the message is one visible thing.")
    attempts: int = Field(title="Attempts", description="How often it was tried in vain.")
    error: str = Field(title="Error", description="What went wrong last; empty if nothing did.")
    reason: str = Field(title="Reason", description="Why the platform will never do it, in a word.")
    created_at: datetime = Field(title="Created", description="When it was asked for.")
    next_at: datetime | None = Field(title="Next", description="When it is tried again; null once it is settled.")
    settled_at: datetime | None = Field(title="Settled", description="When it was done, or given up.")


def moderations_router(io: Io) -> APIRouter:
    """Return the routes of moderations."""
    router = APIRouter(prefix="/moderations", tags=["deliveries"])

    @router.get("/{moderation_id}", summary="Show a moderation", responses=problems(401, 403, 404))
    async def show_moderation(moderation_id: str, caller: DeliveryReader) -> ModerationView:
        """Return what became of something that was asked to be done to a message."""
        found = await io.documents.get(Moderation, moderation_id)
        if found is None or found.tenant != caller.tenant:
            raise Problem(404, "there is no such moderation", code="unknown-moderation")
        shown = {name: getattr(found, name) for name in ModerationView.model_fields}
        shown["targets"] = [{name: getattr(t, name) for name in ModeratedView.model_fields} for t in found.targets]
        return ModerationView.model_validate(shown)

    return router
