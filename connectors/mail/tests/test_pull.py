"""Reading a folder: pages, resuming, UIDVALIDITY, IDLE and polling, mails that are large, gone or broken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chorally_mail.connector import Mail
from chorally_mail.testing import FakeFolder, FakeImap

import chorally_sdk as sdk
from chorally_sdk.testing import pulled

Connected = Callable[..., Mail]


def a_mail(number: int = 1, body: str = "Hello", **headers: str) -> bytes:
    """A mail of a customer."""
    lines = {
        "From": "Ada <ada@example.org>",
        "To": "help@shop.example",
        "Subject": f"Order {number}",
        "Message-ID": f"<{number}@example.org>",
        "Date": "Sun, 22 Nov 2026 12:00:00 +0000",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{head}\r\n{body}\r\n".encode()


def messages(pages: list[sdk.Page]) -> list[sdk.Message]:
    """All messages of some pages."""
    return [event for page in pages for event in page.events if isinstance(event, sdk.Message)]


async def first(pages: AsyncIterator[sdk.Page], count: int) -> list[sdk.Page]:
    """Return so many pages, and leave the stream open no longer."""
    found: list[sdk.Page] = []
    async with asyncio.timeout(10), aclosing(pages) as stream:  # type: ignore[type-var]
        async for page in stream:
            found.append(page)
            if len(found) == count:
                break
    return found


async def test_a_folder_is_walked_in_pages_of_fifty(imap: FakeImap, mailbox: Connected) -> None:
    """No page is larger, all mails come, in order, and the last page says that it is."""
    for number in range(120):
        imap.inbox.add(a_mail(number))

    pages = await pulled(mailbox().pull("inbox", None, None))

    assert [len(page.events) for page in pages] == [50, 50, 20]
    assert [page.done for page in pages] == [False, False, True]
    assert [f"Order {number}" for number in range(120)] == [m.extra["subject"] for m in messages(pages)]


async def test_a_walk_goes_on_after_any_page(imap: FakeImap, mailbox: Connected) -> None:
    """From every cursor the rest comes, and nothing before it."""
    for number in range(120):
        imap.inbox.add(a_mail(number))
    whole = await pulled(mailbox().pull("inbox", None, None))

    for done, page in enumerate(whole, 1):
        rest = await pulled(mailbox().pull("inbox", page.cursor, None))
        assert messages(rest) == messages(whole[done:])


async def test_a_second_pull_from_the_last_cursor_yields_nothing_twice(imap: FakeImap, mailbox: Connected) -> None:
    """A server names the last mail for any range that ends in *; it is not new for that."""
    imap.inbox.add(a_mail())
    (page,) = await pulled(mailbox().pull("inbox", None, None))

    (again,) = await pulled(mailbox().pull("inbox", page.cursor, None))

    assert again.events == ()
    assert again.cursor == page.cursor


async def test_a_connection_lost_between_pages_is_tried_later_and_loses_nothing(
    imap: FakeImap, mailbox: Connected
) -> None:
    """The page before the loss counts; the next pull brings the others."""
    for number in range(120):
        imap.inbox.add(a_mail(number))
    imap.drop_at_fetch = 2
    kept: list[sdk.Page] = []

    with pytest.raises(sdk.RetryLater, match="closed the connection"):
        await pulled(mailbox().pull("inbox", None, None), stored=_into(kept))
    kept += await pulled(mailbox().pull("inbox", kept[-1].cursor, None))

    assert [f"Order {number}" for number in range(120)] == [m.extra["subject"] for m in messages(kept)]


async def test_new_uids_start_the_walk_over_with_the_same_messages(imap: FakeImap, mailbox: Connected) -> None:
    """After a change of UIDVALIDITY all mails come again in the same call, equal in every field."""
    for number in range(3):
        imap.inbox.add(a_mail(number))
    before = await pulled(mailbox().pull("inbox", None, None))
    imap.inbox.renumbered(1)

    after = await pulled(mailbox().pull("inbox", before[-1].cursor, None))

    assert messages(before) == messages(after)
    assert after[-1].cursor == {"uidvalidity": 2, "uid": 3}


async def test_uids_that_begin_anew_without_saying_so_start_the_walk_over(imap: FakeImap, mailbox: Connected) -> None:
    """A next UID not above the last known one betrays a server that forgot its numbering."""
    imap.inbox.add(a_mail())

    pages = await pulled(mailbox().pull("inbox", {"uidvalidity": 1, "uid": 40}, None))

    assert len(messages(pages)) == 1


async def test_what_arrived_before_since_is_passed_over_to_the_second(imap: FakeImap, mailbox: Connected) -> None:
    """The server only knows days; within the day we look closer. The Date header is no matter."""
    since = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    for minutes in (-60 * 24 * 3, -1, 0, 1):
        imap.inbox.add(a_mail(minutes), since + timedelta(minutes=minutes))

    pages = await pulled(mailbox().pull("inbox", None, since + timedelta(milliseconds=800)))

    assert [m.extra["subject"] for m in messages(pages)] == ["Order 0", "Order 1"]
    assert any("SINCE 21-Nov-2026" in command for command in imap.seen)


async def test_an_empty_stretch_is_not_searched_again(imap: FakeImap, mailbox: Connected) -> None:
    """The cursor stands after what was passed over, so the next search begins there."""
    imap.inbox.add(a_mail(), datetime(2020, 1, 1, tzinfo=UTC))

    (page,) = await pulled(mailbox().pull("inbox", None, datetime(2026, 11, 1, tzinfo=UTC)))

    assert page.cursor == {"uidvalidity": 1, "uid": 1}


async def test_a_mail_deleted_meanwhile_is_left_out(imap: FakeImap, mailbox: Connected) -> None:
    """Another client may delete what the search found; the others come all the same."""
    for number in range(3):
        imap.inbox.add(a_mail(number))
    imap.deleted_at_fetch = {2}

    pages = await pulled(mailbox().pull("inbox", None, None))

    assert [m.extra["subject"] for m in messages(pages)] == ["Order 0", "Order 2"]


async def test_reading_marks_nothing_as_seen(imap: FakeImap, mailbox: Connected) -> None:
    """The folder is opened read-only and bodies are peeked at."""
    imap.inbox.add(a_mail())

    await pulled(mailbox().pull("inbox", None, None))

    assert not [command for command in imap.seen if command.startswith("SELECT") or "BODY[" in command]


async def test_the_inbox_stays_open_and_tells_of_arrivals(imap: FakeImap, mailbox: Connected) -> None:
    """What arrives in IDLE comes as a page of its own."""
    pages = mailbox().pull("inbox", None, None)
    assert (await anext(pages)).events == ()
    coming = _soon(anext(pages))
    await imap.idling.wait()

    imap.deliver(a_mail(9))

    page = await coming
    assert [m.extra["subject"] for m in messages([page])] == ["Order 9"]
    await pages.aclose()  # type: ignore[attr-defined]


async def test_an_arrival_told_with_the_first_word_of_idle_is_not_missed(imap: FakeImap, mailbox: Connected) -> None:
    """The notice may come in the same packet as the answer to IDLE itself."""
    imap.on_idle = [a_mail(4)]

    pages = await first(mailbox().pull("inbox", None, None), 2)

    assert [m.extra["subject"] for m in messages(pages)] == ["Order 4"]


async def test_an_arrival_told_while_the_folder_is_searched_is_not_missed(imap: FakeImap, mailbox: Connected) -> None:
    """The server tells of it once, beside the answer that it came too late for; IDLE would wait for another."""
    imap.on_search = [a_mail(8)]

    pages = await first(mailbox().pull("inbox", None, None), 2)

    assert [m.extra["subject"] for m in messages(pages)] == ["Order 8"]
    assert "IDLE" not in imap.seen


async def test_idle_is_renewed_and_an_empty_renewal_yields_no_page(imap: FakeImap, mailbox: Connected) -> None:
    """After each renewal the folder is looked through again; only news makes a page."""
    stream = mailbox(idle_renewal=timedelta(milliseconds=5)).pull("inbox", None, None)
    await anext(stream)
    coming = _soon(anext(stream))
    for _ in range(3):
        imap.idling.clear()
        await imap.idling.wait()
    assert not coming.done()
    imap.inbox.add(a_mail(5))  # without a word to those in IDLE

    page = await coming

    assert len(page.events) == 1
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("offered", [True, False])
async def test_a_server_without_idle_is_looked_at_now_and_then(
    imap: FakeImap, mailbox: Connected, offered: bool
) -> None:
    """Whether IDLE is not offered, or offered and refused, arrivals come by polling."""
    imap.capabilities = "IMAP4rev1 AUTH=PLAIN"
    box = mailbox()
    stream = box.pull("inbox", None, None)
    if offered:
        imap.capabilities = "IMAP4rev1 AUTH=PLAIN IDLE"
    await anext(stream)
    imap.capabilities = "IMAP4rev1 AUTH=PLAIN"
    coming = _soon(anext(stream))
    await imap.idling.wait()
    imap.inbox.add(a_mail(6))

    assert len((await coming).events) == 1
    assert ("IDLE" in imap.seen) == offered
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_connection_lost_in_idle_is_opened_again_by_the_host(imap: FakeImap, mailbox: Connected) -> None:
    """The stream ends with RetryLater, and the next one goes on from the cursor."""
    stream = mailbox().pull("inbox", None, None)
    page = await anext(stream)
    coming = _soon(anext(stream))
    await imap.idling.wait()
    imap.hang_up()

    with pytest.raises(sdk.RetryLater):
        await coming
    imap.inbox.add(a_mail(7))
    assert len(messages(await pulled(mailbox().pull("inbox", page.cursor, None)))) == 1


async def test_of_a_large_mail_the_beginning_comes_under_the_same_identity(imap: FakeImap, mailbox: Connected) -> None:
    """Its text is there, a note says that it is not whole, and reading it whole later makes no second message."""
    raw = a_mail(body="The news first.\r\n" + "filler and more filler\r\n" * 60_000)
    imap.inbox.add(raw)

    (short,) = messages(await pulled(mailbox(max_mail_bytes=10_000).pull("inbox", None, None)))
    (whole,) = messages(await pulled(mailbox().pull("inbox", None, None)))

    assert short.external_id == whole.external_id
    assert short.body.startswith("The news first.")
    assert str(len(raw)) in short.extra["note"]
    assert not [command for command in imap.seen[: len(imap.seen) // 2] if "BODY.PEEK[])" in command]


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n\r\n", b"From: x\r\n" + b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"]
)
async def test_a_mail_that_cannot_be_read_comes_as_a_message_that_says_so(
    imap: FakeImap, mailbox: Connected, raw: bytes
) -> None:
    """None is lost, none stops the others, and no rule answers it."""
    imap.inbox.add(raw)
    imap.inbox.add(a_mail(2))

    broken, good = messages(await pulled(mailbox().pull("inbox", None, None)))

    assert good.extra["subject"] == "Order 2"
    assert broken.external_id
    assert broken.automatic == (not raw.strip())


async def test_the_sent_folder_is_found_by_its_use_and_its_mails_are_ours(imap: FakeImap, mailbox: Connected) -> None:
    """A marked folder wins over one that only has the name; the stream ends when all is read."""
    imap.folders = {"INBOX": FakeFolder(), "Sent": FakeFolder(), "Posta &AOg-": FakeFolder(flags="\\Sent")}
    imap.folders["Posta &AOg-"].add(a_mail(From="help@shop.example", To="ada@example.org"))

    pages = [page async for page in mailbox().pull("sent", None, None)]

    (message,) = messages(pages)
    assert message.ours
    assert message.route["reply_to"] == ["ada@example.org"]
    assert pages[-1].done


async def test_a_sent_folder_is_known_by_its_name_where_nothing_is_marked(imap: FakeImap, mailbox: Connected) -> None:
    """Below INBOX, in Italian, without SPECIAL-USE."""
    imap.capabilities = "IMAP4rev1"
    imap.folders = {"INBOX": FakeFolder(), "INBOX.Posta inviata": FakeFolder()}
    imap.folders["INBOX.Posta inviata"].add(a_mail())

    assert len(messages(await pulled(mailbox().pull("sent", None, None)))) == 1


async def test_without_a_sent_folder_there_is_nothing_to_read(imap: FakeImap, mailbox: Connected) -> None:
    """The stream ends at once, with the cursor it was given."""
    del imap.folders["Sent"]
    cursor = {"uidvalidity": 3, "uid": 4}

    (page,) = await pulled(mailbox().pull("sent", cursor, None))

    assert (page.events, page.cursor, page.done) == ((), cursor, True)


async def test_a_copy_of_our_own_mail_carries_our_reference(imap: FakeImap, mailbox: Connected) -> None:
    """In the sent folder its Message-ID alone is its identity, as the receipt said."""
    ref = "a" * 32
    imap.folders["Sent"].add(a_mail(From="help@shop.example", Message_ID=f"<{ref}@shop.example>"))
    imap.inbox.add(a_mail(From="Eve <eve@example.net>", Message_ID=f"<{ref}@shop.example>"))

    (sent,) = messages(await pulled(mailbox().pull("sent", None, None)))
    (forged,) = messages(await pulled(mailbox().pull("inbox", None, None)))

    assert (sent.external_id, sent.client_ref, sent.ours) == (f"{ref}@shop.example", ref, True)
    assert (forged.client_ref, forged.ours) == (None, False)
    assert forged.external_id != sent.external_id


async def test_a_folder_that_is_not_there_is_tried_later(mailbox: Connected) -> None:
    """It may be on its way back; the message names it."""
    with pytest.raises(sdk.RetryLater, match="Nowhere"):
        await pulled(mailbox(inbox="Nowhere").pull("inbox", None, None))


def _soon(awaitable: Any) -> Any:
    return asyncio.ensure_future(asyncio.wait_for(awaitable, 10))


def _into(kept: list[sdk.Page]) -> Callable[[sdk.Page], Awaitable[None]]:
    async def keep(page: sdk.Page) -> None:
        kept.append(page)

    return keep
