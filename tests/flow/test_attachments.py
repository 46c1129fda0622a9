"""Files that people send are had from the API: from their platform, or from the copy that was kept."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.bootstrap.copies import downloading
from chorally_core.events import Attached
from chorally_core.ports.documents import Query
from chorally_core.ports.files import File
from chorally_core.services.io.downloading import Wanted

import chorally_sdk as sdk
from tests.support.api import Api, a_note, an_api
from tests.support.pictures import PNG_HEAD
from tests.support.wall import Wall, WallPlatform

PHOTO = {"kind": "image", "id": "f1", "media_type": "image/png", "name": "a.png"}


class HungPlatform(WallPlatform):
    """The wall, with pictures on it."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {"f1": b"\x89PNG" + bytes(50_000)}
        self.status = 200
        self.asked: list[tuple[str, str | None]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        if not request.url.path.startswith("/files/"):
            return super().answer(request)
        self.asked.append((str(request.url), request.headers.get("authorization")))
        if request.url.path == "/files/moved":
            return httpx.Response(302, headers={"Location": "https://inner.example/files/f1"})
        content = self.files.get(request.url.path.removeprefix("/files/"))
        if content is None:
            return httpx.Response(404, text="gone")
        return httpx.Response(self.status, content=content)


class Hung(Wall):
    """Notes with pictures, which a plain GET of their link gives."""

    manifest = Wall.manifest.model_copy(update={"hosts": ("wall.example", "cdn.example")})

    def parse(self, hook: sdk.RawHook) -> list[sdk.Event]:
        """Read notes with their pictures."""
        items = json.loads(hook.body)["items"]
        return [
            event.model_copy(update={"attachments": tuple(_attachment(file) for file in item.get("files", ()))})
            for item, event in zip(items, super().parse(hook), strict=True)
        ]


class Shut(Hung, sdk.Downloads):
    """Notes whose pictures the connector itself reads."""

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Ask for the link, then read it."""
        async with self.http.stream("GET", f"/files/{attachment.external_id}") as answer:
            async for piece in answer.aiter_bytes(10_000):
                yield piece


def _attachment(file: dict[str, Any]) -> sdk.Attachment:
    return sdk.Attachment(
        kind=file["kind"], external_id=file.get("id"), url=file.get("url"), media_type=file.get("media_type"),
        name=file.get("name"), size_bytes=file.get("size"),
    )  # fmt: skip


@pytest.fixture
def platform() -> HungPlatform:
    """A wall with one picture."""
    return HungPlatform()


async def with_files(api: Api, *files: dict[str, Any], signer: str = "ada") -> str:
    """Have a note with files come, and return where the first is read."""
    await api.hook(a_note("n1", signer, files=list(files)))
    http = api.agent()
    ticket = (await http.get("/message/v1/tickets")).json()["items"][0]["id"]
    message = (await http.get(f"/message/v1/tickets/{ticket}/messages")).json()["items"][0]
    assert len(message["attachments"]) == len(files)
    return f"/io/v1/messages/{message['id']}/attachments/1"


async def copies_of(api: Api) -> list[File]:
    """Return the records of files."""
    found: list[File] = await api.system.ledger.documents.find(Query(File, None))
    return found


async def test_a_file_is_read_by_its_connector_and_a_copy_is_kept(tmp_path: Path, platform: HungPlatform) -> None:
    """The platform is asked once; a browser saves the file, and never shows it as a page of ours."""
    async with an_api(tmp_path, platform=platform, connector=Shut) as api:
        url = await with_files(api, PHOTO)
        assert platform.asked == []
        for _ in range(2):
            read = await api.agent("agent").get(url)
            assert (read.status_code, read.content) == (200, platform.files["f1"])
            assert read.headers["content-type"] == "image/png"
            assert read.headers["content-disposition"] == "attachment; filename*=UTF-8''a.png"
        assert len(platform.asked) == 1
        (copy,) = await copies_of(api)
        assert (copy.size_bytes, copy.is_ours) == (50_004, False)

        api.clock.forward(days=31)
        await api.system.upkeep.due()
        assert await copies_of(api) == []
        assert (await api.agent().get(url)).content == platform.files["f1"]


async def test_where_no_copies_are_kept_the_platform_is_asked_each_time(tmp_path: Path, platform: HungPlatform) -> None:
    """What it gives passes through."""
    async with an_api(tmp_path, platform=platform, connector=Shut, attachments="pass") as api:
        url = await with_files(api, PHOTO)
        for _ in range(2):
            assert (await api.agent().get(url)).content == platform.files["f1"]
        assert len(platform.asked) == 2
        assert await copies_of(api) == []


async def test_a_link_is_followed_with_the_grant_to_the_platforms_own_place_only(
    tmp_path: Path, platform: HungPlatform
) -> None:
    """Other hosts that the connector declares are asked without it; those that it does not declare never are."""
    async with an_api(tmp_path, platform=platform, connector=Hung, attachments="pass") as api:
        own, other, foreign, moved = [
            {"kind": "image", "url": f"https://{host}/files/{name}"}
            for host, name in (("wall.example", "f1"), ("cdn.example", "f1"), ("inner.example", "f1"),
                               ("cdn.example", "moved"))
        ]  # fmt: skip
        url = (await with_files(api, own, other, foreign, moved)).removesuffix("1")
        http = api.agent()
        assert [(await http.get(f"{url}{number}")).status_code for number in (1, 2)] == [200, 200]
        assert platform.asked == [
            ("https://wall.example/files/f1", "Bearer canary-access-token"), ("https://cdn.example/files/f1", None),
        ]  # fmt: skip
        refused = await http.get(f"{url}3")
        assert refused.status_code == 422
        assert (await http.get(f"{url}4")).status_code == 422
        assert not [asked for asked in platform.asked if "inner.example" in asked[0]]


@pytest.mark.parametrize("attachments", ["pass", "demand"])
async def test_a_file_is_bounded(tmp_path: Path, platform: HungPlatform, attachments: str) -> None:
    """By what the platform says of it, and by what comes."""
    platform.files["f1"] = bytes(1024 * 1024 + 1)
    settings = {"attachments": attachments, "attachment_mib": 1}
    async with an_api(tmp_path, platform=platform, connector=Shut, **settings) as api:
        said, silent = {**PHOTO, "size": 2**21}, {**PHOTO, "id": "f1", "name": "b.png"}
        url = (await with_files(api, said, silent)).removesuffix("1")
        http = api.agent()
        refused = await http.get(f"{url}1")
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (422, "attachment-too-large")
        assert platform.asked == []
        if attachments == "demand":
            assert (await http.get(f"{url}2")).status_code == 422
            assert not [copy for copy in await copies_of(api) if copy.is_whole]


@pytest.mark.parametrize(("status", "answered"), [(503, 503), (429, 503), (404, 404), (403, 422)])
async def test_what_the_platform_does_not_give_is_told(
    tmp_path: Path, platform: HungPlatform, status: int, answered: int
) -> None:
    """As what it is: come again, gone, or refused; the next one who asks may have it."""
    async with an_api(tmp_path, platform=platform, connector=Shut) as api:
        url = await with_files(api, PHOTO)
        platform.status = status
        assert (await api.agent().get(url)).status_code == answered
        platform.status = 200
        api.clock.forward(minutes=5)
        assert (await api.agent().get(url)).status_code == 200


async def test_files_are_their_tenants(tmp_path: Path, platform: HungPlatform) -> None:
    """Another tenant's message is no different from one that is not there, nor is a file that it does not have."""
    async with an_api(tmp_path, platform=platform, connector=Shut) as api:
        url = await with_files(api, PHOTO)
        other = api.agent("admin", "other")
        real = await other.get(url)
        none = await other.get("/io/v1/messages/nobodys/attachments/1")
        beyond = await api.agent().get(url.removesuffix("1") + "2")
        assert (real.status_code, real.text) == (404, none.text)
        assert (beyond.status_code, beyond.text) == (404, none.text)
        assert platform.asked == []


@pytest.mark.parametrize("said", ["image/png\r\nSet-Cookie: a=b", "image/\u540d", "nothing", " "])
@pytest.mark.parametrize("copies", ["pass", "demand"])
async def test_a_media_type_that_is_none_is_not_repeated(
    tmp_path: Path, platform: HungPlatform, said: str, copies: str
) -> None:
    """Whoever sent the file chose it; it can neither keep the file from being read nor say anything else."""
    async with an_api(tmp_path, platform=platform, connector=Shut, attachments=copies) as api:
        read = await api.agent().get(await with_files(api, {**PHOTO, "media_type": said}))
        assert (read.status_code, read.headers["content-type"]) == (200, "application/octet-stream")


async def test_a_text_is_given_as_its_sender_said(tmp_path: Path, platform: HungPlatform) -> None:
    """Nobody here knows its letters better."""
    async with an_api(tmp_path, platform=platform, connector=Shut) as api:
        said = "text/csv; charset=iso-8859-1"
        read = await api.agent().get(await with_files(api, {**PHOTO, "media_type": said}))
        assert read.headers["content-type"] == said
        assert read.headers["x-content-type-options"] == "nosniff"


async def test_a_file_of_ours_is_read_where_it_is_kept(tmp_path: Path, platform: HungPlatform) -> None:
    """What an answer carried is read by the same route, without the platform."""

    class Taking(Hung):
        """A wall that takes pictures."""

        manifest = Hung.manifest.model_copy(
            update={"channels": (
                Hung.manifest.channels[0].model_copy(
                    update={"actions": {"reply": sdk.Limits(media={"image/*": 1000}, max_media=1)}}
                ),
            )}
        )  # fmt: skip

    async with an_api(tmp_path, platform=platform, connector=Taking) as api:
        await with_files(api, PHOTO)
        http = api.agent()
        content = PNG_HEAD + b"ours"
        upload: Any = {"params": {"name": "b.png"}, "content": content, "headers": {"Content-Type": "image/png"}}
        file = (await http.post("/media/v1/files", **upload)).json()["id"]
        ticket = (await http.get("/message/v1/tickets")).json()["items"][0]["id"]
        sent = (await http.post(f"/message/v1/tickets/{ticket}/messages", json={"files": [file]})).json()
        read = await http.get(f"/io/v1/messages/{sent['id']}/attachments/1")
        assert (read.status_code, read.content) == (200, content)
        assert platform.asked == []


async def test_what_a_platform_calls_its_files_says_nothing_about_ours(tmp_path: Path, platform: HungPlatform) -> None:
    """A file that people send is the platform's, although its id looks like one of ours; another tenant's never is."""
    async with an_api(tmp_path, platform=platform, connector=Shut) as api:
        content = PNG_HEAD + b"secret"
        upload: Any = {"params": {"name": "b.png"}, "content": content, "headers": {"Content-Type": "image/png"}}
        file = (await api.agent("admin", "other").post("/media/v1/files", **upload)).json()["id"]
        platform.files[f"files/{file}"] = b"theirs"
        read = await api.agent().get(await with_files(api, {**PHOTO, "id": f"files/{file}"}))
        assert (read.status_code, read.content) == (200, b"theirs")

        reading = downloading(api.system.settings, api.system.ledger, api.system.objects, api.system.io, now=api.clock)
        wanted = Wanted("m", Attached(kind="image", external_id=f"files/{file}"), None, ours=True)
        with pytest.raises(LookupError):
            await reading.open(None, "acme", wanted)
        opened = await reading.open(None, "other", wanted)
        assert b"".join([piece async for piece in opened.pieces]) == content


async def test_of_an_account_that_is_not_connected_only_copies_are_read(tmp_path: Path, platform: HungPlatform) -> None:
    """Nobody is asked in its name any more."""
    async with an_api(tmp_path, platform=platform, connector=Shut) as api:
        url = await with_files(api, PHOTO)
        account = api.system.io.directory.accounts["account-wall"]
        await api.system.io.accounts.disconnect(account)
        assert (await api.agent().get(url)).status_code == 404
        assert platform.asked == []
