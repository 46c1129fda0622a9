"""Files through processes that share no folder: uploaded at one, drawn by another, had from S3 itself."""

import asyncio
import io
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.support import s3
from tests.support.back_ends import shared_back_ends
from tests.support.patience import patiently
from tests.support.processes import Process
from tests.support.world import KEY

pytestmark = pytest.mark.real

MIB = 1024 * 1024


async def test_files_need_no_folder_that_processes_share(tmp_path: Path) -> None:
    """A picture and a film of three parts; no file of ours appears on the disk."""
    settings = {f"CHORALLY_{name.upper()}": value for name, value in shared_back_ends().items()} | {
        "CHORALLY_SECRET_KEYS": KEY, "CHORALLY_OBJECTS": s3.a_place(), "CHORALLY_TOKEN_RATE": "100000",
    }  # fmt: skip
    door = Process("door", ["service", "media", "--role", "api"], settings, tmp_path)
    worker = Process("worker", ["service", "media", "--role", "worker"], settings, tmp_path)
    token = Process("token", ["token", "--tenant", "acme", "--role", "admin"], settings, tmp_path)
    drawn = io.BytesIO()
    Image.new("RGB", (900, 600), "red").save(drawn, "PNG")
    film = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(17 * MIB)
    try:
        for process in (door, worker):
            await process.start()
        for process in (door, worker):
            await process.until_ready()
        signed = {"Authorization": f"Bearer {await token.output()}"}
        async with httpx.AsyncClient(base_url=str(door.url), headers=signed, timeout=60) as http:
            ids = []
            for content, media_type in ((drawn.getvalue(), "image/png"), (film, "video/mp4")):
                given = {"Content-Type": media_type}
                made = await http.post("/media/v1/files", params={"name": "a"}, content=content, headers=given)
                assert made.status_code == 201, made.text
                ids.append(made.json()["id"])
            read = await http.get(f"/media/v1/files/{ids[1]}/content")
            assert read.content == film
            link = (await http.post(f"/media/v1/files/{ids[1]}/link", json={})).json()["url"]
            async with httpx.AsyncClient(timeout=60) as anybody:
                part = await anybody.get(link, headers={"Range": "bytes=4-11"})
            assert (part.status_code, part.content) == (206, b"ftypmp42")

            async with patiently():
                while (await http.get(f"/media/v1/files/{ids[0]}")).json()["thumbnail"] == "waiting":  # noqa: ASYNC110 (another process draws)
                    await asyncio.sleep(0.2)
            assert (await http.get(f"/media/v1/files/{ids[0]}/thumbnail")).headers["content-type"] == "image/webp"
    finally:
        for process in (door, worker):
            await process.kill()
    for process in (door, worker):
        assert "Traceback" not in process.said.read_text("utf-8")
    assert list(tmp_path.glob("*/")) == []  # noqa: ASYNC240 (it is a test)
