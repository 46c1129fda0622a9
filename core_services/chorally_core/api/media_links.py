"""Links to files, at ``/media/v1``: made for one file, and good for anybody until they end."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel, ConfigDict, Field

from chorally_core.api.auth import open_route
from chorally_core.api.content import FILE_ANSWER
from chorally_core.api.media import Media, Writer, actor, bytes_of, own
from chorally_core.api.problem import Problem
from chorally_core.api.ranges import PARTS
from chorally_core.api.responses import problems
from chorally_core.ports.files import File, shown_type
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.links import Linking
from chorally_core.services.media.facts import told

_HOUR = 60
_WEEK = 7 * 24 * 60


class LinkAdd(BaseModel):
    """How long a link shall last."""

    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(_HOUR, ge=1, le=_WEEK, title="Minutes", description="After which it leads nowhere.")


class LinkView(BaseModel):
    """A link to a file."""

    url: str = Field(title="URL", description="Whoever has it can get the file; keep it as you keep the file.")
    expires_at: datetime = Field(title="Leads there until")


def links_router(parts: Media, linking: Linking, ledger: Ledger, base: Callable[[Request], str]) -> APIRouter:
    """Return the routes of links.

    Args:
        parts: What the API needs.
        linking: Makes and reads links.
        ledger: Where it is told that one was made.
        base: Returns the address of the system as the caller knows it.
    """
    router = APIRouter(tags=["links"])

    @router.post(
        "/files/{file_id}/link",
        summary="Make a link to a file",
        responses=problems(401, 403, 404, 429, 503),
    )
    async def link_file(file_id: str, body: LinkAdd, caller: Writer, request: Request) -> LinkView:
        """Return a URL at which anybody can get the file for a while, without a token; each call makes another.

        Nothing of it is stored. It ends with its time, or with the file.
        """
        file = await own(parts, file_id, caller)
        lasts = timedelta(minutes=body.minutes)
        made_at = parts.now()
        url = await linking.url(file, lasts, base(request))
        fact = told("file_link_made", file, actor(caller), made_at, parts.new_id(), minutes=body.minutes)
        await ledger.commit(Work([Step.of((), (fact,))]))
        return LinkView(url=url, expires_at=made_at + lasts)

    @router.head("/links/{link}", include_in_schema=False)
    @router.get(
        "/links/{link}",
        summary="Read a file by its link",
        response_class=Response,
        responses={**FILE_ANSWER, **PARTS, **problems(404, 416, 429)},
    )
    @open_route("the link is sealed under the installation's keys, names one file and ends; it cannot be guessed")
    async def read_link(
        link: Annotated[str, InPath(title="Link", max_length=2000, description="As it was made.")], request: Request
    ) -> Response:
        """Return the bytes of the file that the link leads to: always as a download, never shown in a page."""
        linked = linking.read(link, parts.now())
        file = await parts.documents.get(File, linked.file_id) if linked is not None else None
        if linked is None or file is None or file.tenant != linked.tenant or not file.is_there(parts.now()):
            raise Problem(404, "the link leads nowhere: it has ended, or its file is gone", code="link-ended")
        return await bytes_of(parts, file, request, shown_type(file.media_type))

    return router
