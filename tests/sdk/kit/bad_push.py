"""Connectors that say things twice, to the wrong people, or not at all; and that speak otherwise than is described."""

import html
import uuid
from typing import Any, ClassVar

import chorally_sdk as sdk
from chorally_sdk.sandbox import Call, answers
from tests.sdk.kit.bad import bad
from tests.sdk.kit.guestbook import Guestbook
from tests.sdk.kit.shapes import Note, Notes
from tests.sdk.kit.twin import GuestbookTwin

Message = sdk.OutboundMessage


def pushing(name: str, *checks: str, is_whole: bool = True, **wrong: Any) -> None:
    """Add a connector that sends something else; a callable is given the connector and the message."""

    class Pushing(Guestbook):
        async def push(self, message: Message) -> sdk.Receipt:
            changes = {key: value(self, message) if callable(value) else value for key, value in wrong.items()}
            return await super().push(message.model_copy(update=changes))

    Pushing.__name__ = name
    bad(*checks, is_whole=is_whole)(Pushing)


class Remembering:
    """What a connector must not be."""

    last: ClassVar[dict[str, str]] = {}


def _first(_: Any, message: Message) -> dict[str, str]:
    return {"note": message.conversation_id or ""}


def _remembered(_: Any, message: Message) -> dict[str, str]:
    Remembering.last.setdefault(message.channel, message.route["note"])
    return {"note": Remembering.last[message.channel]}


pushing("AnswersTheThread", "answers-answers", route=_first)
pushing("Escapes", "text-is-shown", body=lambda it, message: html.escape(message.body))
pushing("RemembersTheRoute", "route-is-enough", is_whole=False, route=_remembered)
pushing("SaysAnother", "seen-once", is_whole=False, body="Thanks for asking")


def keyed(name: str, check: str, key: Any) -> None:
    """Add a connector whose key is another."""

    class Keyed(Guestbook):
        def key_of(self, outgoing: sdk.Outgoing) -> str:
            made: str = key(outgoing)
            return made

    Keyed.__name__ = name
    bad(check)(Keyed)


keyed("ANewKeyEachTime", "native-key", lambda outgoing: uuid.uuid4().hex)
keyed("KeyOfTheText", "equal-texts", lambda outgoing: str(uuid.uuid5(uuid.NAMESPACE_OID, outgoing.body)))


@bad("seen-once", "publishes-once", is_whole=False)
class SaysItTwice(Guestbook):
    """To be sure."""

    async def made(self, path: str, outgoing: sdk.Outgoing, more: dict[str, Any]) -> sdk.Receipt:
        """Say it."""
        again = outgoing.model_copy(update={"client_ref": uuid.uuid4().hex})
        await super().made(path, again, more)
        return await super().made(path, outgoing, more)


@bad("seen-once", is_whole=False)
class AnotherId(Guestbook):
    """The receipt names the draft."""

    async def made(self, path: str, outgoing: sdk.Outgoing, more: dict[str, Any]) -> sdk.Receipt:
        """Say it."""
        await super().made(path, outgoing, more)
        return sdk.Receipt(external_id=outgoing.prepared.get("draft"))


@bad("lost-answers")
class TriesAgain(Guestbook):
    """Repeats what may have been done, under another key."""

    async def made(self, path: str, outgoing: sdk.Outgoing, more: dict[str, Any]) -> sdk.Receipt:
        """Try twice."""
        try:
            return await super().made(path, outgoing, more)
        except sdk.OutcomeUnknown:
            return await super().made(path, outgoing.model_copy(update={"client_ref": uuid.uuid4().hex}), more)


def raising(name: str, *checks: str, kind: type[Exception], other: sdk.ConnectorError) -> None:
    """Add a connector whose visible call raises another error."""

    class Raising(Guestbook):
        async def made(self, path: str, outgoing: sdk.Outgoing, more: dict[str, Any]) -> sdk.Receipt:
            try:
                return await super().made(path, outgoing, more)
            except kind as error:
                raise other from error

    Raising.__name__ = name
    bad(*checks)(Raising)


raising("UnknownIsLater", "lost-answers", "silence", "publish-lost", kind=sdk.OutcomeUnknown, other=sdk.RetryLater())
raising("UnknownIsRefused", "lost-answers", "unreadable-answer", kind=sdk.OutcomeUnknown, other=sdk.Rejected())
raising("LaterIsUnknown", "never-sent", "publish-never-sent", kind=sdk.RetryLater, other=sdk.OutcomeUnknown())
raising("WindowIsInvalid", "after-window", kind=sdk.Rejected, other=sdk.Rejected())
raising("GoneIsLater", "target-gone", kind=sdk.Rejected, other=sdk.RetryLater())


@bad("unreadable-answer")
class NoIdIsSent(Guestbook):
    """Says that it was sent, and not as what."""

    async def made(self, path: str, outgoing: sdk.Outgoing, more: dict[str, Any]) -> sdk.Receipt:
        """Say it."""
        try:
            return await super().made(path, outgoing, more)
        except sdk.OutcomeUnknown:
            return sdk.Receipt(external_id=None)


@bad("unseen", is_whole=False)
class PreparesInPublic(Guestbook):
    """Its draft is a post."""

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Post it."""
        await self.http.post("/posts", json={"text": outgoing.body})
        return await super().prepare(outgoing)


@bad("prepares-again")
class PreparesOnce(Guestbook):
    """A step that was taken cannot be taken again."""

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Take it."""
        if outgoing.prepared.get("is_ready"):
            raise sdk.Rejected("it is prepared already")
        good = await super().prepare(outgoing)
        return good.model_copy(update={"state": {**good.state, "is_ready": good.ready}})


@bad("prepare-is-not-visible")
class PreparesAsIfSeen(Guestbook):
    """A lost answer to a draft needs a person."""

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Prepare."""
        try:
            return await super().prepare(outgoing)
        except sdk.RetryLater as error:
            raise sdk.OutcomeUnknown("is there a draft?") from error


def finding(name: str, *checks: str, found: Any = None, is_it: Any = None, where: Any = None) -> None:
    """Add a connector that looks in another way."""

    class Finding(Guestbook):
        async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
            if found is not None:
                receipt: sdk.Receipt | None = await found(self, outgoing, super().find)
                return receipt
            return await super().find(outgoing)

        def is_it(self, note: Note, outgoing: Message) -> bool:
            return bool(is_it(note, outgoing)) if is_it else super().is_it(note, outgoing)

        def where(self, outgoing: Message) -> str:
            return str(where(outgoing)) if where else super().where(outgoing)

    Finding.__name__ = name
    bad(*checks)(Finding)


async def _nothing(it: Guestbook, outgoing: sdk.Outgoing, good: Any) -> None:
    return None


async def _something(it: Guestbook, outgoing: sdk.Outgoing, good: Any) -> sdk.Receipt:
    return sdk.Receipt(external_id="n1001")


async def _nothing_if_it_fails(it: Guestbook, outgoing: sdk.Outgoing, good: Any) -> Any:
    try:
        return await good(outgoing)
    except sdk.ConnectorError:
        return None


async def _by_sending(it: Guestbook, outgoing: sdk.Outgoing, good: Any) -> Any:
    assert isinstance(outgoing, sdk.OutboundMessage)
    return await it.push(outgoing.model_copy(update={"client_ref": uuid.uuid4().hex}))


async def _first_page(it: Guestbook, outgoing: sdk.Outgoing, good: Any) -> Any:
    assert isinstance(outgoing, sdk.OutboundMessage)
    told: Notes = await it.notes(it.where(outgoing), {"limit": "50"})
    found = [note for note in told.notes if it.is_it(note, outgoing)]
    return sdk.Receipt(external_id=found[0].id) if found else None


finding("FindsNothing", "finds-it", found=_nothing)
finding("FindsAnything", "absent", "finds-it", found=_something)
finding("LooksAtOnePage", "finds-on-later-pages", found=_first_page)
finding("LooksByText", "not-anothers", is_it=lambda note, outgoing: note.text == outgoing.body)
finding(
    "LooksEverywhere", "not-elsewhere", where=lambda outgoing: "/notes", is_it=lambda n, o: n.own and n.text == o.body
)
finding("LooksAtAnyTime", "not-earlier", is_it=lambda note, outgoing: note.own and note.text == outgoing.body)
finding("CannotLookIsAbsent", "cannot-look", found=_nothing_if_it_fails)
finding("LooksBySending", "looking-is-unseen", "absent", found=_by_sending)


def moderating(name: str, *checks: str, moderate: Any) -> None:
    """Add a connector that moderates in another way."""

    class Moderating(Guestbook):
        async def moderate(self, action: sdk.Action) -> None:
            await moderate(self, action, super().moderate)

    Moderating.__name__ = name
    bad(*checks)(Moderating)


async def _strict(it: Guestbook, action: sdk.Action, good: Any) -> None:
    if action.verb == "delete":
        await it.http.delete(f"/notes/{action.external_id}")
    else:
        await good(action)


async def _idle(it: Guestbook, action: sdk.Action, good: Any) -> None:
    """Do nothing."""


async def _hide_for_unhide(it: Guestbook, action: sdk.Action, good: Any) -> None:
    await good(action.model_copy(update={"verb": "hide"}) if action.verb == "unhide" else action)


async def _silent(it: Guestbook, action: sdk.Action, good: Any) -> None:
    try:
        await good(action)
    except sdk.ConnectorError:
        return


moderating("DeletesOnce", "moderates", moderate=_strict)
moderating("PretendsToModerate", "moderation-works", "moderation-fails", moderate=_idle)
moderating("HidesInAnyCase", "moderation-works", moderate=_hide_for_unhide)
moderating("HearsNoRefusal", "moderation-fails", moderate=_silent)


class WithMore(GuestbookTwin):
    """Answers a route that is not documented."""

    @answers("GET", "/v0/notes")
    async def list_old(self, call: Call) -> Any:
        """As the old one."""
        return await self.list_notes(call)


class OtherAnswers(GuestbookTwin):
    """Says `yes` where the description says true."""

    def _shown(self, note: Any) -> dict[str, Any]:
        return {**super()._shown(note), "own": "yes" if note.more.get("own") else "no"}


class OtherHooks(GuestbookTwin):
    """Its hooks have another type."""

    hook_version = "1"


@bad("known-operations", twin=WithMore, is_whole=False)
class OldRoute(Guestbook):
    """Calls what the sandbox has, and the platform has not."""

    path_of_notes = "/v0/notes"


@bad("known-parameters")
class MisspeltParameter(Guestbook):
    """Asks for a limit by a name that the platform passes over."""

    async def notes(self, path: str, params: dict[str, str]) -> Notes:
        """Ask."""
        return await super().notes(path, {**params, "page_size": "50"})


@bad("known-parameters")
class AsksForTooMuch(Guestbook):
    """Asks for more than the platform shows at once."""

    async def notes(self, path: str, params: dict[str, str]) -> Notes:
        """Ask."""
        return await super().notes(path, {**params, "limit": "500"})


@bad("valid-requests")
class WrongType(Guestbook):
    """Sends nothing where a text is described."""

    async def publish(self, publication: sdk.Publication) -> sdk.Receipt:
        """Send it."""
        return await super().publish(publication.model_copy(update={"prepared": {}}))


@bad("valid-answers", twin=OtherAnswers)
class RightAboutAWrongSandbox(Guestbook):
    """Reads what only its sandbox says."""


@bad("valid-hooks", twin=OtherHooks)
class HooksOfTheSandbox(Guestbook):
    """Reads what only its sandbox sends."""
