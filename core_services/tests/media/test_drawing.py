"""Pictures are drawn apart: whatever one does to its decoder, nothing else notices."""

import io
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chorally_core.adapters.pictures import DrawnApart
from chorally_core.adapters.pictures.worker import EDGE
from chorally_core.ports.pictures import Undrawable
from PIL import Image


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 65536):
        yield content[at : at + 65536]


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    saved = io.BytesIO()
    picture.save(saved, kind, **options)
    return saved.getvalue()


def _bomb(edge: int) -> bytes:
    """A PNG that says it is enormous."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


async def test_a_picture_is_small_upright_and_says_nothing_else() -> None:
    """As the camera was held; where and with what it was taken stays out."""
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is on the right
    exif[0x010F] = "canary-camera"
    taken = _saved(Image.new("RGB", (1600, 800), "red"), "JPEG", exif=exif, comment=b"canary-comment")
    drawn = await DrawnApart().thumbnail(_pieces(taken))
    assert b"canary" not in drawn
    with Image.open(io.BytesIO(drawn)) as small:
        assert (small.format, small.size) == ("WEBP", (EDGE // 2, EDGE))
        assert not small.getexif()


async def test_what_is_clear_stays_clear_and_small_pictures_stay_small() -> None:
    """Nothing is drawn larger than it is."""
    drawn = await DrawnApart().thumbnail(_pieces(_saved(Image.new("RGBA", (30, 20), (0, 0, 0, 0)), "PNG")))
    with Image.open(io.BytesIO(drawn)) as small:
        assert (small.mode, small.size) == ("RGBA", (30, 20))


@pytest.mark.parametrize(
    ("content", "why"),
    [(_bomb(30_000), "more than 50000000"), (b"\x89PNG\r\n\x1a\n" + bytes(900), "no picture"), (b"", "no picture"),
     (_bomb(2000), "no picture"), (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture")],
)  # fmt: skip
async def test_what_cannot_be_drawn_is_told(content: bytes, why: str) -> None:
    """Bombs by their size, before anything is unpacked; formats that are programs are not even tried."""
    with pytest.raises(Undrawable, match=why):
        await DrawnApart().thumbnail(_pieces(content))


async def test_a_decoder_that_breaks_breaks_nothing_else(tmp_path: Path) -> None:
    """Its process ends by a signal; the picture cannot be drawn."""
    worker = tmp_path / "breaks.py"
    worker.write_text("import os\nos.abort()\n")
    with pytest.raises(Undrawable, match="breaks whoever draws it"):
        await DrawnApart(worker=worker).thumbnail(_pieces(bytes(3_000_000)))


async def test_a_decoder_that_never_ends_is_ended(tmp_path: Path) -> None:
    """After the time that there is for it; whoever comes next has its turn."""
    worker = tmp_path / "loops.py"
    worker.write_text("while True:\n    pass\n")
    drawing = DrawnApart(worker=worker, at_once=1, limit_s=0.3)
    for _ in range(2):
        with pytest.raises(Undrawable, match=r"0\.3 seconds"):
            await drawing.thumbnail(_pieces(b"x"))


async def test_who_draws_has_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of this process is handed on."""
    monkeypatch.setenv("CHORALLY_SECRET_KEYS", "canary")
    worker = tmp_path / "tells.py"
    worker.write_text("import os, sys\nsys.stdin.read()\nsys.stdout.write(repr(dict(os.environ)))\n")
    assert b"canary" not in await DrawnApart(worker=worker).thumbnail(_pieces(b"x"))
