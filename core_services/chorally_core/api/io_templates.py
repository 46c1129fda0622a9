"""The route of templates: texts that an account's platform has approved for use outside the reply window."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Query as Parameter
from pydantic import BaseModel, Field

from chorally_core.api.io_errors import told
from chorally_core.api.io_parts import AccountReader, Io
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.services.io.model import Account
from chorally_core.services.io.templates import FRESH

_FRESH_S = int(FRESH.total_seconds())


class TemplateView(BaseModel):
    """An approved text."""

    name: str = Field(title="Name", description="Named in `template` of an answer.")
    language: str = Field(title="Language", description="As the platform writes it.")
    text: str = Field(title="Text", description="With its placeholders; empty where the platform does not show it.")
    values: list[str] = Field(title="Values", description="Names of the placeholders, in their order.")


class TemplatesView(BaseModel):
    """The approved texts of an account."""

    items: list[TemplateView] = Field(title="Templates")
    fetched_at: datetime = Field(title="Fetched", description="When the platform said so.")


def templates_router(io: Io) -> APIRouter:
    """Return the routes of templates."""
    router = APIRouter(prefix="/accounts", tags=["accounts"])

    @router.get(
        "/{account_id}/templates",
        summary="List an account's templates",
        responses={
            200: {
                "description": "The templates.",
                "headers": {
                    "Age": {"description": "Seconds since the platform said so.", "schema": {"type": "integer"}}
                },
            },
            **problems(401, 403, 404, 409, 503),
        },
    )
    async def list_templates(
        account_id: str,
        caller: AccountReader,
        response: Response,
        max_age_s: Annotated[
            int,
            Parameter(ge=0, le=7 * 86400, title="Highest age", description="Seconds; 0 asks the platform again, now."),
        ] = _FRESH_S,
    ) -> TemplatesView:
        """Return the texts that may be sent outside the reply window.

        A list that was read not long ago is given again; so is an older one while the platform cannot be asked.
        """
        account = await io.documents.get(Account, account_id)
        if account is None or account.tenant != caller.tenant:
            raise Problem(404, "there is no such account", code="unknown-account")
        if account.state == "disconnected":
            raise Problem(409, "the account is disconnected; connect it first", code="disconnected")
        with told():
            found = await io.templates.of(account, not_older=timedelta(seconds=max_age_s))
        response.headers["Age"] = str(max(0, int((io.now() - found.fetched_at).total_seconds())))
        items = [
            TemplateView(name=t.name, language=t.language, text=t.text, values=list(t.values)) for t in found.templates
        ]
        return TemplatesView(items=items, fetched_at=found.fetched_at)

    return router
