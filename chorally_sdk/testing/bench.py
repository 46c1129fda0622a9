"""Where one check of one connector happens: a fresh stand-in of the platform, and a host in miniature."""

import json
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from chorally_sdk.connector.abilities import Fetches, Prepares, Publishes, Pulls, Receives, Replies
from chorally_sdk.connector.base import Connector
from chorally_sdk.http.client import visible_call
from chorally_sdk.model.accounts import Grant
from chorally_sdk.model.hooks import RawHook
from chorally_sdk.model.inbound import Attachment, Event, Message, Page, Ping
from chorally_sdk.model.outbound import OutboundMessage, Outgoing, Prepared, Publication, Receipt
from chorally_sdk.sandbox.levers import Levers
from chorally_sdk.testing.host import connect
from chorally_sdk.testing.package import Package
from chorally_sdk.testing.recording import Exchange, Recorder
from chorally_sdk.testing.specification import Described, read_all

MOST_PAGES = 200
MOST_STEPS = 30
T = TypeVar("T")


class Stuck(AssertionError):
    """A cursor repeats with events and without done: a host takes it for an error, and loses nothing."""


@dataclass
class Pulled:
    """What a round over the streams brought."""

    pages: list[tuple[str, Page]] = field(default_factory=list)
    cursors: dict[str, Any] = field(default_factory=dict)
    """The last cursor of each stream, as it comes back from the store."""
    pings: list[Event] = field(default_factory=list)

    @property
    def messages(self) -> list[Message]:
        """All messages, in their order."""
        return [event for _, page in self.pages for event in page.events if isinstance(event, Message)]

    @property
    def ids(self) -> list[str]:
        """The ``external_id`` of each."""
        return [message.external_id for message in self.messages]

    def said(self, external_id: str) -> Message:
        """Return the latest state of a message.

        Raises:
            LookupError: It did not come.
        """
        for message in reversed(self.messages):
            if message.external_id == external_id:
                return message
        raise LookupError(f"the message {external_id!r} was not pulled; came: {self.ids}")


class Bench:
    """What checks work with."""

    def __init__(self, connector: type[Connector], levers: Levers | None, package: Package | None) -> None:
        self.connector = connector
        self.package = package
        self._levers = levers
        self.exchanges: list[Exchange] = []
        """Every request that was made, and what came of it."""
        self.logs: list[str] = []
        self.notes: list[str] = []
        """What a check has to say besides that it passed."""
        self.files: dict[str, list[bytes]] = {}
        """Files of ours, in pieces, by the ``external_id`` of the attachment."""
        self.read_before: list[int] = []
        """How many bytes of them were read when each of ``exchanges`` began."""
        self._bytes_read = 0
        self._refs = 0

    @property
    def levers(self) -> Levers:
        """The stand-in; checks that need none of its levers must not ask."""
        if self._levers is None:
            raise LookupError("there is no stand-in of the platform")
        return self._levers

    @property
    def description(self) -> Described:
        """The platform's official description."""
        return read_all(self.levers.description)

    @property
    def channel(self) -> str:
        """The channel that people speak on."""
        return self.levers.channel or self.connector.manifest.channels[0].name

    def connect(
        self,
        *,
        grant: Grant | None = None,
        for_app: bool = False,
        external_id: str | None = None,
        now: Callable[[], datetime] | None = None,
        **given: Any,
    ) -> Any:
        """Return a connector for the account of the stand-in; ``given`` replaces what it is connected by."""
        if self._levers is None:
            named: dict[str, Any] = {} if external_id is None else {"external_id": external_id}
            return connect(self.connector, for_app=for_app, settings=self._drawn_up(), **named, **given)
        known = self._levers.connection()
        options: dict[str, Any] = {
            "settings": known.settings,
            "app_settings": known.app_settings,
            "external_id": known.external_id if external_id is None else external_id,
            "data": known.data,
            "grant": grant or known.grant,
            "now": now or self._levers.clock,
            "for_app": for_app,
            "media": self._pieces,
        }
        if "transport" in self._levers.offered():
            transport = self._levers.transport()
            options["platform"] = Recorder(transport, self.exchanges, begins=self._begun)
        return connect(self.connector, **{**options, **given})

    def _begun(self) -> None:
        del self.read_before[len(self.exchanges) :]
        self.read_before.append(self._bytes_read)

    async def _pieces(self, attachment: Attachment) -> AsyncIterator[bytes]:
        for piece in self.files[attachment.external_id or ""]:
            self._bytes_read += len(piece)
            yield piece

    def _drawn_up(self) -> Any:
        model = self.connector.manifest.account_settings
        return model.model_construct() if model else None

    async def say(self, count: int, *, every_s: float = 60, text: str = "note {}") -> list[str]:
        """Let people say so many things, one after the other, and return their ids."""
        said = []
        for number in range(count):
            self.levers.clock.pass_(seconds=every_s)
            said.append(await self.levers.say(text.format(number), author=("ada", "bob", "cleo")[number % 3]))
        return said

    def under(self, external_id: str) -> str | None:
        """Return what another person's words are put under; None where people cannot answer each other."""
        return external_id if self.levers.people_answer else None

    async def pull(
        self,
        cursors: Mapping[str, Any] | None = None,
        *,
        since: datetime | None = None,
        connector: Pulls | None = None,
        most: int = MOST_PAGES,
        stored: Callable[[str, Page], Awaitable[bool | None]] | None = None,
    ) -> Pulled:
        """Pull every stream of the account to its end, as a host would.

        Args:
            cursors: Where to go on, by stream.
            since: Nothing older is wanted.
            connector: Pulls; a new one where None.
            most: Pages of one stream after which the pull counts as endless.
            stored: Awaited after each page; True ends the stream there, as a kill would.

        Raises:
            AssertionError: A stream does not end, or ends without saying so, or its cursor cannot be stored.
        """
        puller = connector or cast("Pulls", self.connect())
        found = Pulled(cursors=dict(cursors or {}))
        for stream in puller.streams():
            reader = cast("Pulls", self.connect(for_app=True)) if stream.scope == "app" else puller
            pages = reader.pull(stream.name, found.cursors.get(stream.name), since)
            await self._read(stream.name, pages, found, most, stored)
        return found

    async def _read(
        self,
        stream: str,
        pages: AsyncIterator[Page],
        found: Pulled,
        most: int,
        stored: Callable[[str, Page], Awaitable[bool | None]] | None,
    ) -> None:
        count, before = 0, None
        async with aclosing(pages) as opened:  # type: ignore[type-var]
            async for page in opened:
                count += 1
                cursor = json.loads(json.dumps(dict(page.cursor)))
                if count > 1 and page.events and not page.done and cursor == before:
                    raise Stuck(f"the cursor {cursor} of {stream!r} repeats with events and without done")
                before = found.cursors[stream] = cursor
                found.pages.append((stream, page))
                found.pings += [event for event in page.events if isinstance(event, Ping)]
                if stored is not None and await stored(stream, page):
                    return
                if page.done:
                    return
                if count >= most:
                    raise AssertionError(f"{most} pages of {stream!r}, and none is done")
        raise AssertionError(f"the stream {stream!r} ended without a page that is done")

    async def a_message(self, body: str = "Hello", *, author: str | None = "ada", parent: str | None = None) -> Message:
        """Let a person say something and return it as the host knows it: pulled, or told by a hook."""
        if isinstance(connector := self.connect(), Pulls) and "Pulls" not in self.levers.lacks:
            external_id = await self.levers.say(body, author=author, parent=parent)
            return self.stored((await self.pull(connector=connector)).said(external_id))
        external_id = await self.levers.say(body, author=author, parent=parent)
        for event in await self.told():
            if isinstance(event, Message) and event.external_id == external_id:
                return self.stored(event)
        raise LookupError(f"the message {external_id!r} came neither by pull nor by hook")

    @staticmethod
    def stored(message: Message) -> Message:
        """Return a message as it comes back from the store: through JSON."""
        return Message.model_validate_json(message.model_dump_json())

    async def told(self, hooks: Sequence[RawHook] | None = None) -> list[Event]:
        """Parse the hooks that wait, and fetch what they only name."""
        events: list[Event] = []
        receiver = cast("Receives", self.connect(for_app=True))
        for hook in self.levers.hooks() if hooks is None else hooks:
            for event in receiver.parse(hook):
                if isinstance(event, Ping) and event.external_id and issubclass(self.connector, Fetches):
                    events += await cast("Fetches", self.connect()).fetch(event)
                else:
                    events.append(event)
        return events

    def answer(self, message: Message | None, body: str = "Thank you", **changes: Any) -> OutboundMessage:
        """Return an answer that is about to be sent; without a message, one that begins a conversation."""
        given: dict[str, Any] = self._outgoing(message.channel if message else self.channel, body)
        if message is not None:
            given |= {
                "conversation_id": message.conversation_id,
                "in_reply_to": message.external_id,
                "to": message.author.external_id if message.author else None,
                "route": json.loads(json.dumps(dict(message.route))),
            }
        return OutboundMessage(**{**given, **changes})

    def post(self, body: str = "News", **changes: Any) -> Publication:
        """Return a publication that is about to be made, on the first channel that takes some."""
        channels = self.connector.manifest.channels
        channel = next((each.name for each in channels if "publish" in each.actions), channels[0].name)
        given = {**self._outgoing(channel, body), "attachments": self.levers.posted_with}
        return Publication(**{**given, **changes})

    def _outgoing(self, channel: str, body: str) -> dict[str, Any]:
        self._refs += 1
        ref = uuid.uuid5(uuid.NAMESPACE_OID, f"outgoing {self._refs}").hex
        tried = self.levers.clock()
        return {"id": str(self._refs), "client_ref": ref, "channel": channel, "body": body, "tried_at": tried}

    async def prepared(self, outgoing: Outgoing, connector: Any = None) -> Outgoing:
        """Take the unseen steps, and return what is then to be sent."""
        connector = connector or self.connect()
        if not isinstance(connector, Prepares):
            return outgoing
        for _ in range(MOST_STEPS):
            step = await connector.prepare(outgoing)
            state = json.loads(json.dumps(dict(Prepared.model_validate(step).state)))
            outgoing = outgoing.model_copy(update={"prepared": state})
            if step.ready:
                return outgoing
            self.levers.clock.pass_(seconds=step.wait.total_seconds())
        raise AssertionError(f"{MOST_STEPS} steps of prepare, and none is ready")

    async def send(self, outgoing: Outgoing, connector: Any = None) -> Receipt:
        """Make the visible call, after what can be prepared, as the host does it."""
        connector = connector or self.connect()
        ready = await self.prepared(outgoing, connector)
        with visible_call():
            if isinstance(ready, Publication):
                return await cast("Publishes", connector).publish(ready)
            return await cast("Replies", connector).push(cast("OutboundMessage", ready))

    def secrets(self) -> set[str]:
        """Return every secret that the connector is given here."""
        known = self.levers.connection()
        found: set[str] = set()
        for grant in filter(None, (known.grant,)):
            kept = (grant.access, grant.refresh, *grant.keep.values())
            found |= {secret.get_secret_value() for secret in kept if secret}
        for settings in (known.settings, known.app_settings):
            for value in (vars(settings) if settings else {}).values():
                if hasattr(value, "get_secret_value"):
                    found.add(value.get_secret_value())
        return {secret for secret in found if len(secret) >= 8}


class Heard(logging.Handler):
    """Keeps what is logged, as the kit's own client would not: httpx's lines are of the transport."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line, with its error."""
        self._lines.append(logging.Formatter("%(name)s %(message)s").format(record))
