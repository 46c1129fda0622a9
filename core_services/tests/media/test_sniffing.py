"""What a file is said to be is held against its bytes."""

import io
import zipfile

import pytest
from chorally_core.services.media.sniffing import mistake
from chorally_core.settings import Settings
from PIL import Image

TAKEN = Settings.model_fields["upload_types"].default


def _picture(kind: str) -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(drawn, kind)
    return drawn.getvalue()


def _zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return packed.getvalue()


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(100)
SVG = b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.mark.parametrize(
    ("head", "declared"),
    [
        *((_picture(kind), f"image/{kind.lower()}") for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")),
        (_picture("JPEG"), "image/jpg"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100), "image/heic"),
        (b"%PDF-1.7\n1 0 obj", "application/pdf"),
        (b"\n\n%PDF-1.4\n", "application/pdf"),
        (_zipped("a.txt"), "application/zip"),
        (_zipped("[Content_Types].xml", "word/document.xml"), DOCX),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "application/msword"),
        (b"{\\rtf1\\ansi hello}", "application/rtf"),
        (MP4, "video/mp4"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x23" + bytes(100), "audio/mpeg"),
        (b"OggS\x00\x02" + bytes(22) + b"\x01\x1eOpusHead" + bytes(50), "audio/ogg"),
        (b"anything that no signature knows", "video/x-unheard-of"),
        (b"a,b\n1,2\n", "text/csv"),
        ("\ufeffgrazie, è arrivato".encode("utf-16"), "text/plain"),
        (b"BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\n", "text/vcard"),
        (b'{"a": 1}', "application/json"),
        (b"1 < 2, and <3 too", "text/plain"),
    ],
)
def test_what_is_what_it_is_said_to_be_is_taken(head: bytes, declared: str) -> None:
    """Also what no signature knows, where its type has none."""
    assert mistake(head, declared, TAKEN) == ""


@pytest.mark.parametrize(
    ("head", "declared", "why"),
    [
        (_picture("JPEG"), "image/png", "is image/jpeg"),
        (b"hello", "image/png", "said to be image/png"),
        (_picture("PNG"), "application/pdf", "is image/png"),
        (_picture("PNG"), "video/mp4", "is image/png"),
        (_picture("PNG"), "text/plain", "is image/png"),
        (b"%PDF-1.7\n", "application/json", "is application/pdf"),
        (b"text\x00with nothing", "text/plain", "is no text"),
    ],
)
def test_what_is_something_else_is_told_what_it_is(head: bytes, declared: str, why: str) -> None:
    """With what to do."""
    told = mistake(head, declared, TAKEN)
    assert why in told
    assert "send it with its own Content-Type" in told


@pytest.mark.parametrize("declared", ["image/png", "text/plain", "application/zip", "application/octet-stream"])
@pytest.mark.parametrize(
    "head",
    [b"MZ\x90\x00", b"\x7fELF\x02\x01", b"\xcf\xfa\xed\xfe\x07", b"#!/bin/sh\nrm -r /", b"\xca\xfe\xba\xbe\x00"],
)
def test_programs_are_never_taken(head: bytes, declared: str) -> None:
    """Whatever they are said to be, and whatever the setting names."""
    assert "never taken" in mistake(head, declared, ["*/*", declared])


@pytest.mark.parametrize("declared", ["image/svg+xml", "image/png", "text/plain"])
@pytest.mark.parametrize("head", [SVG, b"<svg onload=alert(1)>", b"\xef\xbb\xbf <!-- x --><SVG >"])
def test_svg_is_taken_only_where_the_setting_names_it(head: bytes, declared: str) -> None:
    """A pattern does not; what is said to be something else is refused all the same."""
    assert mistake(head, declared, ["image/*", "text/*"])
    assert bool(mistake(head, declared, ["image/*", "image/svg+xml"])) == (declared != "image/svg+xml")


@pytest.mark.parametrize(
    "head", [b"<!DOCTYPE html><p>", b"  \n<html>", b"<!-- a --><script>alert(1)</script>", b"<IFRAME src=x>"]
)
def test_html_hides_behind_no_other_type(head: bytes) -> None:
    """As browsers would know it."""
    for declared in ("text/plain", "image/png", "text/html", "application/pdf"):
        assert mistake(head, declared, ["*/*"])
    assert mistake(head, "text/html", ["text/html"]) == ""


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_page_in_utf_16_is_a_page_and_a_text_in_it_a_text(encoding: str) -> None:
    """Browsers open it as one, so that it can do as much."""
    mark = "\ufeff".encode(encoding)
    page = mark + " <!-- hello --><script>alert(1)</script>".encode(encoding)
    assert "an HTML page" in mistake(page, "text/plain", ["text/*"])
    assert mistake(mark + "Perché <no>".encode(encoding), "text/plain", ["text/*"]) == ""
