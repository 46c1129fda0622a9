"""Uploads over every ledger: whole or not at all, whatever ends them, and told once."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.local import Folder
from chorally_core.events import Event, LogAdd, topics
from chorally_core.ports.documents import Query
from chorally_core.ports.files import File
from chorally_core.ports.jobs import Job
from chorally_core.ports.pictures import Undrawable
from chorally_core.ports.refused import Refused
from chorally_core.services.media.facts import Actor
from chorally_core.services.media.quota import Quota
from chorally_core.services.media.thumbnails import Draw, asked, drawing
from chorally_core.services.media.uploads import Uploads

from tests.contract.conftest import a_ledger
from tests.support.pictures import a_png

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BY = Actor("agent", "ada")


class Killed(BaseException):
    """The process ends here."""


class Drawing:
    """Draws what it is told to."""

    def __init__(self, drawn: bytes | None = b"small") -> None:
        self._drawn = drawn

    async def thumbnail(self, pieces: AsyncIterator[bytes]) -> bytes:
        """Read the picture, and return the small one."""
        assert b"".join([piece async for piece in pieces]) == a_png(900)
        if self._drawn is None:
            raise Undrawable("it is none")
        return self._drawn


class Run:
    """What a job's function is given."""

    tenant = "acme"


@pytest.fixture(params=["sqlite", "in order"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """Every ledger."""
    async with a_ledger(request.param, tmp_path)() as ledger:
        yield ledger


async def _pieces() -> AsyncIterator[bytes]:
    yield a_png(900)


def _uploads(ledger: Any, objects: Any, quota: Quota | None = None) -> Uploads:
    return Uploads(
        ledger, objects, now=lambda: NOW, most_bytes=1000, types=["image/*"], unused=lambda _: timedelta(days=2),
        has_room=lambda: True, quota=quota, beside=lambda file: asked(file, NOW),
    )  # fmt: skip


async def _take(uploads: Uploads, name: str = "f1") -> File:
    return await uploads.take("acme", name, name="a.png", media_type="image/png", pieces=_pieces(), by=BY)


async def _told(ledger: Any) -> list[str]:
    batch = await ledger.bus.consumer("test", [topics.LOGS]).poll(100)
    events = [one.event for one in batch.delivered if isinstance(one.event, Event)]
    return [event.data.kind for event in events if isinstance(event.data, LogAdd)]


def _objects(folder: Path) -> int:
    return len([path for path in (folder / "objects").rglob("*") if path.is_file()])


async def test_a_picture_is_uploaded_drawn_and_removed(ledger: Any, tmp_path: Path) -> None:
    """With one job and one fact for each thing done."""
    objects = Folder(tmp_path / "objects")
    uploads = _uploads(ledger, objects)
    file = await _take(uploads)
    assert (await _take(uploads)).version == file.version  # the same again is the same
    (job,) = await ledger.documents.find(Query(Job, "acme"))
    run = drawing(ledger, objects, Drawing()).run
    for _ in range(2):  # a job may be begun again
        await run(Draw(job.arguments["file_id"]), Run())  # type: ignore[arg-type]
    drawn = await ledger.documents.get(File, "f1")
    assert (drawn.thumbnail, await objects.get("acme", drawn.thumbnail_place)) == ("made", b"small")
    await uploads.remove(drawn, BY)
    assert await ledger.documents.get(File, "f1") is None
    assert _objects(tmp_path) == 0
    assert await _told(ledger) == ["file_uploaded", "file_removed"]


async def test_what_was_removed_while_it_was_drawn_leaves_nothing(ledger: Any, tmp_path: Path) -> None:
    """Nor does what cannot be drawn."""
    objects = Folder(tmp_path / "objects")
    uploads = _uploads(ledger, objects)
    file = await _take(uploads)

    class Removing(Drawing):
        async def thumbnail(self, pieces: AsyncIterator[bytes]) -> bytes:
            small = await super().thumbnail(pieces)
            await uploads.remove(file, BY)
            return small

    await drawing(ledger, objects, Removing()).run(Draw("f1"), Run())  # type: ignore[arg-type]
    assert _objects(tmp_path) == 0
    await _take(uploads, "f2")
    await drawing(ledger, objects, Drawing(None)).run(Draw("f2"), Run())  # type: ignore[arg-type]
    assert (await ledger.documents.get(File, "f2")).thumbnail == "none"
    assert _objects(tmp_path) == 1


@pytest.mark.parametrize("at", range(4))
async def test_an_upload_that_is_killed_anywhere_is_made_by_its_repeat(ledger: Any, tmp_path: Path, at: int) -> None:
    """Under the same id; the record is there before the bytes, so that nothing is left that nobody knows of."""
    steps: list[Callable[..., Any]] = []

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        async def step(*given: Any, **named: Any) -> Any:
            if len(steps) == at:
                raise Killed
            steps.append(call)
            return await call(*given, **named)

        return step

    class Dying:
        """A ledger whose process ends at a commit, before it or behind it."""

        def __init__(self) -> None:
            self.documents, self.bus = ledger.documents, ledger.bus
            self.commit = counted(ledger.commit)

    class DyingFolder(Folder):
        """A store whose process ends while it stores; nothing is tidied up by who is killed."""

        async def keep(self, tenant: str, name: str, pieces: AsyncIterator[bytes]) -> None:
            await counted(super().keep)(tenant, name, pieces)

        async def delete(self, tenant: str, name: str) -> None:
            raise Killed

    if at < 3:
        with pytest.raises(Killed):
            await _take(_uploads(Dying(), DyingFolder(tmp_path / "objects")))
    known = await ledger.documents.get(File, "f1")
    assert known is not None or _objects(tmp_path) == 0
    assert known is None or not known.is_there(NOW)
    objects = Folder(tmp_path / "objects")
    made = await _take(_uploads(ledger, objects))
    assert await objects.get("acme", made.place) == a_png(900)
    assert await _told(ledger) == ["file_uploaded"]
    assert await ledger.documents.count(Query(Job, None)) == 1


async def test_a_file_that_is_used_meanwhile_is_not_removed(ledger: Any, tmp_path: Path) -> None:
    """Whoever removes it had an older record."""
    from chorally_core.ports.ledger import Step, Work

    uploads = _uploads(ledger, Folder(tmp_path / "objects"))
    file = await _take(uploads)
    await ledger.commit(Work([Step.of([file.used(NOW, timedelta(days=9), "ada")])]))
    with pytest.raises(Refused, match="went out"):
        await uploads.remove(file, BY)
    assert _objects(tmp_path) == 1


async def test_the_room_is_counted_anew_now_and_then(ledger: Any) -> None:
    """What came and went beside uploads is in it then; several who change it lose nothing."""
    from chorally_core.ports.ledger import Step, Work

    at = NOW
    quota = Quota(ledger.documents, most_bytes=lambda _: 1000, now=lambda: at)
    assert await quota.left("acme") == 1000
    await quota.changed("acme", 300)
    await Quota(ledger.documents, most_bytes=lambda _: 1000, now=lambda: at).changed("acme", 200)
    assert await quota.left("acme") == 500
    copy = File(
        id="c", tenant="acme", place="received/c", name="a", media_type="a/b", size_bytes=50, created_at=NOW,
        expires_at=NOW, is_ours=False,
    )  # fmt: skip
    await ledger.commit(Work([Step.of([copy])]))
    assert await quota.left("acme") == 500
    at += timedelta(hours=1)
    assert await quota.left("acme") == 950
    assert await Quota(ledger.documents, most_bytes=lambda _: None, now=lambda: at).left("acme") is None
