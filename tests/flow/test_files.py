"""Files are uploaded, checked and bounded, go out with answers, and are kept for as long as they are needed."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.ports.documents import Query
from chorally_core.ports.files import File
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.author.model import Author
from chorally_core.services.io.model import Delivery
from chorally_core.services.media.facts import Actor
from chorally_core.services.media.uploads import TooLarge, Uploads
from chorally_core.settings import Retention

from tests.support.api import Api, a_note, an_api
from tests.support.pictures import a_png
from tests.support.studio import Studio, StudioPlatform

PNG = a_png(604)
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(600)
BY = Actor("agent", "ada")


class Drafting(Studio):
    """The studio under the name that the API connects."""

    manifest = Studio.manifest.model_copy(update={"platform": "wall", "base_url": "https://wall.example",
                                                  "hosts": ("wall.example",)})  # fmt: skip


@pytest.fixture
def platform() -> StudioPlatform:
    """A studio without drafts."""
    return StudioPlatform()


@pytest.fixture
async def api(tmp_path: Path, platform: StudioPlatform) -> AsyncIterator[Api]:
    """A system with a studio, whose uploads are small."""
    async with an_api(tmp_path, platform=platform, connector=Drafting, upload_mib=2) as api:
        yield api


async def _upload(http: httpx.AsyncClient, body: bytes = PNG, name: str = "a.png", **headers: str) -> httpx.Response:
    given = {"Content-Type": "image/png", **{key.replace("_", "-"): value for key, value in headers.items()}}
    return await http.post("/media/v1/files", params={"name": name}, content=body, headers=given)


async def _ticket(api: Api) -> str:
    await api.hook(a_note("n1"))
    return str((await api.agent().get("/message/v1/tickets")).json()["items"][0]["id"])


async def _go(api: Api) -> None:
    for _ in range(8):
        api.clock.forward(seconds=30)
        await api.settle()


async def _files(api: Api) -> list[File]:
    found: list[File] = await api.system.ledger.documents.find(Query(File, None))
    return found


async def test_a_file_is_uploaded_and_goes_out_with_an_answer(api: Api, platform: StudioPlatform) -> None:
    """What the connector reads is what was uploaded; the record says what it is."""
    http = api.agent("agent")
    digest = base64.b64encode(sha256(PNG).digest()).decode()
    made = await _upload(http, Content_Digest=f"sha-256=:{digest}:")
    assert made.status_code == 201
    file = made.json()
    assert (file["name"], file["kind"], file["size_bytes"]) == ("a.png", "image", len(PNG))
    assert file["sha256"] == sha256(PNG).hexdigest()

    url = f"/message/v1/tickets/{await _ticket(api)}/messages"
    sent = await http.post(url, json={"body": "look", "files": [file["id"]]})
    assert sent.status_code == 201
    assert [attached["name"] for attached in sent.json()["attachments"]] == ["a.png"]
    await _go(api)
    assert [draft["files"] for draft in platform.drafts.values()] == [[len(PNG)]]
    assert (await http.get(f"/message/v1/messages/{sent.json()['id']}")).json()["status"] == "sent"

    read = await http.get(f"/media/v1/files/{file['id']}/content")
    assert (read.content, read.headers["content-type"]) == (PNG, "image/png")
    assert read.headers["content-disposition"].startswith("attachment")
    assert read.headers["x-content-type-options"] == "nosniff"


async def test_an_answer_may_be_a_file_alone(api: Api, platform: StudioPlatform) -> None:
    """Without a text, and not without both."""
    http, ticket = api.agent(), await _ticket(api)
    file = (await _upload(http)).json()["id"]
    url = f"/message/v1/tickets/{ticket}/messages"
    assert (await http.post(url, json={"files": [file]})).status_code == 201
    twice = await http.post(url, json={"files": [file, file]})
    assert twice.json()["errors"][0] == {"field": "/body/files/1", "message": "the file is named twice"}
    nothing = await http.post(url, json={})
    assert (nothing.status_code, nothing.json()["errors"][0]["field"]) == (422, "/body/body")


async def test_a_file_may_be_larger_than_any_other_body_and_is_bounded(api: Api) -> None:
    """Up to the setting, whether its size is declared or not; other routes take no more for it."""
    http = api.agent()

    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield a_png(256 * 1024)

    large = await _upload(http, a_png(2 * 1024 * 1024))
    assert large.status_code == 201
    for body in (a_png(2 * 1024 * 1024 + 1), pieces(9)):
        refused = await _upload(http, body)  # type: ignore[arg-type]
        assert refused.status_code == 413
    assert len(await _files(api)) == 1
    note = await http.post("/message/v1/tickets/x/messages", content=bytes(1024 * 1024 + 1))
    assert note.status_code == 413


async def test_the_service_itself_holds_the_bound(api: Api) -> None:
    """Whoever calls it, and whether the size is said before or not."""
    uploads = Uploads(
        api.system.ledger, api.system.objects, now=api.clock, most_bytes=10, types=["*/*"],
        unused=lambda _: timedelta(days=1), has_room=lambda: True,
    )  # fmt: skip

    async def pieces(*found: bytes) -> AsyncIterator[bytes]:
        for piece in found:
            yield piece

    given: dict[str, Any] = {"name": "a", "media_type": "text/plain", "by": BY}
    for declared in (None, 11):
        with pytest.raises(TooLarge, match="10 bytes"):
            await uploads.take("acme", "f1", pieces=pieces(b"a" * 6, b"b" * 5), declared_bytes=declared, **given)
    assert await _files(api) == []
    assert (await uploads.take("acme", "f2", pieces=pieces(b"a" * 6, b"b" * 4), **given)).size_bytes == 10


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (PNG, {"Content_Type": "text/html"}, 415),
        (PNG, {"Content_Type": "nonsense"}, 415),
        (b"", {}, 400),
        (PNG, {"Content_Digest": "sha-256=:" + base64.b64encode(bytes(32)).decode() + ":"}, 400),
        (PNG, {"Content_Digest": "md5=:AAAA:"}, 400),
    ],
)
async def test_what_is_not_taken_is_refused_and_nothing_is_left_of_it(
    api: Api, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Types by setting, emptiness, and bytes that are not those that were said."""
    refused = await _upload(api.agent(), body, **headers)
    assert (refused.status_code, bool(refused.json()["detail"])) == (status, True)
    assert await _files(api) == []


async def test_a_sender_who_leaves_leaves_nothing(api: Api, tmp_path: Path) -> None:
    """Neither a record nor bytes."""
    token = api.agent().headers["authorization"]
    comes = [{"type": "http.request", "body": bytes(1000), "more_body": True}, {"type": "http.disconnect"}]
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/media/v1/files", "raw_path": b"/media/v1/files", "query_string": b"name=a.png", "root_path": "",
        "headers": [(b"authorization", token.encode()), (b"content-type", b"image/png")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    said: list[Any] = []

    async def receive() -> Any:
        return comes.pop(0)

    async def send(message: Any) -> None:
        said.append(message)

    await api.system.app(scope, receive, send)
    assert said[0]["status"] == 400
    assert await _files(api) == []
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("said", "kept"), [("../../etc/passwd", "passwd"), ("a\x00b\u202e.png", "a b .png"), ("..", "file")]
)
async def test_a_name_is_only_a_name(api: Api, said: str, kept: str) -> None:
    """Without folders, and without what turns writing round."""
    assert (await _upload(api.agent(), name=said)).json()["name"] == kept


async def test_limits_of_the_channel_refuse_before_any_network(api: Api, platform: StudioPlatform) -> None:
    """The agent is told at once which file it is about, and nothing is stored."""
    http, ticket = api.agent(), await _ticket(api)
    large = (await _upload(http, a_png(1001))).json()["id"]
    film = (await _upload(http, MP4, "a.mp4", Content_Type="video/mp4")).json()["id"]
    calls = len(platform.calls)
    url = f"/message/v1/tickets/{ticket}/messages"
    for file, why in ((large, "a.png has 1001 bytes"), (film, "a.mp4 is video/mp4")):
        refused = await http.post(url, json={"body": "look", "files": [file]})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "/body/files"
        assert why in refused.json()["detail"]
    assert len(platform.calls) == calls
    assert await api.system.ledger.documents.count(Query(Delivery, None)) == 0


async def test_files_of_tenants_are_apart(api: Api) -> None:
    """Another's file is no different from one that is not there (G7)."""
    theirs = (await _upload(api.agent("admin", "other"))).json()["id"]
    http, ticket = api.agent(), await _ticket(api)
    for path in (f"/media/v1/files/{theirs}", f"/media/v1/files/{theirs}/content"):
        assert (await http.get(path)).status_code == 404
    assert (await http.delete(f"/media/v1/files/{theirs}")).status_code == 404
    url = f"/message/v1/tickets/{ticket}/messages"
    real = await http.post(url, json={"body": "look", "files": [theirs]})
    none = await http.post(url, json={"body": "look", "files": ["0" * 32]})
    assert (real.status_code, real.text) == (422, none.text)
    assert (await _upload(api.agent("viewer"))).status_code == 403


async def test_a_file_that_went_out_is_kept_and_one_that_nobody_uses_is_not(api: Api, tmp_path: Path) -> None:
    """Unused ones go after two days, used ones when they are kept long enough; the bytes go with the record."""
    http, ticket = api.agent(), await _ticket(api)
    used, unused = [(await _upload(http)).json()["id"] for _ in range(2)]
    await http.post(f"/message/v1/tickets/{ticket}/messages", json={"body": "look", "files": [used]})
    assert (await http.delete(f"/media/v1/files/{used}")).status_code == 409
    api.clock.forward(days=3)
    http = api.agent()
    assert (await http.get(f"/media/v1/files/{unused}")).status_code == 404
    await api.system.upkeep.due()
    assert [file.id for file in await _files(api)] == [used]
    assert len([path for path in (tmp_path / "objects").rglob("*") if path.is_file()]) == 1
    api.clock.forward(days=401)
    await api.system.upkeep.due()
    assert await _files(api) == []
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


async def test_a_tenant_may_keep_unused_files_for_longer(tmp_path: Path) -> None:
    """By its own setting."""
    async with an_api(tmp_path, tenant_retention_days={"acme": Retention(unused_files=9)}) as api:
        await _upload(api.agent())
        api.clock.forward(days=8)
        await api.system.upkeep.due()
        assert len(await _files(api)) == 1


async def test_what_a_kill_left_of_an_upload_is_removed(api: Api, tmp_path: Path) -> None:
    """The record came first, so that the bytes can be found; until then it cannot be used."""
    now = api.clock()
    half = File(
        id="half", tenant="acme", place="files/half", name="a.png", media_type="image/png", created_at=now,
        expires_at=now.replace(hour=now.hour + 1),
    )  # fmt: skip
    await api.system.ledger.commit(Work([Step.of([half])]))
    await api.system.objects.put("acme", "files/half", b"x")
    assert (await api.agent().get("/media/v1/files/half")).status_code == 404
    api.clock.forward(days=1)
    await api.system.upkeep.due()
    assert await _files(api) == []
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


async def test_files_that_went_to_nobody_else_are_erased_with_a_person(api: Api) -> None:
    """One that went to others too stays, without the person."""
    http, ticket = api.agent(), await _ticket(api)
    await api.hook(a_note("n2", "bob"))
    tickets = {t["author_name"]: t["id"] for t in (await http.get("/message/v1/tickets")).json()["items"]}
    both, hers = [(await _upload(http)).json()["id"] for _ in range(2)]
    await http.post(f"/message/v1/tickets/{ticket}/messages", json={"body": "look", "files": [both]})
    await http.post(f"/message/v1/tickets/{ticket}/messages", json={"body": "see", "files": [hers]})
    await http.post(f"/message/v1/tickets/{tickets['Bob']}/messages", json={"body": "look", "files": [both]})
    await _go(api)
    authors: list[Author] = await api.system.ledger.documents.find(Query(Author, "acme"))
    ada = next(author for author in authors if author.name == "Ada")
    assert (await http.post(f"/author/v1/authors/{ada.id}/erase")).status_code < 300
    await api.settle()
    await api.system.upkeep.due()
    (left,) = await _files(api)
    assert left.id == both
    assert ada.id not in left.people


async def test_without_room_no_file_is_taken(tmp_path: Path) -> None:
    """The sender is told to come again."""
    async with an_api(tmp_path, disk_reserve_mib=10**9) as api:
        refused = await _upload(api.agent())
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")


async def test_a_note_takes_no_files(api: Api) -> None:
    """It is a text for agents."""
    http, ticket = api.agent(), await _ticket(api)
    file = (await _upload(http)).json()["id"]
    body: dict[str, Any] = {"body": "psst", "visibility": "internal", "files": [file]}
    assert (await http.post(f"/message/v1/tickets/{ticket}/messages", json=body)).status_code == 422
