"""Reading files of mails: whole, in pieces, wherever the mail lies by now."""

import base64
from collections.abc import Callable

import pytest
from chorally_mail import download
from chorally_mail.connector import Mail
from chorally_mail.testing import FakeFolder, FakeImap

import chorally_sdk as sdk
from chorally_sdk.testing import pulled

Connected = Callable[..., Mail]

PICTURE = bytes(range(256)) * 3000
LETTER = "Perché no?\r\n" * 50


def with_files(message_id: str = "<1@example.org>", picture: bytes = PICTURE) -> bytes:
    """A mail with a picture and a letter."""
    encoded = base64.encodebytes(picture).replace(b"\n", b"\r\n")
    letter = LETTER.replace("é", "=C3=A9").encode()
    return (
        b"From: ada@example.org\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        + (b"Message-ID: " + message_id.encode() + b"\r\n" if message_id else b"")
        + b"Content-Type: multipart/mixed; boundary=XX\r\n\r\n"
        + b"--XX\r\nContent-Type: text/plain\r\n\r\nSee the files.\r\n"
        + b"--XX\r\nContent-Type: image/png; name=lamp.png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + encoded
        + b"\r\n--XX\r\nContent-Type: text/plain; name=letter.txt\r\n"
        + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        + letter
        + b"\r\n--XX--\r\n"
    )


async def files_of(mailbox: Connected, stream: str = "inbox") -> list[sdk.Attachment]:
    """The files of all messages of a stream."""
    pages = await pulled(mailbox().pull(stream, None, None))
    return [
        file for page in pages for event in page.events if isinstance(event, sdk.Message) for file in event.attachments
    ]


async def read(mailbox: Connected, file: sdk.Attachment) -> list[bytes]:
    """A file in the pieces it came in."""
    return [piece async for piece in mailbox().download(file)]


async def test_files_come_in_pieces_and_whole(imap: FakeImap, mailbox: Connected) -> None:
    """Base64 and quoted-printable are undone whatever the pieces cut through."""
    imap.inbox.add(with_files())
    picture, letter = await files_of(mailbox)

    pieces = await read(mailbox, picture)

    assert len(pieces) > 1
    assert b"".join(pieces) == PICTURE
    assert b"".join(await read(mailbox, letter)).decode().split() == LETTER.split()
    assert (picture.kind, picture.media_type, picture.name) == ("image", "image/png", "lamp.png")
    assert picture.size_bytes == len(PICTURE)


@pytest.mark.parametrize("message_id", ["<1@example.org>", "", "<" + "x" * 400 + "@example.org>"])
async def test_a_file_is_found_after_its_mail_was_renumbered(
    imap: FakeImap, mailbox: Connected, message_id: str
) -> None:
    """Its address holds no UID; a mail without Message-ID, or with a long one, is found as well."""
    imap.inbox.add(with_files(message_id))
    picture, _ = await files_of(mailbox)
    imap.inbox.renumbered(11)

    assert b"".join(await read(mailbox, picture)) == PICTURE


async def test_of_two_mails_with_one_message_id_the_right_one_is_read(imap: FakeImap, mailbox: Connected) -> None:
    """A Message-ID used twice does not mix up files."""
    imap.inbox.add(with_files(picture=b"one" * 100))
    imap.inbox.add(with_files(picture=b"two" * 100))
    first, _, second, _ = await files_of(mailbox)

    assert b"".join(await read(mailbox, first)) == b"one" * 100
    assert b"".join(await read(mailbox, second)) == b"two" * 100


async def test_files_of_sent_mails_are_read_from_the_sent_folder(imap: FakeImap, mailbox: Connected) -> None:
    """Also where the inbox has none of it."""
    imap.folders["Sent"].add(with_files(f"<{'a' * 32}@shop.example>"))
    picture, _ = await files_of(mailbox, "sent")

    assert b"".join(await read(mailbox, picture)) == PICTURE


async def test_a_forged_copy_of_our_mail_gives_no_files(imap: FakeImap, mailbox: Connected) -> None:
    """Whoever got a mail of ours knows its Message-ID, and may send it back to us with another file."""
    message_id = f"<{'a' * 32}@shop.example>"
    imap.folders["Sent"].add(with_files(message_id))
    imap.inbox.add(with_files(message_id, picture=b"forged"))
    picture, _ = await files_of(mailbox, "sent")

    assert b"".join(await read(mailbox, picture)) == PICTURE


@pytest.mark.parametrize("external_id", ["2/1@example.org#0000000000000000", "9/{}", "../{}", "", "2.99/{}"])
async def test_a_file_that_is_not_there_is_refused(imap: FakeImap, mailbox: Connected, external_id: str) -> None:
    """The mail, or the part, or the sense of the address is missing."""
    imap.inbox.add(with_files())
    picture, _ = await files_of(mailbox)
    known = (picture.external_id or "").partition("/")[2]

    with pytest.raises(sdk.Rejected):
        await read(mailbox, picture.model_copy(update={"external_id": external_id.format(known)}))


async def test_a_mail_moved_out_of_sight_is_gone(imap: FakeImap, mailbox: Connected) -> None:
    """The reason says so."""
    imap.inbox.add(with_files())
    picture, _ = await files_of(mailbox)
    imap.folders["INBOX"] = FakeFolder(uidvalidity=2)

    with pytest.raises(sdk.Rejected) as caught:
        await read(mailbox, picture)
    assert caught.value.reason is sdk.Reason.GONE


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 76, 1000])
def test_decoding_does_not_depend_on_where_pieces_end(encoding: str, size: int) -> None:
    """Also for Base64 that was cut short, and lines without an end."""
    data = {
        "base64": base64.encodebytes(PICTURE[:1000])[:-4],
        "quoted-printable": b"a=20b=\r\nc=C3=A9\r\nlast=2E",
        "8bit": PICTURE[:1000],
    }[encoding]

    def decoded(size: int) -> bytes:
        decoder = download.decoder(encoding)
        return b"".join(decoder.feed(data[at : at + size]) for at in range(0, len(data), size)) + decoder.end()

    assert decoded(size) == decoded(len(data))
