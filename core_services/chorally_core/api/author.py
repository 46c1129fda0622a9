"""The author API, at ``/author/v1``: the people who write, what is noted of them, and their erasure."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi import Query as Parameter

from chorally_core.api import problem
from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.author_parts import Authors
from chorally_core.api.author_views import AuthorChange, AuthorView, ErasureView
from chorally_core.api.contacts import contact_of_author, contacts_router
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports import metadata
from chorally_core.ports.documents import Condition, Key, Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller, Identity
from chorally_core.ports.permissions import Permission
from chorally_core.services.author.commands import change, erase
from chorally_core.services.author.model import Author

__all__ = ["Authors", "authors_router", "create_app"]

Reader = Annotated[Caller, allowed(Permission.AUTHORS_READ)]
Writer = Annotated[Caller, allowed(Permission.AUTHORS_WRITE)]
Eraser = Annotated[Caller, allowed(Permission.AUTHORS_ERASE)]


def create_app(identity: Identity, parts: Authors) -> FastAPI:
    """Return the application to mount at ``/author/v1``.

    Args:
        identity: Proves the callers.
        parts: What the routes need.
    """
    app = FastAPI(
        title="Chorally authors",
        version="1",
        description="People as the platforms show them, and which of them are one person.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    app.include_router(authors_router(parts))
    app.include_router(contacts_router(parts))
    return app


def authors_router(parts: Authors) -> APIRouter:
    """Return the routes of authors."""
    router = APIRouter(prefix="/authors", tags=["authors"])
    documents = parts.documents

    async def own(author_id: str, caller: Caller) -> Author:
        return _own(await documents.get(Author, author_id), caller)

    @router.get("", summary="List authors", responses=problems(400, 401, 403))
    async def list_authors(
        caller: Reader,
        platform: Annotated[str | None, Parameter(title="Platform", description="Only of this platform.")] = None,
        q: Annotated[
            str | None,
            Parameter(
                title="Text", description="Part of the name or handle, whatever its case.", min_length=1, max_length=200
            ),
        ] = None,
        tag: Annotated[str | None, Parameter(title="Tag", description="Only with this tag.", max_length=100)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[AuthorView]:
        """Return the people who write, those seen last first; not those who were erased."""
        where = [Condition("erased_at", "absent")]
        if platform is not None:
            where.append(Condition("platform", "is", platform))
        if tag is not None:
            where.append(Condition("tags", "has", tag))
        after = decode_cursor(cursor, datetime, str) if cursor else None
        found: dict[str, Author] = {}
        for text in _texts(q):
            query = Query(
                Author,
                caller.tenant,
                (*where, *text),
                order="seen_at",
                descending=True,
                limit=limit + 1,
                after=(after[0], after[1]) if after else None,
            )
            found |= {author.id: author for author in await documents.find(query)}
        newest = sorted(found.values(), key=lambda author: (author.seen_at, author.id), reverse=True)
        authors, following = paged(newest, limit, lambda author: (author.seen_at, author.id))
        return Page(items=[AuthorView.of(author) for author in authors], next=following)

    @router.get(
        "/{author_id}", summary="Show an author", responses={200: with_etag("The author."), **problems(401, 403, 404)}
    )
    async def show_author(author_id: str, caller: Reader, response: Response) -> AuthorView:
        """Return one person; of one who was erased, what is left."""
        author = await own(author_id, caller)
        response.headers["ETag"] = etag(author.version)
        return AuthorView.of(author)

    @router.patch(
        "/{author_id}",
        summary="Tag an author, or fill in their fields",
        responses={200: with_etag("The author as they are now."), **problems(401, 403, 404, 409, 412)},
    )
    async def change_author(
        author_id: str, body: AuthorChange, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> AuthorView:
        """Change what is noted of a person here; what the platform tells of them is the platform's."""
        at, cause = parts.now(), parts.new_id()

        def decide(found: Found) -> Change:
            author = _own(found.get(Author, author_id), caller)
            check_match(if_match, author.version)
            return change(author, body.changes(), found, actor=actor(caller), at=at, cause=cause)

        await parts.actions.act([Key.by_id(Author, author_id), *metadata.keys(caller.tenant)], decide)
        author = await own(author_id, caller)
        response.headers["ETag"] = etag(author.version)
        return AuthorView.of(author)

    @router.post(
        "/{author_id}/erase",
        status_code=202,
        response_model=ErasureView,
        summary="Erase an author",
        responses=problems(401, 403, 404, 409),
    )
    async def erase_author(author_id: str, request: Request, caller: Eraser, key: IdempotencyKey = None) -> Response:
        """Erase a person and everything kept of them: messages, history, raw webhooks, dead letters.

        It is done in the background. What the person writes later is new, and can be erased by asking again.
        """

        async def make(_: str) -> Response:
            at = parts.now()

            def decide(found: Found) -> Change:
                return erase(_own(found.get(Author, author_id), caller), actor=actor(caller), at=at)

            await parts.actions.act([Key.by_id(Author, author_id)], decide)
            job = await documents.get(Erasure, author_id)
            return answer(ErasureView.of(await own(author_id, caller), job), 202)

        return await parts.once(request, caller, key, make)

    @router.get("/{author_id}/erasure", summary="Show an erasure", responses=problems(401, 403, 404))
    async def show_erasure(author_id: str, caller: Eraser) -> ErasureView:
        """Return how far the erasure of a person has come."""
        author = await own(author_id, caller)
        job = await documents.get(Erasure, author_id)
        if job is None:
            raise Problem(404, "the author is not being erased", code="not-erased")
        return ErasureView.of(author, job)

    contact_of_author(router, parts)
    return router


def _own(author: Author | None, caller: Caller) -> Author:
    if author is None or author.tenant != caller.tenant:
        raise Problem(404, "there is no such author", code="unknown-author")
    return author


def _texts(text: str | None) -> list[tuple[Condition, ...]]:
    """The ways in which an author may bear a text: in the name, or in the handle."""
    return [()] if text is None else [(Condition(field, "contains", text),) for field in ("name", "handle")]
