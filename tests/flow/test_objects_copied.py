"""Objects are copied from a folder to another place, whatever ends the copying in between."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.local import Folder
from chorally_core.bootstrap.copying import Copied, copy_objects
from chorally_core.ports.documents import Query
from chorally_core.ports.files import File
from chorally_core.ports.objects import Unavailable
from chorally_core.services.io.model import Hook
from chorally_core.settings import Settings
from typer.testing import CliRunner

from tests.support import s3
from tests.support.api import Api, a_note, an_api
from tests.support.pictures import a_png
from tests.support.world import KEY


async def _upload(api: Api, name: str, tenant: str = "acme") -> str:
    http = api.agent("admin", tenant)
    given = {"Content-Type": "image/png"}
    made = await http.post("/media/v1/files", params={"name": name}, content=a_png(900), headers=given)
    return str(made.json()["id"])


@pytest.fixture
async def named(tmp_path: Path) -> list[tuple[str, str]]:
    """What the records of a folder name: three files of two tenants, and a webhook that was too large."""
    async with an_api(tmp_path) as api:
        files = [await _upload(api, "a.png"), await _upload(api, "b.png"), await _upload(api, "c.png", "other")]
        await api.hook(a_note("n1", text="x" * 300_000))
        hooks: list[Hook] = await api.system.ledger.documents.find(Query(Hook, None))
        (large,) = [(hook.tenant, hook.body_object) for hook in hooks if hook.body_object]
        stored: list[File] = await api.system.ledger.documents.find(Query(File, None))
    assert sorted(file.id for file in stored) == sorted(files)
    return [*((file.tenant, file.place) for file in stored), large]


def _settings(folder: Path, to: str) -> Settings:
    return Settings(data=folder, secret_keys=[KEY], objects=to)


async def test_every_object_that_a_record_names_is_copied(tmp_path: Path, named: list[tuple[str, str]]) -> None:
    """And again nothing."""
    settings = _settings(tmp_path, str(tmp_path / "new"))
    assert await copy_objects(settings, tmp_path / "objects") == Copied(copied=4)
    for tenant, name in named:
        assert await Folder(tmp_path / "new").get(tenant, name) == await Folder(tmp_path / "objects").get(tenant, name)
    assert await copy_objects(settings, tmp_path / "objects") == Copied(there=4)


async def test_what_is_in_neither_place_is_told(tmp_path: Path, named: list[tuple[str, str]]) -> None:
    """The others are copied."""
    await Folder(tmp_path / "objects").delete(*named[0])
    done = await copy_objects(_settings(tmp_path, str(tmp_path / "new")), tmp_path / "objects")
    assert done == Copied(copied=3, lost=(named[0][1],))


async def test_copying_goes_on_where_it_ended(
    tmp_path: Path, named: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was copied stays; of what broke off nothing is there."""
    keep, count = Folder.keep, 0

    async def breaks(self: Folder, tenant: str, name: str, pieces: AsyncIterator[bytes]) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise Unavailable("away")
        await keep(self, tenant, name, pieces)

    settings = _settings(tmp_path, str(tmp_path / "new"))
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "keep", breaks)
        with pytest.raises(Unavailable):
            await copy_objects(settings, tmp_path / "objects")
    assert await copy_objects(settings, tmp_path / "objects") == Copied(copied=2, there=2)


@pytest.mark.real
async def test_a_folder_moves_to_s3(tmp_path: Path, named: list[tuple[str, str]]) -> None:
    """And is served from there, under the same names."""
    place = s3.a_place()
    assert await copy_objects(_settings(tmp_path, place), tmp_path / "objects") == Copied(copied=4)
    (tmp_path / "objects").rename(tmp_path / "gone")
    async with an_api(tmp_path, objects=place) as api:
        await api.system.stores.back_ends.start()
        for tenant, name in named[:3]:
            file = name.removeprefix("files/")
            got = await api.agent("admin", tenant).get(
                f"/media/v1/files/{file}/content", headers={"Range": "bytes=0-7"}
            )
            assert (got.status_code, got.content) == (206, a_png(8))
        made = await _upload(api, "d.png")
        assert (await api.agent().get(f"/media/v1/files/{made}/content")).content == a_png(900)
        link = (await api.agent().post(f"/media/v1/files/{made}/link", json={})).json()["url"]
        assert link.startswith("http://127.0.0.1:")
        assert await api.system.objects.get(*named[3])
        await api.system.stores.back_ends.aclose()
    assert not (tmp_path / "objects").exists()


def test_the_command_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is touched."""
    from chorally_core.cli import app

    monkeypatch.setenv("CHORALLY_SECRET_KEYS", KEY)
    objects = tmp_path / "objects"
    objects.mkdir()
    for to, source, why in (("", objects, "names no other place"), (tmp_path / "new", tmp_path / "none", "no folder")):
        monkeypatch.setenv("CHORALLY_OBJECTS", str(to))
        done: Any = CliRunner().invoke(app, ["objects", "copy", "--data", str(tmp_path), "--from", str(source)])
        assert (done.exit_code, why in done.output) == (2, True), done.output
    monkeypatch.setenv("CHORALLY_OBJECTS", "s3://k:canary@h/x")
    done = CliRunner().invoke(app, ["objects", "copy", "--data", str(tmp_path), "--from", str(objects)])
    assert (done.exit_code, "iam is missing" in done.output, "canary" in done.output) == (2, True, False)
