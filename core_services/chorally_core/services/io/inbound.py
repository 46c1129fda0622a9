"""Turns what connectors yield into events, and joins echoes and marks to what we sent.

Who said something gives the ordering key; what was said before and is unchanged gives nothing.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

import chorally_sdk as sdk
from chorally_core.events import (
    AuthorAdd,
    AuthorDelete,
    Event,
    MessageAdd,
    topics,
)
from chorally_core.events.ids import author_id, derived, message_id
from chorally_core.events.records import Attached
from chorally_core.ports.documents import Condition as Where
from chorally_core.ports.documents import Documents, Key, Query
from chorally_core.ports.secrets import Vault
from chorally_core.ports.storable import mistake_in
from chorally_core.services.io import deliver, marking
from chorally_core.services.io.came import Came
from chorally_core.services.io.keeping import due
from chorally_core.services.io.model import OPEN, Account, Delivery, Held, Nudge
from chorally_core.services.io.recent import Recent

SERVICE = "io-service"

_STEP = 1000
_REMEMBERED = 50_000  # messages and authors whose last state is remembered, to publish only what is new


class Inbound:
    """Translates for all accounts."""

    def __init__(
        self,
        documents: Documents,
        vault: Vault,
        *,
        now: Callable[[], datetime],
        fetches: Callable[[str], bool] = lambda platform: False,
    ) -> None:
        """Begin with nothing remembered; ``fetches`` says whether a platform's connector fetches what is named."""
        self._documents = documents
        self._vault = vault
        self._now = now
        self._fetches = fetches
        self._messages = Recent(_REMEMBERED)
        self._authors = Recent(_REMEMBERED)
        self._moved: dict[str, Delivery] = {}

    def afresh(self) -> "Inbound":
        """Return a translation that remembers nothing: everything counts as new."""
        return Inbound(self._documents, self._vault, now=self._now, fetches=self._fetches)

    def beside(self) -> "Inbound":
        """Return a translation for one piece of work, which shares what is published, and is dropped with it."""
        beside = self.afresh()
        beside._messages, beside._authors = self._messages.beside(), self._authors.beside()
        return beside

    def published(self) -> None:
        """Remember what was translated as published."""
        self._messages.keep()
        self._authors.keep()
        self._moved.clear()

    def given_up(self, *, everything: bool = False) -> None:
        """Forget what was translated: it was not published."""
        self._messages.give_up(everything=everything)
        self._authors.give_up(everything=everything)
        self._moved.clear()

    async def translate(
        self,
        account: Account,
        manifest: sdk.Manifest,
        events: Sequence[sdk.Event],
        received_at: datetime,
        *,
        backfilled: bool = False,
    ) -> Came:
        """Return the events and documents that an account's events become."""
        came = Came.nothing()
        messages = 0
        for event in events:
            match event:
                case sdk.Message():
                    messages += 1
                    if event.ours:
                        await self._ours(came, account, manifest, event, received_at, backfilled)
                    else:
                        self._theirs(came, account, manifest, event, received_at, backfilled)
                case sdk.Mark():
                    await self._mark(came, account, manifest, event, received_at)
                case sdk.Ping():
                    is_fetched = event.external_id is not None and self._fetches(account.platform)
                    came.writes.append(Nudge.of(account, event, fetched_at=received_at if is_fetched else None))
                case sdk.Notice(kind="erase", external_id=str(person)):
                    came.events.append(self._erase(account, manifest, person))
        return came._replace(messages=messages)

    def _theirs(
        self,
        came: Came,
        account: Account,
        manifest: sdk.Manifest,
        said: sdk.Message,
        received_at: datetime,
        backfilled: bool,
    ) -> None:
        person = None
        if said.author is not None:
            person = author_id(
                account.tenant, account.platform, _scope(account, manifest, said), said.author.external_id
            )
            self._seen(came, account, said.author, person, received_at)
        name = message_id(account.tenant, account.id, said.channel, said.external_id)
        state = hash((said.body, said.edited_at, said.rating, said.attachments))
        if not self._messages.is_new(name, state):
            return
        event = self._message_event(account, manifest, said, name, person, received_at, backfilled)
        came.events.append(event)
        keep_for = manifest.channel(said.channel).keep_for
        if keep_for is not None:
            came.writes.append(due(event, name, account.id, event.data.attachments, keep_for))

    def _seen(self, came: Came, account: Account, person: sdk.Author, name: str, at: datetime) -> None:
        if not self._authors.is_new(name, hash((account.id, person))):
            return
        data = AuthorAdd(
            id=name,
            platform=account.platform,
            external_id=person.external_id,
            account_id=account.id,
            name=person.name,
            handle=person.handle,
            url=person.url,
            avatar_url=person.avatar_url,
            language=person.language,
            country=person.country,
            followers=person.followers,
            phone=person.phone,
        )
        cause = derived("author", name, account.id, person.model_dump_json())
        came.events.append(_event(account, topics.AUTHORS, "add", data, cause, name, at))

    def _message_event(
        self,
        account: Account,
        manifest: sdk.Manifest,
        said: sdk.Message,
        name: str,
        person: str | None,
        received_at: datetime,
        backfilled: bool,
    ) -> Event[Any]:
        if said.extra and (why := mistake_in(said.extra)):
            raise ValueError(f"extra {why}")
        conversation = conversation_of(account, person, said.conversation_id)
        limits = manifest.channel(said.channel).actions.get("reply")
        window = limits.window if limits else None
        attachments = tuple(
            Attached(
                kind=a.kind, external_id=a.external_id, url=a.url, media_type=a.media_type, name=a.name,
                size_bytes=a.size_bytes,
            )
            for a in said.attachments
        )  # fmt: skip
        parent = said.parent_id
        data = MessageAdd(
            id=name,
            account_id=account.id,
            platform=account.platform,
            channel=said.channel,
            conversation_key=conversation,
            external_id=said.external_id,
            external_conversation_id=said.conversation_id,
            external_created_at=said.sent_at,
            received_at=received_at,
            author_id=person,
            author_name=said.author.name if said.author else "",
            direction="outbound" if said.ours else "inbound",
            origin="external_echo" if said.ours else "platform",
            external_parent_id=parent,
            parent_message_id=message_id(account.tenant, account.id, said.channel, parent) if parent else None,
            external_url=said.url,
            kind=said.kind,
            body=said.body,
            subject=str(said.extra.get("subject", "")) if said.extra else "",
            language=said.author.language if said.author else "",
            rating=said.rating,
            attachments=attachments,
            edited_at=said.edited_at,
            route=self._vault.seal(dict(said.route)) if said.route else "",
            extra=dict(said.extra),
            window_s=int(window.total_seconds()) if window else None,
            automatic=said.automatic,
            backfilled=backfilled,
        )
        edited = said.edited_at.isoformat() if said.edited_at else ""
        files = msgspec.json.encode(attachments).decode() if attachments else ""
        cause = derived("said", name, said.body, edited, str(said.rating), files)
        return _event(account, topics.MESSAGES, "add", data, cause, conversation, received_at)

    async def _ours(
        self,
        came: Came,
        account: Account,
        manifest: sdk.Manifest,
        echo: sdk.Message,
        received_at: datetime,
        backfilled: bool,
    ) -> None:
        """Join an echo to what we sent, hold it while that is not settled, else take it as said elsewhere.

        Open pushes are looked for first: one that settles meanwhile is then found by what it was settled with.
        """
        may_be_ours = await self._may_be_ours(account, echo.conversation_id, echo.channel)
        delivery, shared = await self._sent(account, echo.channel, echo.external_id, echo.client_ref)
        if delivery is not None:
            if delivery.external_id is None or delivery.state in OPEN:
                confirmed = deliver.confirmed(delivery, echo.external_id, self._now(), url=echo.url, shared=shared)
                self._move(came, confirmed, self._now())
            return
        if may_be_ours:
            came.writes.append(self._held(account, echo, received_at))
            return
        name = message_id(account.tenant, account.id, echo.channel, echo.external_id)
        if self._messages.is_new(name, hash((echo.body, echo.edited_at, echo.rating, echo.attachments))):
            came.events.append(self._message_event(account, manifest, echo, name, None, received_at, backfilled))

    async def _mark(
        self, came: Came, account: Account, manifest: sdk.Manifest, mark: sdk.Mark, received_at: datetime
    ) -> None:
        if mark.external_id is None and mark.client_ref is None:
            await self._watermark(came, account, mark)
            return
        channels = [mark.channel] if mark.channel else [channel.name for channel in manifest.channels]
        told = mark.state in ("sent", "delivered", "read", "failed")
        wanted = told or mark.external_id is None
        may_be_ours = wanted and await self._may_be_ours(account, mark.conversation_id, None)
        for channel in channels:
            delivery, shared = await self._sent(account, channel, mark.external_id, mark.client_ref)
            if delivery is not None:
                self._mark_ours(came, delivery, mark, shared=shared)
                return
        if wanted or mark.external_id is None:
            if may_be_ours:
                came.writes.append(self._held(account, mark, received_at))
            return
        for channel in channels:
            name = message_id(account.tenant, account.id, channel, mark.external_id)
            came.events.append(marking.of_message(account, name, mark, f"{account.tenant}/{name}"))

    def _mark_ours(self, came: Came, delivery: Delivery, mark: sdk.Mark, *, shared: bool = False) -> None:
        if mark.state in marking.SHOWN:
            if (told := marking.of_ours(delivery, mark)) is not None:
                came.events.append(told)
            return
        moved = deliver.marked(delivery, mark, self._now(), shared=shared)
        if moved is not None:
            self._move(came, moved, mark.at)

    def _move(self, came: Came, delivery: Delivery, at: datetime) -> None:
        """Take over a delivery's new state, which what comes behind it in the same batch goes on from."""
        came.moves.append((delivery, deliver.reconcile(delivery, at)))
        self._moved[delivery.id] = delivery

    async def _watermark(self, came: Came, account: Account, mark: sdk.Mark) -> None:
        """Apply a mark on all that we sent in a conversation up to its time."""
        if mark.conversation_id is None:
            return
        where = (
            Where("conversation_id", "is", mark.conversation_id),
            Where("account_id", "is", account.id),
            Where("state", "in", ("sent", "delivered")),
        )
        async for stored in self._deliveries(account, where):
            delivery = self._moved.get(stored.id, stored)
            if delivery.settled_at is not None and delivery.settled_at <= mark.at:
                self._mark_ours(came, delivery, mark)

    async def _sent(
        self, account: Account, channel: str, external_id: str | None, client_ref: str | None
    ) -> tuple[Delivery | None, bool]:
        """Return what we sent under that reference or id, and whether the id is another delivery's."""
        keys = []
        if client_ref:
            keys.append(Key(Delivery, "client_ref", client_ref))
        if external_id:
            keys.append(Key(Delivery, "external_key", Delivery.external_key_of(account.id, channel, external_id)))
        found = await self._documents.load(keys) if keys else {}
        ours = [
            self._moved.get(delivery.id, delivery)
            for key in keys
            if isinstance(delivery := found.get(key), Delivery) and delivery.account_id == account.id
        ]
        if not ours:
            return None, False
        return ours[0], ours[-1].id != ours[0].id

    async def _may_be_ours(self, account: Account, conversation_id: str | None, channel: str | None) -> bool:
        """Whether a push is open that this could be the echo of."""
        where = [Where("account_id", "is", account.id), Where("state", "in", sorted(OPEN))]
        async for delivery in self._deliveries(account, tuple(where)):
            same_place = conversation_id is None or delivery.conversation_id in (None, conversation_id)
            if same_place and channel in (None, delivery.channel) and delivery.external_id is None:
                return True
        return False

    async def _deliveries(self, account: Account, where: tuple[Where, ...]) -> AsyncIterator[Delivery]:
        """All deliveries of which something holds, however many there are."""
        after: tuple[None, str] | None = None
        while True:
            found = await self._documents.find(Query(Delivery, account.tenant, where, limit=_STEP, after=after))
            for delivery in found:
                yield delivery
            if len(found) < _STEP:
                return
            after = (None, found[-1].id)

    def _held(self, account: Account, event: sdk.Message | sdk.Mark, received_at: datetime) -> Held:
        text = event.model_dump_json()
        return Held(
            id=derived("held", account.id, text),
            tenant=account.tenant,
            account_id=account.id,
            event_kind="message" if isinstance(event, sdk.Message) else "mark",
            sealed=self._vault.seal(text),
            received_at=received_at,
        )

    def held_event(self, held: Held) -> sdk.Message | sdk.Mark:
        """Return the event that was held."""
        text = self._vault.open(held.sealed)
        model = sdk.Message if held.event_kind == "message" else sdk.Mark
        return model.model_validate_json(text)

    def _erase(self, account: Account, manifest: sdk.Manifest, person: str) -> Event[Any]:
        scope = scope_of(account, manifest.channels[0].id_scope)
        name = author_id(account.tenant, account.platform, scope, person)
        cause = derived("erase", name)
        return _event(account, topics.AUTHORS, "delete", AuthorDelete(id=name), cause, name, self._now())


def conversation_of(account: Account, person: str | None, thread: str) -> str:
    """Return what a ticket is kept for: the author, author and thread, or the thread of one who is not told."""
    if person is None:
        return f"thread:{derived('thread', account.id, thread)}"
    return f"{person}/{derived('thread', thread)}" if account.ticket_per == "thread" else person


def _scope(account: Account, manifest: sdk.Manifest, said: sdk.Message) -> str:
    return scope_of(account, manifest.channel(said.channel).id_scope)


def scope_of(account: Account, scope: str) -> str:
    """Return what a person's id is unique in, for a channel's scope."""
    if scope == "account":
        return account.known_as or account.external_id or account.id
    return account.app_id or "" if scope == "app" else ""


def _event(
    account: Account, topic: str, name: str, data: Any, cause: str, conversation: str, at: datetime
) -> Event[Any]:
    return Event(
        topic=topic,
        issuer=SERVICE,
        name=name,
        data=data,
        id=cause,
        tenant=account.tenant,
        key=f"{account.tenant}/{conversation.partition('/')[0]}",
        occurred_at=at,
    )
