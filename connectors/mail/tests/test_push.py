"""Sending: the mail that is written, what each answer of the server means, the copy in the sent folder, ``find``."""

from collections.abc import AsyncIterator, Callable, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from chorally_mail import translate
from chorally_mail.attaching import Content, read
from chorally_mail.compose import compose
from chorally_mail.config import MailSettings
from chorally_mail.connector import Mail
from chorally_mail.testing import FakeImap, FakeSmtp

import chorally_sdk as sdk
from chorally_sdk.testing.host import NOW

Connected = Callable[..., Mail]

REF = "0123456789abcdef" * 2
SETTINGS = MailSettings(address="help@shop.example", name="Shop, Inc.", imap_host="i", smtp_host="s")
ROUTE = {
    "message_id": "3@example.org",
    "references": ["1@example.org", "2@example.org", "3@example.org"],
    "subject": "Re: AW: Broken lamp",
    "reply_to": ["ada@example.org"],
    "to": ["help@shop.example", "bob@example.org"],
    "cc": ["carol@example.org"],
}


def an_answer(**changes: Any) -> sdk.OutboundMessage:
    """An answer to a mail."""
    fields: dict[str, Any] = {
        "id": "m1",
        "client_ref": REF,
        "channel": translate.CHANNEL,
        "body": "We send you a new one.",
        "route": ROUTE,
        "conversation_id": "1@example.org",
    }
    return sdk.OutboundMessage(**(fields | changes))


def written(
    message: sdk.OutboundMessage, settings: MailSettings = SETTINGS, files: Sequence[Content] = ()
) -> EmailMessage:
    """The mail that a message becomes, read again."""
    raw = compose(message, settings, NOW, files).raw
    return message_from_bytes(raw.replace(b"\r\n", b"\n"), policy=policy.default)


def test_an_answer_joins_its_thread() -> None:
    """Its headers name the mail it answers, the thread before it, and a Message-ID of our making."""
    mail = written(an_answer())

    assert mail["Message-ID"] == f"<{REF}@shop.example>"
    assert mail["In-Reply-To"] == "<3@example.org>"
    assert mail["References"] == "<1@example.org> <2@example.org> <3@example.org>"
    assert mail["Subject"] == "Re: Broken lamp"
    assert mail["To"] == "ada@example.org"
    assert mail["From"] == '"Shop, Inc." <help@shop.example>'
    assert mail["Auto-Submitted"] is None
    assert mail.get_content() == "We send you a new one.\n"


def test_a_first_mail_has_the_subject_asked_for_or_the_texts_first_line() -> None:
    """There is no thread yet, so none is claimed."""
    mail = written(an_answer(route={}, to="ada@example.org", body="\n Good  news \nmore"))

    assert (mail["Subject"], mail["In-Reply-To"], mail["References"]) == ("Good news", None, None)
    assert written(an_answer(route={}, to="a@b.example", options={"subject": "Hi"}))["Subject"] == "Hi"


def test_text_outside_ascii_and_html_arrive_as_they_are() -> None:
    """In seven bits, so that no server on the way has to be able to do more."""
    message = an_answer(body="Perché no? 😀\n.\n.dot", options={"html": "<p>Perché <b>no</b>?</p>"})
    raw = compose(message, SETTINGS, NOW).raw
    mail = written(message)

    assert raw.isascii()
    plain, html = mail.iter_parts()
    assert plain.get_content() == "Perché no? 😀\n.\n.dot\n"
    assert html.get_content() == "<p>Perché <b>no</b>?</p>\n"
    assert mail.get_content_type() == "multipart/alternative"


def a_file(content: bytes = b"\x89PNG", name: str = "lamp.png", media_type: str | None = "image/png") -> Content:
    """A file as it was read."""
    return Content(sdk.Attachment(kind="image", external_id="files/1", name=name, media_type=media_type), content)


def test_files_arrive_as_they_are_beside_text_and_html() -> None:
    """Of whatever type, under their names, also those outside ASCII; lines of any length and bytes of any kind."""
    content = bytes(range(256)) * 40
    files = [a_file(content), a_file(b"a,b\n", "Preventivo è qui.csv", "text/csv"), a_file(b"From: x\n\ny", "m.eml",
                                                                                         "message/rfc822")]  # fmt: skip
    message = an_answer(options={"html": "<p>New</p>"})
    raw = compose(message, SETTINGS, NOW, files).raw
    mail = written(message, files=files)

    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content() == "We send you a new one.\n"
    html = mail.get_body(("html",))
    assert html is not None
    found = [(part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
             for part in mail.iter_attachments()]  # fmt: skip
    assert found == [
        ("lamp.png", "image/png", content), ("Preventivo è qui.csv", "text/csv", b"a,b\n"),
        ("m.eml", "application/octet-stream", b"From: x\n\ny"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1.png", 'a"; x="b.png', "a\u2028b.png"])
def test_a_files_name_breaks_out_of_no_header(name: str) -> None:
    """However it is written."""
    mail = written(an_answer(), files=[a_file(name=name), a_file(name="", media_type="x\r\nX-Evil: 1/y")])
    (first, second) = mail.iter_attachments()
    assert (mail["X-Evil"], first["X-Evil"], second["X-Evil"]) == (None, None, None)
    assert (second.get_filename(), second.get_content_type()) == ("file", "application/octet-stream")


async def test_files_are_read_until_they_are_too_large_for_a_mail() -> None:
    """By what is said of them, and by what comes."""
    asked: list[str] = []

    async def media(attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        asked.append(attachment.external_id or "")
        for _ in range(10):
            yield bytes(100)

    small = sdk.Attachment(kind="file", external_id="small")
    (one,) = await read([small], media, 2000)
    assert len(one.content) == 1000
    with pytest.raises(sdk.Rejected, match="more than 2000 bytes"):
        await read([small, small], media, 2000)
    asked.clear()
    with pytest.raises(sdk.Rejected, match="more than 2000 bytes"):
        await read([sdk.Attachment(kind="file", external_id="large", size_bytes=1900)], media, 2000)
    assert asked == []


def test_everybody_is_answered_where_that_is_asked_for() -> None:
    """Besides ourselves, and each once."""
    assert written(an_answer())["Cc"] is None
    mail = written(an_answer(options={"reply_all": True, "cc": ["Bob@Example.org", "dan@example.org"]}))
    assert mail["Cc"] == "bob@example.org, dan@example.org, carol@example.org"


def test_a_long_thread_keeps_its_beginning_and_its_end() -> None:
    """However many Message-IDs, however long: one header that every server takes."""
    ids = [f"{number}-{'x' * 150}@example.org" for number in range(60)]
    raw = compose(an_answer(route=ROUTE | {"references": ids, "message_id": ids[-1]}), SETTINGS, NOW).raw
    kept = message_from_bytes(raw)["References"].split()

    assert (kept[0], kept[-1]) == (f"<{ids[0]}>", f"<{ids[-1]}>")
    assert sum(map(len, kept)) < 1000
    assert b"=?utf-8?" not in raw
    assert max(map(len, raw.split(b"\r\n"))) < 998


@pytest.mark.parametrize(
    "changes",
    [
        {"options": {"subject": "Hi\r\nBcc: eve@example.net"}},
        {"options": {"subject": "Hi\u2028\x00\x0bBcc: eve@example.net"}},
        {"route": ROUTE | {"subject": "x\nBcc: eve@example.net\n\nbody"}},
        {"route": ROUTE | {"message_id": "3@x>\r\nBcc: eve@example.net", "references": ["a\nBcc: eve@example.net"]}},
    ],
)
def test_nothing_breaks_out_of_its_header(changes: dict[str, Any]) -> None:
    """What comes from people or from mails stays the value it is."""
    mail = written(an_answer(**changes))

    assert mail["Bcc"] is None
    assert mail.get_content() == "We send you a new one.\n"


def test_a_name_breaks_out_of_no_header_either() -> None:
    """The sender's name is a setting that people type."""
    settings = SETTINGS.model_copy(update={"name": "Shop\r\nBcc: eve@example.net"})
    assert written(an_answer(), settings)["Bcc"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"route": {"reply_to": ["ada@example.org\r\nBcc: eve@example.net"]}},
        {"route": {"reply_to": ["ada@example.org> RCPT TO:<eve@example.net"]}},
        {"route": {"reply_to": ["ada"]}},
        {"route": {}},
        {"options": {"cc": [7]}},
        {"options": {"cc": [f"{number}@example.org" for number in range(60)]}},
        {"client_ref": "../../etc"},
        {"attachments": (sdk.Attachment(kind="image", external_id="a", size_bytes=20_000_000),)},
    ],
)
async def test_what_cannot_be_sent_is_refused_before_any_connection(
    smtp: FakeSmtp, mailbox: Connected, changes: dict[str, Any]
) -> None:
    """With a reason for the agent."""
    with pytest.raises(sdk.Rejected) as caught:
        await mailbox().push(an_answer(**changes))

    assert caught.value.reason is sdk.Reason.INVALID
    assert smtp.seen == []


async def test_a_sent_mail_gives_its_message_id_and_leaves_a_copy(
    imap: FakeImap, smtp: FakeSmtp, mailbox: Connected
) -> None:
    """The receipt's external id is what the sent folder will yield."""
    box = mailbox()

    receipt = await box.push(an_answer())

    assert (receipt.external_id, receipt.conversation_id) == (f"{REF}@shop.example", "1@example.org")
    assert receipt.data == {"sent_copy": "saved"}
    assert len(smtp.sent) == 1
    pages = [page async for page in box.pull("sent", None, None)]
    assert [(m.external_id, m.client_ref, m.ours) for m in pages[0].events if isinstance(m, sdk.Message)] == [
        (receipt.external_id, REF, True)
    ]


async def test_a_copy_that_cannot_be_saved_makes_no_error(imap: FakeImap, smtp: FakeSmtp, mailbox: Connected) -> None:
    """The mail is sent, and only that counts."""
    imap.append_refused = True
    assert "full" in (await mailbox().push(an_answer())).data["sent_copy"]

    assert "cannot be reached" in (await mailbox(imap_port=1).push(an_answer())).data["sent_copy"]
    assert len(smtp.sent) == 2


@pytest.mark.parametrize(
    ("setting", "copies"), [("auto", 1), ("never", 1), ("always", 2)], ids=["auto", "never", "always"]
)
async def test_a_copy_the_server_keeps_is_not_doubled(
    imap: FakeImap, mailbox: Connected, setting: str, copies: int
) -> None:
    """Unless the setting asks for one in any case."""
    imap.folders["Sent"].add(compose(an_answer(), SETTINGS, NOW).raw)

    await mailbox(save_sent=setting).push(an_answer())

    assert len(imap.folders["Sent"].mails) == copies


async def test_a_missing_sent_folder_is_made_only_where_a_copy_is_asked_for(imap: FakeImap, mailbox: Connected) -> None:
    """Nobody's mailbox gets a folder it did not ask for."""
    del imap.folders["Sent"]

    assert (await mailbox().push(an_answer())).data["sent_copy"] == "there is no sent folder"
    await mailbox(save_sent="always").push(an_answer())

    assert len(imap.folders["Sent"].mails) == 1


@pytest.mark.parametrize(
    ("at", "answer", "error", "reason"),
    [
        ("CONNECT", "421 4.3.2 too busy", sdk.RetryLater, None),
        ("CONNECT", "554 5.7.1 not you", sdk.Rejected, "blocked"),
        ("CONNECT", "hang up", sdk.RetryLater, None),
        ("MAIL", "451 4.3.0 later", sdk.RetryLater, None),
        ("MAIL", "421 4.7.0 too fast", sdk.RateLimited, None),
        ("MAIL", "530 5.7.0 sign in first", sdk.Reauthorize, None),
        ("MAIL", "553 5.7.1 not your address", sdk.Rejected, "blocked"),
        ("RCPT", "450 4.2.1 greylisted", sdk.RetryLater, None),
        ("RCPT", "550 5.1.1 no such person", sdk.Rejected, "gone"),
        ("RCPT", "550 no such person", sdk.Rejected, "gone"),
        ("RCPT", "552 5.2.2 full for ever", sdk.Rejected, "invalid"),
        ("RCPT", "hang up", sdk.RetryLater, None),
        ("DATA", "554 5.6.0 no", sdk.Rejected, "invalid"),
        (".", "554 5.7.1 spam", sdk.Rejected, "blocked"),
        (".", "452 4.3.1 disk full", sdk.RetryLater, None),
        (".", "hang up", sdk.OutcomeUnknown, None),
    ],
)
async def test_what_each_answer_causes(
    smtp: FakeSmtp, mailbox: Connected, at: str, answer: str, error: type[sdk.ConnectorError], reason: str | None
) -> None:
    """4xx is tried later, 5xx never; only a loss while the server has the mail leaves the outcome open."""
    smtp.answers[at] = answer

    with pytest.raises(sdk.ConnectorError) as caught:
        await mailbox().push(an_answer())

    assert type(caught.value) is error
    assert reason is None or getattr(caught.value, "reason", None) == reason
    assert smtp.sent == []


async def test_a_farewell_that_fails_changes_nothing(smtp: FakeSmtp, mailbox: Connected) -> None:
    """The server said that it has the mail."""
    smtp.answers["QUIT"] = "hang up"

    assert (await mailbox().push(an_answer())).state == "sent"


async def test_a_mail_too_large_for_the_server_is_refused_before_it_is_sent(smtp: FakeSmtp, mailbox: Connected) -> None:
    """The server says at the beginning what it takes."""
    smtp.extensions = ["AUTH PLAIN", "SIZE 100"]

    with pytest.raises(sdk.Rejected, match="at most 100 bytes"):
        await mailbox().push(an_answer())


async def test_addresses_outside_ascii_need_a_server_that_carries_them(smtp: FakeSmtp, mailbox: Connected) -> None:
    """A domain has an ASCII form, a mailbox name has none."""
    await mailbox().push(an_answer(route={"reply_to": ["ada@bücher.example"]}))
    assert any("<ada@xn--bcher-kva.example>" in command for command in smtp.seen)

    await mailbox().push(an_answer(route={"reply_to": ["jörg@bücher.example"]}))
    assert any("SMTPUTF8" in command for command in smtp.seen)

    smtp.extensions = ["AUTH PLAIN"]
    with pytest.raises(sdk.Rejected, match="outside ASCII"):
        await mailbox().push(an_answer(route={"reply_to": ["jörg@bücher.example"]}))


async def test_a_copy_in_the_sent_folder_proves_that_a_mail_was_sent(imap: FakeImap, mailbox: Connected) -> None:
    """What was found has the identity that sending would have given."""
    imap.folders["Sent"].add(compose(an_answer(), SETTINGS, NOW).raw)

    receipt = await mailbox().find(an_answer())

    assert receipt is not None
    assert (receipt.external_id, receipt.conversation_id) == (f"{REF}@shop.example", "1@example.org")


async def test_no_copy_proves_nothing(imap: FakeImap, mailbox: Connected) -> None:
    """The mail may have gone out before the copy was saved, so nothing is sent again on that ground."""
    with pytest.raises(sdk.OutcomeUnknown, match="Sent"):
        await mailbox().find(an_answer())
    del imap.folders["Sent"]
    with pytest.raises(sdk.OutcomeUnknown, match="no sent folder"):
        await mailbox().find(an_answer())
