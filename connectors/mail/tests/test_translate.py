"""Mails as they come, and the events they become. All recordings are made up, after what mail clients write."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

import pytest
from chorally_mail import identity, mime, translate
from hypothesis import example, given, settings
from hypothesis import strategies as st

import chorally_sdk as sdk

HERE = Path(__file__).parent
RECORDED = sorted((HERE / "recorded").glob("*.eml"))
INBOX = translate.Context(address="help@shop.example", sent=False, arrived=datetime(2026, 11, 22, 12, 0, tzinfo=UTC))
REF = "0123456789abcdef" * 2


def recorded(name: str) -> bytes:
    """A mail as it came."""
    return (HERE / "recorded" / f"{name}.eml").read_bytes()


def the_message(raw: bytes, context: translate.Context = INBOX) -> sdk.Message:
    """The message that a mail becomes."""
    message = translate.to_events(raw, context)[-1]
    assert isinstance(message, sdk.Message)
    return message


@pytest.mark.parametrize("recording", RECORDED, ids=lambda path: path.stem)
def test_a_mail_becomes_what_is_expected(recording: Path) -> None:
    """Each recording has its expected events beside it."""
    events = translate.to_events(recording.read_bytes(), INBOX)

    found = [
        {"event": type(event).__name__, **event.model_dump(mode="json", exclude_defaults=True)} for event in events
    ]
    assert found == json.loads((HERE / "expected" / f"{recording.stem}.json").read_text())


@pytest.mark.parametrize("recording", RECORDED, ids=lambda path: path.stem)
def test_a_mail_is_known_again_however_it_is_transferred(recording: Path) -> None:
    """Line ends, and headers that servers add on the way into a folder, change nothing."""
    raw = recording.read_bytes()
    other = b"X-Folder: elsewhere\r\nStatus: RO\r\n" + raw.replace(b"\n", b"\r\n") + b"\r\n"

    assert the_message(other).external_id == the_message(raw).external_id


def test_a_mail_is_known_again_under_other_boundaries_and_encodings() -> None:
    """Some servers write the structure anew at each download."""
    raw = recorded("attachments")
    again = raw.replace(b"b0", b"==_new").replace(b"b2", b"inner")

    assert the_message(again).external_id == the_message(raw).external_id
    plain = b"From: a@b.example\nMessage-ID: <1@b.example>\nContent-Type: text/plain; charset=utf-8\n"
    eight = plain + b"Content-Transfer-Encoding: 8bit\n\nPerch\xc3\xa9 no?\n"
    quoted = plain + b"Content-Transfer-Encoding: quoted-printable\n\nPerch=C3=A9 =\nno?\n"
    assert the_message(eight).external_id == the_message(quoted).external_id


@pytest.mark.parametrize("changed", [b"From: x@y.example\n", b"Subject: other\n", b"Date: Mon, 23 Nov 2026 1:00\n"])
def test_mails_that_share_a_message_id_are_told_apart(changed: bytes) -> None:
    """By who wrote, when, about what, and what they say."""
    first = b"Message-ID: <1@b.example>\nFrom: a@b.example\nSubject: s\nDate: Sun, 22 Nov 2026 12:00\n\ntext\n"
    name = changed.split(b":")[0]
    second = b"\n".join(changed.strip() if line.startswith(name + b":") else line for line in first.split(b"\n"))

    ids = {the_message(raw).external_id for raw in (first, second, first.replace(b"text", b"Text"))}

    assert len(ids) == 3
    assert all(one.startswith("1@b.example#") for one in ids)


def test_a_cut_mail_has_the_identity_of_the_whole() -> None:
    """Wherever the beginning ends, also amid Base64, as long as what is digested is there."""
    encoded = b"QUJD" * 20 + b"\n"
    raw = b"From: a@b.example\nMessage-ID: <1@b>\nContent-Transfer-Encoding: base64\n\n" + encoded * 10_000

    assert {the_message(raw[: 600_000 + cut]).external_id for cut in range(6)} == {the_message(raw).external_id}


def test_our_own_mail_in_the_inbox_is_ours_but_may_be_forged() -> None:
    """A copy to ourselves carries our reference; its content cannot pass for that of the mail in the sent folder."""
    raw = f"From: Help@Shop.example\nTo: ada@example.org\nMessage-ID: <{REF}@shop.example>\n\nHi\n".encode()

    copy, kept = the_message(raw), the_message(raw, replace(INBOX, sent=True))

    assert (copy.ours, copy.client_ref) == (kept.ours, kept.client_ref) == (True, REF)
    assert kept.external_id == f"{REF}@shop.example"
    assert copy.external_id.startswith(f"{REF}@shop.example#")


def test_an_answer_to_a_mail_of_ours_names_its_parent() -> None:
    """As the external id that the receipt gave; other parents are known by Message-ID only, so none is named."""
    ours = f"From: ada@example.org\nReferences: <root@x.example> <{REF}@shop.example>\n\nHi\n".encode()
    other = b"From: ada@example.org\nIn-Reply-To: <1@x.example>\nReferences: <root@x.example>\n\nHi\n"

    assert (the_message(ours).parent_id, the_message(ours).conversation_id) == (f"{REF}@shop.example", "root@x.example")
    assert (the_message(other).parent_id, the_message(other).conversation_id) == (None, "root@x.example")
    assert the_message(other).route["references"] == ["root@x.example", "1@x.example"]


@pytest.mark.parametrize(
    "header",
    [
        *("Auto-Submitted: auto-replied", "Auto-Submitted: auto-generated (vacation)", "Precedence: bulk"),
        *("Precedence: list", "Precedence: junk", "X-Autoreply: yes", "Return-Path: <>", "List-Id: <a.example>"),
        *("X-Auto-Response-Suppress: OOF, AutoReply", "From: MAILER-DAEMON@x.example"),
    ],
)
def test_what_machines_write_is_kept_and_marked(header: str) -> None:
    """So that no rule answers it; nothing is dropped for it."""
    message = the_message(f"{header}\nFrom: ada@example.org\nAuto-Submitted: no\n\nText\n".encode())

    assert message.automatic
    assert message.body == "Text"


def test_what_people_write_is_not_marked_as_automatic() -> None:
    """Saying so explicitly included."""
    raw = b"From: ada@example.org\nReturn-Path: <ada@example.org>\nAuto-Submitted: no\nPrecedence: normal\n\nText\n"
    assert not the_message(raw).automatic


def test_a_report_on_a_mail_that_is_not_ours_marks_nothing() -> None:
    """Nor does one that only says that a mail is late."""
    foreign = recorded("bounce").replace(b"@shop.example>\nSubject", b"@else.example>\nSubject")
    late = recorded("bounce").replace(b"Action: failed", b"Action: delayed")

    assert [type(event) for raw in (foreign, late) for event in translate.to_events(raw, INBOX)] == [sdk.Message] * 2


def test_a_report_of_delivery_marks_our_mail_as_delivered() -> None:
    """Where the server was asked for one."""
    raw = recorded("bounce").replace(b"Action: failed", b"Action: delivered")

    mark = translate.to_events(raw, INBOX)[0]

    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.client_ref) == ("delivered", REF)


def test_a_long_text_is_cut_with_a_note() -> None:
    """Never silently."""
    message = the_message(b"From: a@b.example\n\n" + b"long text\n" * 50_000)

    assert len(message.body) == translate.MAX_BODY
    assert "cut" in message.extra["note"]


def test_an_empty_mail_is_malformed() -> None:
    """There is nothing to know it by."""
    with pytest.raises(sdk.Malformed):
        translate.to_events(b" \r\n", INBOX)


def test_endless_nesting_ends() -> None:
    """Parts in parts in parts, and quotations in HTML in quotations."""
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(3000))
    deep = b"From: a@b.example\nContent-Type: text/html\n\n" + b"<blockquote type=cite><div>" * 20_000 + b"end"
    for raw in (b"From: a@b.example\n" + nested + b"\nend", deep):
        _never_anything_else(raw)


def test_a_header_for_people_is_one_clean_line() -> None:
    """No control characters, no lone halves of characters, no end."""
    raw = b"From: a@b.example\nSubject: =?utf-7?q?+2D0-?= =?utf-8?b?AAEC?= " + b"x" * 5000 + b"\n\nText\n"

    subject = the_message(raw).extra["subject"]

    assert len(subject) == mime.SHOWN
    assert subject.isprintable()


def test_long_message_ids_stay_apart() -> None:
    """What is cut from the key is in the digest."""
    ids = {
        identity.external_id(message_from_bytes(b"Message-ID: <" + b"x" * 300 + end + b"@b.example>\n\nText\n"))
        for end in (b"1", b"2")
    }

    assert len(ids) == 2
    assert all(len(one) < 200 for one in ids)


mails = st.sampled_from([path.read_bytes() for path in RECORDED])


@given(st.binary(max_size=2000))
@example(b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/html; charset=\x00\n\n<p\n--a--")
@example(b"Subject: =?x?b?=?=\nFrom: =?utf-8?b?4?= <\xff@\xff>\nDate: 99 Foo 99999 99:99:99 +99999\n\n")
@example(b"Content-Type: text/plain; charset*=utf-8'%FF'x; name*0*=a''%FF; name*2=b\n\n\xff")
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_give_events_or_are_malformed(raw: bytes) -> None:
    """Whatever comes, nothing else is raised, and what comes out can be stored."""
    _never_anything_else(raw)


@given(mails, st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 30), st.binary(max_size=30)), max_size=5))
@settings(max_examples=300, deadline=None)
def test_damaged_mails_give_events_or_are_malformed(raw: bytes, damage: list[tuple[int, int, bytes]]) -> None:
    """The same for mails that were almost right."""
    for at, length, other in damage:
        raw = raw[:at] + other + raw[at + length :]
    _never_anything_else(raw)


def _never_anything_else(raw: bytes) -> None:
    try:
        events = translate.to_events(raw, INBOX)
    except sdk.Malformed:
        events = (translate.unreadable(raw, INBOX, "1/1"),)
    for event in events:
        event.model_dump_json()
    assert events == translate.to_events(raw, INBOX) if raw.strip() and len(raw) < 10_000 else True
