"""What people said goes when the platform's time for it is over; files are copied as the platform allows."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from chorally_core.ports.documents import Query
from chorally_core.ports.files import File
from chorally_core.services.author.model import Author
from chorally_core.services.io.arriving import AttachmentDue
from chorally_core.services.io.keeping import ContentDue
from chorally_core.services.io.model import Hook
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message.model import Message

import chorally_sdk as sdk
from tests.flow.test_attachments import PHOTO, HungPlatform, Shut, with_files
from tests.support.api import Api, a_note, an_api

WORDS = "canary-of-words"


def keeping(keep_for: Any = None, copies: Literal["allowed", "on_arrival", "never"] = "allowed") -> type[sdk.Connector]:
    """A connector whose channel says how long and whether."""
    (channel, *others) = Shut.manifest.channels
    changed = channel.model_copy(update={"keep_for": keep_for, "copies": copies})

    class Kept(Shut):
        manifest = Shut.manifest.model_copy(update={"channels": (changed, *others)})

    return Kept


@pytest.fixture
def platform() -> HungPlatform:
    """A wall with a photo."""
    platform = HungPlatform()
    platform.files["f1"] = b"a photo"
    return platform


@pytest.fixture
async def api(tmp_path: Path, platform: HungPlatform) -> AsyncIterator[Api]:
    """A system whose platform lets words be kept for two days."""
    async with an_api(tmp_path, platform=platform, connector=keeping(timedelta(hours=48))) as api:
        yield api


async def _all(api: Api, of: Any) -> list[Any]:
    return list(await api.system.ledger.documents.find(Query(of, None, limit=1000)))


async def _rounds(api: Api, **passes: float) -> None:
    for wait in (passes, {"minutes": 3}, {"minutes": 3}):
        api.clock.forward(**wait)
        await api.system.upkeep.due()
        await api.settle()


async def test_words_go_when_their_time_is_over_and_everything_else_stays(api: Api) -> None:
    """From the message, the history, the search and the copies; ticket, count and that something was said stay."""
    first = await with_files(api, PHOTO)
    assert (await api.agent().get(first)).content == b"a photo"
    await api.hook(a_note("n2", text=WORDS))
    assert (await api.agent().get("/message/v1/tickets", params={"text": WORDS})).json()["items"]
    await _rounds(api, hours=47)
    assert WORDS in repr(await _all(api, Message)) + repr(await _all(api, LogEntry))
    assert len(await _all(api, File)) == 1
    tickets, entries = (await api.agent().get("/message/v1/tickets")).json()["items"], len(await _all(api, LogEntry))

    await _rounds(api, hours=1)
    for of in (Message, LogEntry, Hook, ContentDue, AttachmentDue, File):
        assert WORDS not in repr(await _all(api, of)), of
    assert await _all(api, File) == []
    assert await _all(api, ContentDue) == []
    assert (await api.agent().get(first)).status_code == 404
    assert (await api.agent().get("/message/v1/tickets", params={"text": WORDS})).json()["items"] == []
    after = (await api.agent().get("/message/v1/tickets")).json()["items"]
    assert [one["message_count"] for one in after] == [one["message_count"] for one in tickets]
    assert len(await _all(api, LogEntry)) >= entries


async def test_what_comes_again_after_its_time_is_dropped(api: Api) -> None:
    """A pull that reads it once more brings nothing back."""
    await api.hook(a_note("n1", text=WORDS))
    await _rounds(api, hours=48)
    api.system.io.inbound.given_up(everything=True)
    await api.hook(a_note("n1", text=WORDS))
    await _rounds(api, hours=48)
    assert WORDS not in repr(await _all(api, Message)) + repr(await _all(api, LogEntry))


async def test_the_note_goes_with_its_person(api: Api) -> None:
    """Others' stay."""
    await api.hook(a_note("n1", text=WORDS), a_note("n2", "bob"))
    authors: list[Author] = await _all(api, Author)
    ada = next(author for author in authors if author.name == "Ada")
    assert (await api.agent().post(f"/author/v1/authors/{ada.id}/erase")).status_code < 300
    await _rounds(api, minutes=1)
    (left,) = await _all(api, ContentDue)
    assert not left.key.startswith(f"acme/{ada.id}")
    await _rounds(api, hours=48)
    assert await _all(api, ContentDue) == []


async def test_where_the_platform_wants_nothing_nothing_is_noted(tmp_path: Path, platform: HungPlatform) -> None:
    """And nothing goes."""
    async with an_api(tmp_path, platform=platform, connector=Shut) as api:
        await api.hook(a_note("n1", text=WORDS))
        assert await _all(api, ContentDue) == []
        await _rounds(api, hours=49)
        assert WORDS in repr(await _all(api, Message))


@pytest.mark.parametrize("setting", ["pass", "demand", "arrival"])
async def test_what_may_not_be_copied_is_read_each_time(tmp_path: Path, platform: HungPlatform, setting: str) -> None:
    """Whatever the setting: the platform forbids it."""
    async with an_api(tmp_path, platform=platform, connector=keeping(copies="never"), attachments=setting) as api:
        url = await with_files(api, PHOTO)
        for _ in range(2):
            assert (await api.agent().get(url)).content == b"a photo"
        assert await _all(api, File) == []
        assert await _all(api, AttachmentDue) == []


@pytest.mark.parametrize(("setting", "copied"), [("pass", 0), ("demand", 1), ("arrival", 1)])
async def test_what_ends_soon_is_copied_as_it_comes(
    tmp_path: Path, platform: HungPlatform, setting: str, copied: int
) -> None:
    """Unless the installation keeps nothing at all."""
    async with an_api(tmp_path, platform=platform, connector=keeping(copies="on_arrival"), attachments=setting) as api:
        await with_files(api, PHOTO)
        await api.system.upkeep.due()
        assert len(await _all(api, File)) == copied
