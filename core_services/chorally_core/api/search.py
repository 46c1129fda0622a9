"""The search API, at ``/search/v1``: tickets, messages, authors and tags by their words and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI
from fastapi import Query as Parameter
from pydantic import AwareDatetime

from chorally_core.api import problem
from chorally_core.api.auth import allowed
from chorally_core.api.paging import Cursor, decode_cursor, encode_cursor
from chorally_core.api.problem import Problem
from chorally_core.api.responses import describe, problems
from chorally_core.api.search_views import Results
from chorally_core.api.search_words import unavailable, words
from chorally_core.ports.identity import Caller, Identity
from chorally_core.ports.permissions import Permission
from chorally_core.ports.search import Asked, Behind, EntryKind, NotOffered, SearchUnavailable, Sort
from chorally_core.services.search.searching import Searching

Reader = Annotated[Caller, allowed(Permission.TICKETS_READ)]
Values = Annotated[list[Annotated[str, Parameter(max_length=200)]] | None, Parameter(max_length=50)]
Facet = Literal[
    "channel", "platform", "account", "author", "direction", "language", "content", "status", "priority", "assignee",
    "team", "tag",
]  # fmt: skip
_FIELDS = {
    "account": "account_id", "author": "author_id", "ticket": "ticket_id", "assignee": "assignee_id", "team": "team_id",
    "tag": "tags",
}  # fmt: skip


@dataclass(kw_only=True)
class SearchParts:
    """What the API needs."""

    searching: Searching


def create_app(identity: Identity, parts: SearchParts, *more: APIRouter) -> FastAPI:
    """Return the application to mount at ``/search/v1``."""
    app = FastAPI(
        title="Chorally search",
        version="1",
        description="Tickets, messages, authors and tags by their words.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    describe(app)
    for router in (results_router(parts), *more):
        app.include_router(router)
    return app


def results_router(parts: SearchParts) -> APIRouter:
    """Return the route that searches."""
    router = APIRouter(tags=["search"], responses=problems(401, 403, 429))

    @router.get("/results", summary="Search", responses=problems(400, 422, 503))
    async def search(
        caller: Reader,
        text: Annotated[
            str,
            Parameter(
                title="Text",
                max_length=500,
                description='`words`, `"a phrase"`, `-without`, `begin*`, `this OR that`. All words must be there, in '
                "any form that their language gives them; case and accents do not matter.",
            ),
        ] = "",
        kind: Annotated[
            list[EntryKind] | None, Parameter(title="Kind", max_length=4, description="All that you may see without.")
        ] = None,
        channel: Annotated[Values, Parameter(title="Channel", description="Such as `mail`.")] = None,
        platform: Annotated[Values, Parameter(title="Platform", description="Such as `facebook`.")] = None,
        account: Annotated[Values, Parameter(title="Account", description="Its id.")] = None,
        author: Annotated[Values, Parameter(title="Author", description="Their id.")] = None,
        ticket: Annotated[Values, Parameter(title="Ticket", description="Its id.")] = None,
        direction: Annotated[
            list[Literal["inbound", "outbound", "internal"]] | None,
            Parameter(title="Direction", description="Of the message."),
        ] = None,
        language: Annotated[
            Values, Parameter(title="Language", description="`it`, `en`, or `none` for all others.")
        ] = None,
        content: Annotated[
            Values, Parameter(title="Content", description="What a message is: `text`, `review`, `mail` …")
        ] = None,
        status: Annotated[
            list[Literal["open", "waiting", "resolved"]] | None, Parameter(title="Status", description="Of the ticket.")
        ] = None,
        priority: Annotated[
            list[Literal["low", "normal", "high", "urgent"]] | None,
            Parameter(title="Priority", description="Of the ticket."),
        ] = None,
        assignee: Annotated[
            Values, Parameter(title="Assignee", description="Of the ticket: an id, `me`, or `none`.")
        ] = None,
        team: Annotated[Values, Parameter(title="Team", description="Of the ticket: an id, or `none`.")] = None,
        tag: Annotated[
            Values, Parameter(title="Tag", description="Of the ticket; one of them is enough. `none` for no tag.")
        ] = None,
        since: Annotated[AwareDatetime | None, Parameter(title="Since", description="From this instant on.")] = None,
        until: Annotated[AwareDatetime | None, Parameter(title="Until", description="Before this instant.")] = None,
        facet: Annotated[
            list[Facet] | None,
            Parameter(title="Facet", max_length=12, description="Fields whose values are counted, over all pages."),
        ] = None,
        sort: Annotated[
            Sort | None, Parameter(title="Order", description="`relevance` where there is text, else `newest`.")
        ] = None,
        limit: Annotated[int, Parameter(ge=1, le=100, title="Limit", description="Items of a page at most.")] = 20,
        cursor: Cursor = None,
    ) -> Results:
        """Return what is found, as it is now. What was written a moment ago is found a moment later.

        Messages are filtered by what their tickets are. A filter with several values asks for one of them; several
        filters ask for all.
        """
        wanted = words(text)
        given = {
            "channel": channel, "platform": platform, "account": account, "author": author, "ticket": ticket,
            "direction": direction, "language": language, "content": content, "status": status,
            "priority": priority, "assignee": assignee, "team": team, "tag": tag,
        }  # fmt: skip
        where = {
            _FIELDS.get(name, name): [_value(name, value, caller) for value in values]
            for name, values in given.items()
            if values
        }
        order: Sort = sort or "relevance"
        if not wanted.all_of and order == "relevance":
            order = "newest"
        facets = [_FIELDS.get(name, name) for name in dict.fromkeys(facet or ())]
        asked = Asked(wanted, _kinds(caller, kind), where, since, until, order, limit, _behind(cursor, order), facets)
        try:
            answer = await parts.searching.answer(caller.tenant, asked)
        except NotOffered as error:
            raise Problem(422, str(error), code="not-offered") from None
        except SearchUnavailable:
            raise unavailable() from None
        following = None if answer.following is None else encode_cursor((order, *answer.following))
        results = Results.of(answer, following)
        names = {field: name for name, field in _FIELDS.items()}
        results.facets = {names.get(field, field): counts for field, counts in results.facets.items()}
        return results

    return router


def _kinds(caller: Caller, asked: Sequence[EntryKind] | None) -> list[EntryKind]:
    may_see_authors = Permission.AUTHORS_READ in caller.permissions
    if asked and "author" in asked and not may_see_authors:
        raise Problem(
            403,
            f"the permission {Permission.AUTHORS_READ} is missing; leave out kind=author",
            code="permission-missing",
        )
    every: list[EntryKind] = ["ticket", "message", "tag"]
    return list(dict.fromkeys(asked)) if asked else [*every, "author"] if may_see_authors else every


def _value(name: str, value: str, caller: Caller) -> str:
    if value == "none" and name in ("assignee", "team", "tag", "language"):
        return ""
    return caller.subject if value == "me" and name == "assignee" else value


def _behind(cursor: str | None, order: Sort) -> Behind | None:
    if cursor is None:
        return None
    said, score, at, name = decode_cursor(cursor, str, float, datetime, str)
    if said != order:
        raise Problem(400, "cursor is of another order; begin again without it", code="invalid-cursor")
    return Behind(score, at, name)
