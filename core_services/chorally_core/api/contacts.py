"""Contacts, at ``/author/v1/contacts``: authors who are one person, with evidence; merges can be undone."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.author_parts import Authors
from chorally_core.api.contact_views import ContactView, MergeAdd, Suggestions, SuggestionView, Undone
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.message_views import TicketView
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.services.author.contact_model import Contact
from chorally_core.services.author.contacts import Contacts, Group
from chorally_core.services.message.model import Ticket

Reader = Annotated[Caller, allowed(Permission.AUTHORS_READ)]
TicketReader = Annotated[Caller, allowed(Permission.TICKETS_READ)]
Writer = Annotated[Caller, allowed(Permission.AUTHORS_WRITE)]


def contacts_router(parts: Authors) -> APIRouter:
    """Return the routes of contacts."""
    router = APIRouter(prefix="/contacts", tags=["contacts"], responses=problems(401, 403, 429))
    contacts = Contacts(parts.documents, parts.actions)

    async def own(contact_id: str, caller: Caller) -> Group:
        group = await contacts.get(caller.tenant, contact_id)
        if group is None or not await contacts.authors(group):
            raise Problem(404, "there is no such contact", code="unknown-contact")
        return group

    async def view(group: Group) -> ContactView:
        return ContactView.of(group, await contacts.authors(group))

    @router.get("", summary="List contacts of several authors", responses=problems(400))
    async def list_contacts(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[ContactView]:
        """Return the contacts that have more than one author, those merged last first; a page may be short."""
        after = decode_cursor(cursor, datetime, str) if cursor else None
        where = (Condition("gathered_at", "present"), Condition("part_of", "absent"))
        place = (after[0], after[1]) if after else None
        found: list[Contact] = await parts.documents.find(
            Query(Contact, caller.tenant, where, "gathered_at", True, limit + 1, place)
        )
        heads, following = paged(found, limit, lambda head: (head.gathered_at, head.id))
        views = [await view(group) for head in heads if (group := await contacts.get(caller.tenant, head.id))]
        return Page(items=[each for each in views if len(each.authors) > 1], next=following)

    @router.get("/{contact_id}", summary="Show a contact", responses={200: with_etag("The contact."), **problems(404)})
    async def show_contact(contact_id: str, caller: Reader, response: Response) -> ContactView:
        """Return a person: the authors, and why they are taken for one."""
        group = await own(contact_id, caller)
        response.headers["ETag"] = etag(group.head.number)
        return await view(group)

    @router.get("/{contact_id}/suggestions", summary="Suggest who is the same person", responses=problems(404))
    async def suggest(contact_id: str, caller: Reader) -> Suggestions:
        """Return contacts that have a mail address, a telephone number or a link in common with this one."""
        found = await contacts.suggested(await own(contact_id, caller))
        return Suggestions(items=[SuggestionView.of(each, await contacts.authors(each.group)) for each in found])

    @router.get("/{contact_id}/tickets", summary="List a contact's tickets", responses=problems(400, 404))
    async def list_tickets(
        contact_id: str, caller: TicketReader, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[TicketView]:
        """Return the tickets of a person over all platforms, the last changed first."""
        group = await own(contact_id, caller)
        after = decode_cursor(cursor, datetime, str) if cursor else None
        where = (Condition("author_id", "in", list(group.author_ids)),)
        place = (after[0], after[1]) if after else None
        found: list[Ticket] = await parts.documents.find(
            Query(Ticket, caller.tenant, where, "updated_at", True, limit + 1, place)
        )
        items, following = paged(found, limit, lambda ticket: (ticket.updated_at, ticket.id))
        return Page(items=[TicketView.of(ticket) for ticket in items], next=following)

    @router.post(
        "/{contact_id}/merges",
        status_code=201,
        summary="Merge a contact into this one",
        response_model=ContactView,
        responses={201: with_etag("The contact as it is now."), **problems(404, 409, 412)},
    )
    async def merge(
        contact_id: str,
        body: MergeAdd,
        request: Request,
        caller: Writer,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Say that the authors of two contacts are one person; the authors themselves stay as they are."""

        async def make(name: str) -> Response:
            group = await own(contact_id, caller)
            merged = await contacts.merge(
                caller.tenant, group.author_ids[0], body.author_id, merge_id=name, actor=actor(caller), at=parts.now(),
                check=lambda now: check_match(if_match, now.head.number),
            )  # fmt: skip
            return answer(await view(merged), 201, {"ETag": etag(merged.head.number)})

        return await parts.once(request, caller, key, make)

    @router.post(
        "/{contact_id}/merges/{merge_id}/undo",
        summary="Undo a merge",
        response_model=Undone,
        responses=problems(404, 409, 412),
    )
    async def undo(
        contact_id: str,
        merge_id: str,
        request: Request,
        caller: Writer,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Take apart what one merge had joined; what was merged before or since stays merged."""

        async def make(_: str) -> Response:
            group = await own(contact_id, caller)
            left, apart = await contacts.undo(
                caller.tenant, group, merge_id, actor=actor(caller), at=parts.now(),
                check=lambda now: check_match(if_match, now.head.number),
            )  # fmt: skip
            return answer(Undone(contact=await view(left), apart=await view(apart)))

        return await parts.once(request, caller, key, make)

    return router


def contact_of_author(router: APIRouter, parts: Authors) -> None:
    """Add the route that leads from an author to their contact."""
    contacts = Contacts(parts.documents, parts.actions)

    @router.get(
        "/{author_id}/contact",
        tags=["contacts"],
        summary="Show an author's contact",
        responses={200: with_etag("The contact."), **problems(401, 403, 404)},
    )
    async def show_contact_of_author(author_id: str, caller: Reader, response: Response) -> ContactView:
        """Return the person that an author is; of one that was merged with nobody, themselves alone."""
        group = await contacts.of_author(caller.tenant, author_id)
        if group is None:
            raise Problem(404, "there is no such author", code="unknown-author")
        response.headers["ETag"] = etag(group.head.number)
        return ContactView.of(group, await contacts.authors(group))
