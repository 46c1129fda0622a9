"""Connectors that lose, double or change what they read."""

import html
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ConfigDict

import chorally_sdk as sdk
from tests.sdk.kit.bad import bad
from tests.sdk.kit.guestbook import Guestbook
from tests.sdk.kit.shapes import Note, Notes

NOTHING = Notes(notes=[], last=None, more=False)


@bad("complete", "same-second", "incremental")
class MisspeltNext(Guestbook):
    """Reads `hasMore` where the platform says `more`: three pages of nine records, and no error."""

    async def page(self, after: str | None, since: datetime | None) -> Notes:
        """Never see that there is more."""
        told = await super().page(after, since)
        return told.model_copy(update={"more": False, "last": "0.LTE=" if told.more else told.last})


@bad("no-doubles")
class TwoIds(Guestbook):
    """The same record under two ids."""

    def as_page(self, told: Notes, after: str | None, since: datetime | None) -> sdk.Page:
        """Double each."""
        good = super().as_page(told, after, since)
        copies = [event.model_copy(update={"external_id": f"{event.external_id}-0"}) for event in good.events]
        return good.model_copy(update={"events": (*good.events, *copies)})


def paged(name: str, *checks: str, is_whole: bool = True, **wrong: Any) -> None:
    """Add a connector whose pages say something else; a callable is given the page."""

    class Paged(Guestbook):
        def as_page(self, told: Notes, after: str | None, since: datetime | None) -> sdk.Page:
            good = super().as_page(told, after, since)
            changes = {key: value(good) if callable(value) else value for key, value in wrong.items()}
            return good.model_copy(update=changes)

    Paged.__name__ = name
    bad(*checks, is_whole=is_whole)(Paged)


paged("NeverDone", "ends", is_whole=False, done=False)
paged("AlwaysDone", "ends", done=True)
paged("AlwaysDone", "complete", done=True)
paged("DateInCursor", "cursor-is-json", is_whole=False, cursor=lambda page: {**page.cursor, "at": datetime.now(UTC)})
paged("TupleInCursor", "cursor-is-json", cursor=lambda page: {**page.cursor, "at": (1, 2)})
paged("EmptyIsAnError", "empty", is_whole=False, cursor=lambda page: {"after": page.events[-1].external_id})
paged("StandsStill", "complete", cursor={"after": None})


@bad("resumes-anywhere")
class CursorAhead(Guestbook):
    """The first half of a page carries the cursor of the whole."""

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Halve the pages."""
        async for page in super().pull(stream, cursor, since):
            half = len(page.events) // 2
            if half:
                yield sdk.Page(events=page.events[:half], cursor={**page.cursor, "half": True})
            yield page.model_copy(update={"events": page.events[half:]})


@bad("reads-no-page-ahead")
class ReadsAhead(Guestbook):
    """Reads all, then tells."""

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Read all."""
        for page in [page async for page in super().pull(stream, cursor, since)]:
            yield page


@bad("nothing-new", is_whole=False)
class NewIdsInOverlaps(Guestbook):
    """Reads all again each time, and numbers it by the time of reading."""

    def place_of(self, cursor: sdk.Cursor | None) -> str | None:
        """Start over."""
        return None

    def to_message(self, note: Note, wall: str | None = None) -> sdk.Message:
        """Number it."""
        number = f"{note.id}@{self.now().isoformat()}"
        return super().to_message(note, wall).model_copy(update={"external_id": number})


@bad("incremental", is_whole=False)
class EndsForEver(Guestbook):
    """Once at the end, it never looks again."""

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Stay there."""
        if cursor and cursor.get("done"):
            yield sdk.Page(events=(), cursor=cursor, done=True)
            return
        async for page in super().pull(stream, cursor, since):
            yield page.model_copy(update={"cursor": {**page.cursor, "done": page.done}})


@bad("news-during-walk")
class OnlyUntilItBegan(Guestbook):
    """Passes over what was said since the walk began, and over it goes the cursor."""

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Leave out what is new."""
        began = self.now()
        async for page in super().pull(stream, cursor, since):
            old = tuple(event for event in page.events if isinstance(event, sdk.Message) and event.sent_at <= began)
            yield page.model_copy(update={"events": old})


@bad("removal-during-walk")
class CountsItsWay(Guestbook):
    """Resumes by how many it has read, as listings by offset do."""

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Count."""
        passed = int((cursor or {}).get("passed", 0))
        while True:
            everything = [page async for page in super().pull(stream, None, since)]
            events = [event for page in everything for event in page.events]
            shown = events[passed : passed + 2]
            passed += len(shown)
            done = passed >= len(events)
            yield sdk.Page(events=tuple(shown), cursor={"passed": passed}, done=done)
            if done:
                return


@bad("same-second")
class ResumesByTime(Guestbook):
    """Its cursor is a time, and what else was said at that time is passed over."""

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Pass over."""
        at = datetime.fromisoformat(cursor["at"]) if cursor and cursor.get("at") else None
        async for page in super().pull(stream, None, since):
            events = [e for e in page.events if isinstance(e, sdk.Message) and (at is None or e.sent_at > at)]
            at = max((event.sent_at for event in events), default=at)
            cursor = {"at": at.isoformat() if at else None, "after": page.cursor["after"]}
            yield page.model_copy(update={"events": tuple(events), "cursor": cursor})


@bad("since")
class ImportsEverything(Guestbook):
    """Does not care how old it is."""

    def as_page(self, told: Notes, after: str | None, since: datetime | None) -> sdk.Page:
        """Take all."""
        return super().as_page(told, after, None)


@bad("since")
class AfterInPlaceOfSince(Guestbook):
    """Leaves out what was said at that very time."""

    def as_page(self, told: Notes, after: str | None, since: datetime | None) -> sdk.Page:
        """Leave it out."""
        fresh = [note for note in told.notes if since is None or note.signed_at > since]
        return super().as_page(told.model_copy(update={"notes": fresh}), after, since)


def translating(name: str, *checks: str, is_whole: bool = True, **wrong: Any) -> None:
    """Add a connector that translates in another way; a callable is given the connector, the note and the message."""

    class Translating(Guestbook):
        def to_message(self, note: Note, wall: str | None = None) -> sdk.Message:
            good = super().to_message(note, wall)
            changes = {key: value(self, note, good) if callable(value) else value for key, value in wrong.items()}
            return good.model_copy(update=changes)

    Translating.__name__ = name
    bad(*checks, is_whole=is_whole)(Translating)


def _by(author: Any) -> Any:
    return lambda it, note, good: sdk.Author(external_id=author(note)) if note.signer else None


translating("TimeOfReading", "stable", "exact-times", sent_at=lambda it, note, good: it.now())
translating(
    "IdsAtRandom",
    "stable",
    is_whole=False,
    external_id=lambda it, note, good: f"{note.id}-{uuid.uuid4()}",
)
translating("AuthorsAtRandom", "stable", "authors", author=_by(lambda note: uuid.uuid4().hex))
translating("WrongZone", "exact-times", sent_at=lambda it, note, good: note.signed_at.replace(tzinfo=UTC))
translating("OneAuthorForAll", "authors", author=_by(lambda note: "someone"))
translating("NeedsAnAuthor", "anonymous", author=lambda it, note, good: sdk.Author(external_id=note.signer.id))
translating("Escapes", "exact-text", body=lambda it, note, good: html.escape(note.text))
translating("Unescapes", "exact-text", body=lambda it, note, good: html.unescape(note.text))
translating("Cuts", "exact-text", body=lambda it, note, good: note.text.split("\n")[0])
translating("EachItsOwnThread", "threads", conversation_id=lambda it, note, good: note.id)
translating("NoParents", "parents", parent_id=None)
translating("UndeclaredChannel", "declared-channels", channel="guestbook_private")
translating("OursAreTheirs", "own-words", "echoes", ours=False)
translating("TheirsAreOurs", "own-words", ours=True)
translating("NoFiles", "downloads", attachments=())
translating("NoEditTime", "hears-edits", edited_at=None)


@bad("edits")
class KnownIsKnown(Guestbook):
    """Passes over what was changed since."""

    def as_page(self, told: Notes, after: str | None, since: datetime | None) -> sdk.Page:
        """Pass over."""
        fresh = [note for note in told.notes if note.changed_at == note.signed_at]
        return super().as_page(told.model_copy(update={"notes": fresh}), after, since)


@bad("repeated-cursor")
class RepeatedIsTheEnd(Guestbook):
    """Ends where the platform leads back."""

    async def page(self, after: str | None, since: datetime | None) -> Notes:
        """End."""
        told = await super().page(after, since)
        return told.model_copy(update={"more": False}) if told.last == after or told.last == "0.LTE=" else told


@bad("repeated-cursor")
class ReadsForEver(Guestbook):
    """Never notices that it has been here."""

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Read on."""
        after, turn = self.place_of(cursor), 0
        while True:
            told, turn = await self.page(after, since), turn + 1
            after = told.last or after
            page = self.as_page(told, after, since)
            yield page.model_copy(update={"cursor": {"after": after, "turn": turn}})
            if not told.more:
                return


def ending(name: str, check: str, *kinds: type[sdk.ConnectorError]) -> None:
    """Add a connector that takes an error for the end."""

    class Ending(Guestbook):
        async def page(self, after: str | None, since: datetime | None) -> Notes:
            try:
                return await super().page(after, since)
            except kinds:
                return NOTHING

    Ending.__name__ = name
    bad(check)(Ending)


ending("HalfIsTheEnd", "truncated-page", sdk.Malformed)
ending("HtmlIsTheEnd", "not-json", sdk.Malformed)
ending("DownIsTheEnd", "outage-between-pages", sdk.RetryLater)
ending("LostIsTheEnd", "lost-grant-between-pages", sdk.Reauthorize)
ending("ThrottledIsTheEnd", "throttled-pull", sdk.RateLimited)
ending("ForgottenIsTheEnd", "forgotten-cursor", sdk.Rejected)


@bad("forgotten-cursor")
class GivesUp(Guestbook):
    """A cursor that the platform forgot is an error for ever."""

    async def page(self, after: str | None, since: datetime | None) -> Notes:
        """Give up."""
        try:
            return await super().page(after, since)
        except sdk.Rejected as error:
            raise sdk.Rejected("the cursor is not valid") from error


class Strict(Notes):
    """Knows all fields, for ever."""

    model_config = ConfigDict(extra="forbid")


@bad("new-fields")
class KnowsAllFields(Guestbook):
    """A field that it does not know is an error."""

    async def notes(self, path: str, params: dict[str, str]) -> Notes:
        """Refuse."""
        told: Notes = self.read(Strict, (await self.http.get(path, params=params)).content)
        return told


@bad("older-cursors")
class ForgetsOldCursors(Guestbook):
    """Starts over after an upgrade."""

    def upgrade(self, cursor: sdk.Cursor, version: int) -> sdk.Cursor:
        """Forget."""
        return {}


@bad("fetches")
class FetchesAnother(Guestbook):
    """What is fetched is in another thread than what is pulled."""

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Fetch."""
        return [e.model_copy(update={"conversation_id": "wall"}) for e in await super().fetch(ping)]


@bad("fetches")
class FetchesNothing(Guestbook):
    """Takes the ping for the message."""

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Fetch nothing."""
        return []


@bad("fetch-gone")
class GoneIsNothing(Guestbook):
    """What was deleted is just not there."""

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Fetch."""
        try:
            return await super().fetch(ping)
        except sdk.Rejected:
            return []


@bad("downloads")
class FirstPieceOnly(Guestbook):
    """Reads the beginning."""

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Read it."""
        async for piece in super().download(attachment):
            yield piece[:1000]


@bad("download-gone")
class ErrorIsAFile(Guestbook):
    """Whatever the platform says is the file."""

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Read it."""
        try:
            async for piece in super().download(attachment):
                yield piece
        except sdk.Rejected as error:
            yield str(error).encode()
