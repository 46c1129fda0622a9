"""Files are got by links and in parts, uploads are repeated and bounded, pictures are drawn in small."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.adapters.local import Folder
from chorally_core.ports.documents import Query
from chorally_core.ports.files import File
from chorally_core.ports.jobs import Job
from chorally_core.ports.objects import Unavailable
from chorally_core.services.log.model import LogEntry
from PIL import Image
from structlog.testing import capture_logs

import chorally_sdk as sdk
from tests.support.api import Api, a_note, an_api
from tests.support.pictures import a_png

PNG = a_png(604)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system."""
    async with an_api(tmp_path) as api:
        yield api


def _real_picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (900, 600), "red").save(drawn, "PNG")
    return drawn.getvalue()


async def _upload(http: httpx.AsyncClient, body: Any = PNG, **headers: str) -> httpx.Response:
    given = {"Content-Type": "image/png", **{key.replace("_", "-"): value for key, value in headers.items()}}
    return await http.post("/media/v1/files", params={"name": "a lämp.png"}, content=body, headers=given)


async def _link(api: Api, file: str, **body: Any) -> str:
    made = await api.agent().post(f"/media/v1/files/{file}/link", json=body)
    assert made.status_code == 200, made.text
    return str(made.json()["url"])


async def _facts(api: Api) -> list[str]:
    await api.settle()
    entries: list[LogEntry] = await api.system.ledger.documents.find(Query(LogEntry, "acme"))
    return [entry.what for entry in entries if entry.subject_type == "file"]


async def test_whoever_has_a_link_gets_the_file_until_it_ends(api: Api) -> None:
    """Without a token; as a download, never shown in a page; the history tells who made it, and not the link."""
    file = (await _upload(api.agent())).json()["id"]
    url = await _link(api, file, minutes=5)
    assert url.startswith("http://chorally.test/media/v1/links/")
    assert file not in url
    for client, method in ((api.client(), "GET"), (api.agent("admin", "other"), "GET"), (api.client(), "HEAD")):
        got = await client.request(method, url)
        assert (got.status_code, got.headers["content-type"]) == (200, "image/png")
        assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20l%C3%A4mp.png"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-security-policy"].startswith("sandbox")
        assert (got.headers["content-length"], got.content) == (str(len(PNG)), PNG if method == "GET" else b"")
    assert await _facts(api) == ["file_uploaded", "file_link_made"]
    api.clock.forward(seconds=300)
    assert (await api.client().get(url)).status_code == 404


async def test_a_link_ends_with_its_file(api: Api) -> None:
    """And tells no more than one that never was."""
    file = (await _upload(api.agent())).json()["id"]
    url = await _link(api, file)
    assert (await api.agent().delete(f"/media/v1/files/{file}")).status_code == 204
    gone = await api.client().get(url)
    never = await api.client().get("/media/v1/links/gAAAAABl")
    assert (gone.status_code, gone.text) == (404, never.text)
    assert await _facts(api) == ["file_uploaded", "file_link_made", "file_removed"]


async def test_no_link_is_logged_where_something_breaks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the log gets no file by it."""
    file = (await _upload(api.agent())).json()["id"]
    url = await _link(api, file)

    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("something else")

    with monkeypatch.context() as patched, capture_logs() as logged:
        patched.setattr(Folder, "pieces", breaks)
        assert (await api.client().get(url)).status_code == 500
    assert [entry["path"] for entry in logged if entry["event"] == "request failed"] == ["/media/v1/links/…"]
    assert url.rpartition("/")[2] not in repr(logged)


async def test_nobody_makes_links_to_anothers_files(api: Api) -> None:
    """Nor without the permission to answer, nor for longer than a week (G7, G8)."""
    theirs = (await _upload(api.agent("admin", "other"))).json()["id"]
    assert (await api.agent().post(f"/media/v1/files/{theirs}/link", json={})).status_code == 404
    ours = (await _upload(api.agent())).json()["id"]
    assert (await api.agent("viewer").post(f"/media/v1/files/{ours}/link", json={})).status_code == 403
    for minutes in (0, 10_081):
        assert (await api.agent().post(f"/media/v1/files/{ours}/link", json={"minutes": minutes})).status_code == 422


async def test_a_platform_fetches_a_file_from_the_address_that_its_connector_asks_for(tmp_path: Path) -> None:
    """For platforms that take no bytes: by a link of ours, where the system has a public address."""
    async with an_api(tmp_path, public_url="https://chorally.example/") as api:
        file = (await _upload(api.agent())).json()["id"]
        account = api.system.io.directory.accounts["account-wall"]
        connector = api.system.io.directory.connector(account)
        url = await connector.media_url(sdk.Attachment(kind="image", external_id=f"files/{file}"))
        assert url.startswith("https://chorally.example/media/v1/links/")
        assert (await api.client().get(url.removeprefix("https://chorally.example"))).content == PNG
        theirs = (await _upload(api.agent("admin", "other"))).json()["id"]
        for other in (f"files/{theirs}", "files/none", f"received/{file}", file):
            with pytest.raises(sdk.Rejected, match="no longer kept"):
                await connector.media_url(sdk.Attachment(kind="image", external_id=other))


async def test_without_a_public_address_it_is_told_what_to_set(api: Api) -> None:
    """Before anything is asked of the platform."""
    file = (await _upload(api.agent())).json()["id"]
    connector = api.system.io.directory.connector(api.system.io.directory.accounts["account-wall"])
    with pytest.raises(LookupError, match="CHORALLY_PUBLIC_URL"):
        await connector.media_url(sdk.Attachment(kind="image", external_id=f"files/{file}"))


async def test_what_can_do_something_is_given_to_nobody_as_what_it_is(tmp_path: Path) -> None:
    """Where an installation takes SVG, a link gives only bytes."""
    async with an_api(tmp_path, upload_types=["image/svg+xml"]) as api:
        made = await _upload(api.agent(), b"<svg xmlns='http://www.w3.org/2000/svg'/>", Content_Type="image/svg+xml")
        got = await api.client().get(await _link(api, made.json()["id"]))
        assert got.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("wanted", "status", "part", "said"),
    [
        ("bytes=0-3", 206, PNG[:4], "bytes 0-3/604"),
        ("bytes=600-", 206, PNG[600:], "bytes 600-603/604"),
        ("bytes=-4", 206, PNG[-4:], "bytes 600-603/604"),
        ("bytes=-9999", 206, PNG, "bytes 0-603/604"),
        ("bytes=603-9999", 206, PNG[603:], "bytes 603-603/604"),
        ("bytes=604-", 416, None, "bytes */604"),
        ("bytes=-0", 416, None, "bytes */604"),
        ("bytes=5-4", 200, PNG, None),
        ("bytes=0-1,4-5", 200, PNG, None),
        ("bytes=-", 200, PNG, None),
        ("lines=1-2", 200, PNG, None),
    ],
)
async def test_a_part_is_given_where_it_is_asked_for(
    api: Api, wanted: str, status: int, part: bytes | None, said: str | None
) -> None:
    """What is not understood is answered with the whole."""
    file = (await _upload(api.agent())).json()["id"]
    for url in (f"/media/v1/files/{file}/content", await _link(api, file)):
        got = await api.agent().get(url, headers={"Range": wanted})
        assert (got.status_code, got.headers.get("content-range")) == (status, said)
        if part is not None:
            assert (got.content, got.headers["content-length"]) == (part, str(len(part)))


async def test_what_the_caller_has_is_not_sent_again(api: Api) -> None:
    """By the digest of its bytes; a part of something else is not joined to it."""
    file = (await _upload(api.agent())).json()
    url, tag = f"/media/v1/files/{file['id']}/content", f'"{file["sha256"]}"'
    assert (await api.agent().get(url)).headers["etag"] == tag
    for known in (tag, f'"x", W/{tag}', "*"):
        got = await api.agent().get(url, headers={"If-None-Match": known})
        assert (got.status_code, got.content, got.headers["etag"]) == (304, b"", tag)
    assert (await api.agent().get(url, headers={"If-None-Match": '"x"'})).status_code == 200
    for same, status in ((tag, 206), ('"x"', 200)):
        got = await api.agent().get(url, headers={"Range": "bytes=0-1", "If-Range": same})
        assert got.status_code == status


async def test_an_upload_may_be_repeated(api: Api) -> None:
    """Under its key it is the same file; with another body it is refused."""
    http = api.agent()
    made = [await _upload(http, Idempotency_Key="k1") for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json() == made[1].json()
    assert made[1].headers["idempotent-replayed"] == "true"
    assert (await _upload(http, a_png(605), Idempotency_Key="k1")).status_code == 422
    assert await api.system.ledger.documents.count(Query(File, "acme")) == 1


async def test_an_upload_whose_answer_was_lost_is_found(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the file and the record of the answer: the repeat meets the file that is there."""
    from chorally_core.api.idempotency import Once

    stored = Once._store

    async def killed(self: Once, record: Any, **changes: Any) -> Any:
        if changes.get("status"):
            raise OSError("killed")
        return await stored(self, record, **changes)

    with monkeypatch.context() as patched:
        patched.setattr(Once, "_store", killed)
        assert (await _upload(api.agent(), Idempotency_Key="k1")).status_code == 500
    api.clock.forward(seconds=3600)
    again = await _upload(api.agent(), Idempotency_Key="k1")
    (file,) = await api.system.ledger.documents.find(Query(File, "acme"))
    assert (again.status_code, again.json()["id"]) == (201, file.id)


async def test_a_tenants_files_take_no_more_than_they_may(tmp_path: Path) -> None:
    """Removing one makes room; another tenant has its own; what is counted anew agrees."""
    async with an_api(tmp_path, files_mib=1, tenant_files_mib='{"other": 0}') as api:
        half = a_png(700 * 1024)
        first = (await _upload(api.agent(), half)).json()["id"]
        full = await _upload(api.agent(), half)
        assert (full.status_code, full.json()["type"]) == (507, "urn:chorally:problem:quota-full")

        async def undeclared() -> AsyncIterator[bytes]:
            yield half

        assert (await _upload(api.agent(), undeclared())).status_code == 507
        for _ in range(3):
            assert (await _upload(api.agent("admin", "other"), half)).status_code == 201
        assert (await api.agent().delete(f"/media/v1/files/{first}")).status_code == 204
        assert (await _upload(api.agent(), half)).status_code == 201
        api.clock.forward(days=3)
        await api.system.upkeep.due()
        assert (await _upload(api.agent(), half)).status_code == 201


async def test_an_upload_that_never_ends_is_ended(tmp_path: Path) -> None:
    """Within the time that there is for it, and nothing is left of it."""
    async with an_api(tmp_path, upload_s=0.05) as api:
        never = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield PNG
            await never.wait()

        late = await _upload(api.agent(), slow())
        assert (late.status_code, late.headers["connection"]) == (408, "close")
        assert await api.system.ledger.documents.count(Query(File, None)) == 0
        assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


async def test_pictures_are_drawn_in_small(api: Api) -> None:
    """Beside the upload, by a job; one that cannot be drawn is a file like any other."""
    http = api.agent()
    files = [(await _upload(http, body)).json()["id"] for body in (_real_picture(), PNG)]
    text = (await _upload(http, b"hello", Content_Type="text/plain")).json()
    assert text["thumbnail"] == ""
    waiting = await http.get(f"/media/v1/files/{files[0]}/thumbnail")
    assert (waiting.status_code, waiting.headers["retry-after"]) == (404, "2")
    await api.system.upkeep.due()
    assert [(await http.get(f"/media/v1/files/{file}")).json()["thumbnail"] for file in files] == ["made", "none"]
    small = await http.get(f"/media/v1/files/{files[0]}/thumbnail")
    assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")
    with Image.open(io.BytesIO(small.content)) as picture:
        assert picture.size == (512, 341)
    for file in (files[1], text["id"]):
        assert (await http.get(f"/media/v1/files/{file}/thumbnail")).json()[
            "type"
        ] == "urn:chorally:problem:no-thumbnail"
        assert (await http.get(f"/media/v1/files/{file}/content")).status_code == 200
    jobs: list[Job] = await api.system.ledger.documents.find(Query(Job, "acme"))
    assert {job.state for job in jobs} == {"done"}
    assert (await api.agent("viewer", "other").get(f"/media/v1/files/{files[0]}/thumbnail")).status_code == 404


async def test_a_thumbnail_goes_with_its_file(api: Api, tmp_path: Path) -> None:
    """Whether a person removes it, or it is not used."""
    http = api.agent()
    removed, unused = [(await _upload(http, _real_picture())).json()["id"] for _ in range(2)]
    await api.system.upkeep.due()
    objects = tmp_path / "objects"
    assert len([path for path in objects.rglob("*") if path.is_file()]) == 4
    assert (await http.delete(f"/media/v1/files/{removed}")).status_code == 204
    assert len([path for path in objects.rglob("*") if path.is_file()]) == 2
    api.clock.forward(days=3)
    await api.system.upkeep.due()
    assert [path for path in objects.rglob("*") if path.is_file()] == []
    assert unused


async def test_a_store_that_is_away_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """By 503 and when to come again, webhooks too; nothing is left of what was not stored."""

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable("S3 cannot be reached: canary")

    file = (await _upload(api.agent())).json()["id"]
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "keep", away)
        refused = await _upload(api.agent())
        assert (refused.status_code, refused.headers["retry-after"], "canary" in refused.text) == (503, "5", False)
        patched.setattr(Folder, "put", away)
        large = await api.hook(a_note("n1", text="x" * 300_000))
        assert (large.status_code, "canary" in large.text) == (503, False)
    assert [one.id for one in await api.system.ledger.documents.find(Query(File, "acme"))] == [file]
    assert (await api.hook(a_note("n1", text="x" * 300_000))).status_code == 200
