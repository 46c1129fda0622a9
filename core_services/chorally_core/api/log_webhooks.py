"""The webhook API, at ``/log/v1/webhooks``: a tenant's own programs are told what happens."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request, Response

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, Once, answer
from chorally_core.api.log_webhook_views import (
    Rotation,
    TriedView,
    WebhookAdd,
    WebhookChange,
    WebhookView,
    WebhookWithSecret,
)
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import ARRIVAL, Documents, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.outside import NotAllowed, Outside
from chorally_core.ports.permissions import Permission
from chorally_core.ports.secrets import Vault
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.log.model import LogEntry
from chorally_core.services.log.webhooks import commands, signing
from chorally_core.services.log.webhooks.calling import Calling
from chorally_core.services.log.webhooks.model import WebhookHealth

Reader = Annotated[Caller, allowed(Permission.WEBHOOKS_READ)]
Writer = Annotated[Caller, allowed(Permission.WEBHOOKS_WRITE)]


@dataclass(kw_only=True)
class Webhooks:
    """What the API needs."""

    documents: Documents
    actions: Actions
    vault: Vault
    outside: Outside
    calling: Calling
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    random: Callable[[int], bytes] = field(default=secrets.token_bytes)

    @cached_property
    def once(self) -> Once:
        """Carries out writes under an ``Idempotency-Key``."""
        return Once(self.documents, now=self.now, new_id=self.new_id)

    async def own(self, webhook_id: str, caller: Caller) -> Webhook:
        """Return a webhook of the caller's tenant.

        Raises:
            Problem: 404, there is none.
        """
        found = await self.documents.get(Webhook, webhook_id)
        if found is None or found.tenant != caller.tenant:
            raise Problem(404, "there is no such webhook")
        return found

    async def shown(self, webhook: Webhook) -> WebhookView:
        """Return a webhook as the API shows it."""
        return WebhookView.of(webhook, await self.documents.get(WebhookHealth, webhook.id))


def webhooks_router(parts: Webhooks) -> APIRouter:
    """Return the routes of webhooks."""
    router = APIRouter(prefix="/webhooks", tags=["webhooks"], responses=problems(401, 403, 429))

    @router.get("", summary="List webhooks", responses=problems(400))
    async def list_webhooks(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[WebhookView]:
        """Return the tenant's webhooks, without their secrets."""
        after = (None, decode_cursor(cursor, str)[0]) if cursor else None
        found = await parts.documents.find(Query(Webhook, caller.tenant, limit=limit + 1, after=after))
        webhooks, following = paged(found, limit, lambda webhook: (webhook.id,))
        health = await parts.documents.load([Key.by_id(WebhookHealth, webhook.id) for webhook in webhooks])
        fares = {known.id: known for known in health.values() if isinstance(known, WebhookHealth)}
        items = [WebhookView.of(webhook, fares.get(webhook.id)) for webhook in webhooks]
        return Page[WebhookView](items=items, next=following)

    @router.post(
        "",
        status_code=201,
        summary="Add a webhook",
        response_model=WebhookWithSecret,
        responses={201: with_etag("The webhook, with its secret."), **problems(409)},
    )
    async def add_webhook(body: WebhookAdd, request: Request, caller: Writer, key: IdempotencyKey = None) -> Response:
        """Have a URL told what happens from now on. Its secret is in this answer and nowhere else."""
        checked(parts, body.url)
        secret = signing.new_secret(parts.random)
        made_now = False

        async def make(name: str) -> Response:
            nonlocal made_now
            made_now = await _add(parts, body, caller, name, secret)
            made = await parts.own(name, caller)
            headers = {"ETag": etag(made.version), "Location": f"/log/v1/webhooks/{name}"}
            return answer(await parts.shown(made), 201, headers)

        return _with_secret(await parts.once(request, caller, key, make), secret if made_now else None)

    @router.get("/{webhook_id}", summary="Show a webhook", responses={200: with_etag("The webhook."), **problems(404)})
    async def show_webhook(webhook_id: str, caller: Reader, response: Response) -> WebhookView:
        """Return one webhook, and how it fares."""
        found = await parts.own(webhook_id, caller)
        response.headers["ETag"] = etag(found.version)
        return await parts.shown(found)

    @router.patch(
        "/{webhook_id}",
        summary="Change, enable or disable a webhook",
        responses={200: with_etag("The webhook as it is now."), **problems(404, 409, 412)},
    )
    async def change_webhook(
        webhook_id: str, body: WebhookChange, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> WebhookView:
        """Change what is named."""
        new = {name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None}
        if "url" in new:
            checked(parts, new["url"])
        if "events" in new:
            new["events"] = tuple(dict.fromkeys(new["events"]))
        at, cause = parts.now(), parts.new_id()

        def decide(known: Webhook) -> Change:
            return commands.change(known, new, actor=actor(caller), at=at, cause=cause)

        changed = await _act(parts, webhook_id, caller, if_match, decide)
        response.headers["ETag"] = etag(changed.version)
        return await parts.shown(changed)

    @router.delete("/{webhook_id}", status_code=204, summary="Remove a webhook", responses=problems(404, 409, 412))
    async def remove_webhook(webhook_id: str, caller: Writer, if_match: IfMatch = None) -> None:
        """Tell it nothing any more, also not what still waits."""
        known, at = await parts.own(webhook_id, caller), parts.now()

        def decide(found: Found) -> Change:
            current = found.get(Webhook, known.id)
            if current is None:
                return NOTHING
            check_match(if_match, current.version)
            return commands.remove(current, actor=actor(caller), at=at)

        await parts.actions.act([Key.by_id(Webhook, known.id)], decide)

    @router.post(
        "/{webhook_id}/rotate",
        summary="Give a webhook another secret",
        response_model=WebhookWithSecret,
        responses={200: with_etag("The webhook, with its new secret."), **problems(404, 409, 412)},
    )
    async def rotate_secret(
        webhook_id: str,
        body: Rotation,
        request: Request,
        caller: Writer,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Sign by a new secret, shown this once, and for a while by the one before it too."""
        secret = signing.new_secret(parts.random)
        made_now = False

        async def make(cause: str) -> Response:
            nonlocal made_now
            at = parts.now()

            def decide(known: Webhook) -> Change:
                live = signing.opened(parts.vault, known.sealed, at)
                kept = signing.rotated(live, secret, commands.overlap(body.overlap_hours, at))
                sealed = signing.sealed(parts.vault, kept)
                return commands.rotate(known, sealed, actor=actor(caller), at=at, cause=cause)

            changed = await _act(parts, webhook_id, caller, if_match, decide)
            made_now = True
            return answer(await parts.shown(changed), 200, {"ETag": etag(changed.version)})

        return _with_secret(await parts.once(request, caller, key, make), secret if made_now else None)

    @router.post("/{webhook_id}/ping", summary="Try a webhook", responses=problems(404))
    async def ping_webhook(webhook_id: str, caller: Writer) -> TriedView:
        """Send `webhook_pinged` at once, signed as everything is, and return what came of it."""
        webhook, at = await parts.own(webhook_id, caller), parts.now()
        kind, name = actor(caller)
        entry = LogEntry(
            id=parts.new_id(), tenant=webhook.tenant, what="webhook_pinged", issuer=commands.SERVICE, at=at,
            subject_type="webhook", subject_id=webhook.id, subject_version=webhook.version, actor_kind=kind,
            actor_id=name,
        )  # fmt: skip
        return TriedView.of(await parts.calling.call(webhook, entry, entry.id))

    return router


def checked(parts: Webhooks, url: str) -> None:
    """Refuse a URL that may not be called.

    Raises:
        Problem: 422, it says why.
    """
    try:
        parts.outside.check(url)
    except NotAllowed as error:
        errors = [{"field": "/body/url", "message": str(error)}]
        raise Problem(422, "the URL cannot be called; see errors", code="invalid", errors=errors) from None


async def _add(parts: Webhooks, body: WebhookAdd, caller: Caller, name: str, secret: signing.Secret) -> bool:
    """Add a webhook; return whether it was not there before."""
    at = parts.now()
    if await parts.documents.get(Webhook, name) is None:
        count = await parts.documents.count(Query(Webhook, caller.tenant))
        if count >= commands.MOST:
            why = f"a tenant has at most {commands.MOST} webhooks; remove one, or let one take more events"
            raise Problem(409, why, code="too-many-webhooks")
    newest = await parts.documents.find(Query(LogEntry, caller.tenant, order=ARRIVAL, descending=True, limit=1))
    webhook = Webhook(
        id=name, tenant=caller.tenant, url=body.url, description=body.description,
        events=tuple(dict.fromkeys(body.events)), enabled=body.enabled,
        sealed=signing.sealed(parts.vault, [secret]), since=at, created_at=at, created_by=caller.subject,
        changed_at=at,
    )  # fmt: skip

    def decide(found: Found) -> Change:
        if found.get(Webhook, name) is not None:
            return NOTHING
        return commands.add(webhook, read=newest[0].id if newest else "", actor=actor(caller))

    return bool((await parts.actions.act([Key.by_id(Webhook, name)], decide)).writes)


async def _act(
    parts: Webhooks, webhook_id: str, caller: Caller, if_match: str | None, decide: Callable[[Webhook], Change]
) -> Webhook:
    """Change a webhook and return it as it is then."""
    await parts.own(webhook_id, caller)

    def decided(found: Found) -> Change:
        known = found.get(Webhook, webhook_id)
        if known is None:
            raise Problem(404, "there is no such webhook")
        check_match(if_match, known.version)
        return decide(known)

    await parts.actions.act([Key.by_id(Webhook, webhook_id)], decided)
    return await parts.own(webhook_id, caller)


def _with_secret(given: Response, secret: signing.Secret | None) -> Response:
    """The answer with a secret that was made just now; what is kept for repeats is without."""
    shown = msgspec.json.decode(bytes(given.body))
    body = msgspec.json.encode({**shown, "secret": secret.text if secret else None})
    headers = {name: value for name, value in given.headers.items() if name != "content-length"}
    return Response(body, given.status_code, headers)
