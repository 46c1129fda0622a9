"""Copies of files that people send are made as they come or when somebody asks, beside each other, and erased."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from chorally_core.bootstrap.copies import downloading
from chorally_core.events import Attached
from chorally_core.ports.documents import Query
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.author.model import Author
from chorally_core.services.io.arriving import AttachmentDue
from chorally_core.services.io.downloading import Wanted
from chorally_core.services.message.model import Message

import chorally_sdk as sdk
from tests.flow.test_attachments import PHOTO, Hung, HungPlatform, Shut, copies_of, with_files
from tests.support.api import Api, an_api


@pytest.fixture
def platform() -> HungPlatform:
    """A wall with one picture."""
    return HungPlatform()


async def test_files_are_copied_as_they_arrive_where_links_expire(tmp_path: Path, platform: HungPlatform) -> None:
    """A platform that is busy is asked again; then nobody needs it any more."""
    async with an_api(tmp_path, platform=platform, connector=Hung, attachments="arrival") as api:
        platform.status = 503
        url = await with_files(api, {"kind": "image", "url": "https://cdn.example/files/f1", "name": "a.png"})
        await api.system.upkeep.due()
        assert len(await api.system.ledger.documents.find(Query(AttachmentDue, None))) == 1
        platform.status = 200
        api.clock.forward(minutes=1)
        await api.system.upkeep.due()
        assert await api.system.ledger.documents.find(Query(AttachmentDue, None)) == []
        platform.files.clear()
        assert (await api.agent().get(url)).status_code == 200


async def test_a_platform_that_is_slow_with_a_file_holds_up_no_other_account(
    tmp_path: Path, platform: HungPlatform
) -> None:
    """Its own files wait for it, however many they are; those of others are copied meanwhile."""
    goes_on = asyncio.Event()

    class Slow(Shut):
        """Pictures of which one account's take long."""

        async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
            """Wait within the file."""
            yield b"first"
            if self.account.id == "account-wall":
                await goes_on.wait()

    async with an_api(tmp_path, platform=platform, connector=Slow, attachments="arrival") as api:
        [arriving] = (one.once.__self__ for one in api.system.upkeep.declared if one.name == "io/attachments")  # type: ignore[attr-defined]
        arriving._patience_s = 0.2
        await with_files(api, *({**PHOTO, "id": f"f{number}"} for number in range(3)))
        await api.system.upkeep.due()
        at, ledger = api.clock(), api.system.ledger
        first = api.system.io.directory.accounts["account-wall"]
        other = msgspec.structs.replace(first, id="account-other", external_id="wall-2", hook_token="t2", version=0)
        await api.system.io.accounts.store(other, "account_connected", ("service", ""))
        attached = Attached(kind="image", external_id="g1")
        due = AttachmentDue(
            id=Wanted("m2", attached, None).file_id, tenant="acme", account_id="account-other", message_id="m2",
            attached=attached, said_at=at, next_at=at,
        )  # fmt: skip
        await ledger.commit(Work([Step.of([due])]))
        await api.system.upkeep.due()
        assert [file.is_whole for file in await copies_of(api) if file.id == due.id] == [True]
        goes_on.set()
        await api.system.upkeep.due()
        assert await ledger.documents.find(Query(AttachmentDue, None)) == []


async def test_a_file_that_drips_is_given_up(tmp_path: Path, platform: HungPlatform) -> None:
    """Each piece comes in time, and there is no end to them."""

    class Dripping(Shut):
        """Pictures in very small pieces."""

        async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
            """Go on for ever."""
            while True:
                await asyncio.sleep(0.01)
                yield b"."

    async with an_api(tmp_path, platform=platform, connector=Dripping, call_s=0.05) as api:
        read = await api.agent().get(await with_files(api, PHOTO))
        assert (read.status_code, read.json()["detail"]) == (
            503,
            "the platform is too slow with the file; try again later",
        )


async def test_a_file_that_is_gone_is_not_asked_for_for_ever(tmp_path: Path, platform: HungPlatform) -> None:
    """Nor one whose platform never answers."""
    async with an_api(tmp_path, platform=platform, connector=Shut, attachments="arrival") as api:
        platform.files.clear()
        await with_files(api, PHOTO)
        await api.system.upkeep.due()
        assert await api.system.ledger.documents.find(Query(AttachmentDue, None)) == []


async def test_a_copy_is_erased_with_the_person_who_sent_it(tmp_path: Path, platform: HungPlatform) -> None:
    """Its bytes too."""
    async with an_api(tmp_path, platform=platform, connector=Shut) as api:
        await api.agent().get(await with_files(api, PHOTO))
        assert len(await copies_of(api)) == 1
        (ada,) = await api.system.ledger.documents.find(Query(Author, "acme"))
        await api.agent().post(f"/author/v1/authors/{ada.id}/erase")
        await api.settle()
        await api.system.upkeep.due()
        assert await copies_of(api) == []
        assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


async def test_a_file_that_is_erased_while_it_is_read_leaves_nothing(tmp_path: Path, platform: HungPlatform) -> None:
    """The bytes that come after its record is gone go too."""
    begun, goes_on = asyncio.Event(), asyncio.Event()

    class Slow(Shut):
        """Pictures that take a while."""

        async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
            """Wait within the file."""
            yield b"first"
            begun.set()
            await goes_on.wait()
            yield b"last"

    async with an_api(tmp_path, platform=platform, connector=Slow) as api:
        url = await with_files(api, PHOTO)
        reading = asyncio.create_task(api.agent().get(url))
        await begun.wait()
        await _erase_ada(api)
        goes_on.set()
        assert (await reading).status_code == 503
        assert await copies_of(api) == []
        assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


async def test_what_is_still_to_be_copied_is_erased_with_its_person(tmp_path: Path, platform: HungPlatform) -> None:
    """Nobody fetches the file of a person who is gone."""
    async with an_api(tmp_path, platform=platform, connector=Shut, attachments="arrival") as api:
        platform.status = 503
        await with_files(api, PHOTO)
        await api.system.upkeep.due()
        await _erase_ada(api)
        assert await api.system.ledger.documents.find(Query(AttachmentDue, None)) == []
        platform.status = 200
        api.clock.forward(hours=2)
        await api.system.upkeep.due()
        assert await copies_of(api) == []


async def test_a_copy_that_is_begun_after_the_erasure_is_found_by_its_second_round(
    tmp_path: Path, platform: HungPlatform
) -> None:
    """It is as old as what the person said, whenever it was made."""
    async with an_api(tmp_path, platform=platform, connector=Shut) as api:
        url = await with_files(api, PHOTO)
        account = api.system.io.directory.accounts["account-wall"]
        (message,) = await api.system.ledger.documents.find(Query(Message, "acme"))
        (ada,) = await api.system.ledger.documents.find(Query(Author, "acme"))
        await _erase_ada(api)
        reading = downloading(api.system.settings, api.system.ledger, api.system.objects, api.system.io, now=api.clock)
        await reading.keep(account, Wanted(message.id, message.attachments[0], ada.id, said_at=message.received_at))
        api.clock.forward(hours=2)
        await api.system.upkeep.due()
        assert await copies_of(api) == []
        assert (await api.agent().get(url)).status_code == 404


async def test_two_processes_that_begin_a_copy_at_once_both_give_the_file(
    tmp_path: Path, platform: HungPlatform
) -> None:
    """Each has looked before the other wrote; what an earlier try left behind is gone on from."""
    async with an_api(tmp_path, platform=platform, connector=Shut) as api:
        url = await with_files(api, PHOTO)
        platform.status = 503
        assert (await api.agent().get(url)).status_code == 503
        platform.status = 200
        account = api.system.io.directory.accounts["account-wall"]
        (message,) = await api.system.ledger.documents.find(Query(Message, "acme"))
        documents, both = api.system.ledger.documents, asyncio.Barrier(2)
        looked: list[str] = []

        class Beside:
            """Documents that two readers look at before either goes on."""

            def __getattr__(self, name: str) -> Any:
                return getattr(documents, name)

            async def get(self, of: Any, *key: Any) -> Any:
                found = await documents.get(of, *key)
                looked.append(of.kind)
                if len(looked) <= 2:
                    await both.wait()
                return found

        class Ledger:
            """The same ledger."""

            documents = Beside()
            commit = staticmethod(api.system.ledger.commit)

        reading = downloading(
            api.system.settings, cast(Any, Ledger()), api.system.objects, api.system.io, now=api.clock
        )
        wanted = Wanted(message.id, message.attachments[0], message.author_id)
        kept = await asyncio.gather(reading.keep(account, wanted), reading.keep(account, wanted))
        assert [file.size_bytes for file in kept] == [50_004, 50_004]


async def _erase_ada(api: Api) -> None:
    (ada,) = await api.system.ledger.documents.find(Query(Author, "acme"))
    await api.agent().post(f"/author/v1/authors/{ada.id}/erase")
    await api.settle()
    await api.system.upkeep.due()
