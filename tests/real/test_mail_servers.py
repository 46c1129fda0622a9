"""The mail connector against real servers: GreenMail, and Postfix with Dovecot. One body, both servers."""

import asyncio
import base64
import imaplib
import ssl
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chorally_mail import sasl
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import pulled
from tests.real.faulty_line import a_faulty_line
from tests.real.mail_servers import (
    PATIENCE_S,
    Folder,
    Server,
    a_mail,
    a_message,
    a_token,
    cursor_of,
    greenmail,
    messages,
    next_message,
    picture,
    postfix_and_dovecot,
)

pytestmark = pytest.mark.real


@pytest.fixture(params=[greenmail, postfix_and_dovecot], ids=["greenmail", "mailserver"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the servers in turn."""
    make: Callable[[], Server] = request.param
    return make()


@pytest.fixture
def folder(server: Server) -> Iterator["Folder"]:
    """A folder of our mailbox, new for each test."""
    made = Folder(server, f"Test-{uuid.uuid4().hex[:8]}")
    made.create()
    yield made
    made.delete()


async def test_a_mailbox_is_named_when_it_is_checked(server: Server) -> None:
    """Both servers let us in, encrypted where the settings say so."""
    assert (await server.us.check()).external_id == server.ours[0]


async def test_a_wrong_password_asks_a_person_and_is_not_told(server: Server) -> None:
    """By either server."""
    wrong = server.mailbox((server.ours[0], "wr0ng-password"))
    with pytest.raises(sdk.Reauthorize) as caught:
        await wrong.check()
    with pytest.raises(sdk.Reauthorize) as refused:
        await wrong.push(a_message("Hi", to=server.theirs[0]))

    assert "wr0ng" not in f"{caught.value} {refused.value}"


async def test_a_folder_is_caught_up_with_in_pages_and_left_as_it_was(server: Server, folder: Folder) -> None:
    """All mails, in order, resumed after any page; nothing is marked as seen."""
    folder.add(*(a_mail(number, "short") for number in range(60)))
    box = server.mailbox(server.ours, inbox=folder.name)

    pages = await pulled(box.pull("inbox", None, None))

    assert [len(page.events) for page in pages] == [50, 10]
    assert [m.extra["subject"] for m in messages(pages)] == [f"Order {number}" for number in range(60)]
    assert messages(await pulled(box.pull("inbox", pages[0].cursor, None))) == messages(pages[1:])
    assert messages(await pulled(box.pull("inbox", pages[1].cursor, None))) == []
    assert "Seen" not in folder.flags()


async def test_only_arrivals_since_a_time_are_read(server: Server, folder: Folder) -> None:
    """What lay there before is passed over. GreenMail takes an arrival between noon and one for one after midnight."""
    folder.add(a_mail(1))
    box = server.mailbox(server.ours, inbox=folder.name)

    assert messages(await pulled(box.pull("inbox", None, datetime.now(UTC) + timedelta(hours=1)))) == []
    assert len(messages(await pulled(box.pull("inbox", None, datetime.now(UTC) - timedelta(hours=13))))) == 1


async def test_an_arrival_is_told_while_the_inbox_waits(server: Server) -> None:
    """By IDLE, well before any renewal."""
    box = server.mailbox(server.ours, poll_every=timedelta(hours=1))
    coming = asyncio.ensure_future(next_message(box, await cursor_of(box)))

    await server.customer.push(a_message("Are you there?", to=server.ours[0], options={"subject": "Hello ünï"}))

    message = await coming
    assert (message.body, message.extra["subject"]) == ("Are you there?", "Hello ünï")
    assert message.author is not None
    assert message.author.external_id == server.theirs[0]


async def test_a_conversation_stays_one_in_both_mailboxes(server: Server) -> None:
    """Their question, our answer, their answer to it: one thread, and the answer names what it answers."""
    ours, theirs = await cursor_of(server.us), await cursor_of(server.customer)
    await server.customer.push(a_message("Is it blue?", to=server.ours[0], options={"subject": "Lamp"}))
    question = await next_message(server.us, ours)

    answer = a_message("No.", route=question.route, in_reply_to=question.external_id, options={"html": "<p>No.</p>"})
    receipt = await server.us.push(answer.model_copy(update={"conversation_id": question.conversation_id}))
    seen = await next_message(server.customer, theirs)

    assert (seen.conversation_id, seen.extra["subject"], seen.body) == (question.conversation_id, "Re: Lamp", "No.")
    assert receipt.conversation_id == question.conversation_id
    ours = await cursor_of(server.us)
    await server.customer.push(a_message("Then red.", route=seen.route))
    back = await next_message(server.us, ours)
    assert (back.conversation_id, back.parent_id) == (question.conversation_id, receipt.external_id)


async def test_new_uids_bring_the_same_messages_again(server: Server, folder: Folder) -> None:
    """A folder deleted and made anew is walked from its beginning, under the same external ids."""
    mails = [a_mail(number) for number in range(3)]
    folder.add(*mails)
    box = server.mailbox(server.ours, inbox=folder.name)
    before = await pulled(box.pull("inbox", None, None))
    folder.recreate(*mails)

    after = await pulled(box.pull("inbox", before[-1].cursor, None))

    assert after[-1].cursor["uidvalidity"] != before[-1].cursor["uidvalidity"]
    assert [m.external_id for m in messages(after)] == [m.external_id for m in messages(before)]
    assert [m.attachments for m in messages(after)] == [m.attachments for m in messages(before)]


async def test_files_are_downloaded_in_pieces_also_after_a_renumbering(server: Server, folder: Folder) -> None:
    """Byte for byte."""
    mails = [a_mail(number) for number in range(2)]
    folder.add(*mails)
    box = server.mailbox(server.ours, inbox=folder.name)
    found = messages(await pulled(box.pull("inbox", None, None)))
    folder.recreate(*reversed(mails))

    for number, message in enumerate(found):
        (file,) = message.attachments
        pieces = [piece async for piece in box.download(file)]
        assert len(pieces) > 1
        assert b"".join(pieces) == picture(number)
        assert (file.name, file.media_type, file.size_bytes) == ("lamp.png", "image/png", len(picture(number)))


async def test_of_a_large_mail_the_beginning_is_read(server: Server, folder: Folder) -> None:
    """Under the identity it would have as a whole."""
    folder.add(a_mail(1, "The news first.\n" + "filler and filler\n" * 60_000))
    box = server.mailbox(server.ours, inbox=folder.name, max_mail_bytes=1000)
    (short,) = messages(await pulled(box.pull("inbox", None, None)))
    (whole,) = messages(await pulled(server.mailbox(server.ours, inbox=folder.name).pull("inbox", None, None)))

    assert short.body.startswith("The news first.")
    assert "beginning" in short.extra["note"]
    assert short.external_id == whole.external_id


async def test_what_we_sent_is_found_and_read_as_ours(server: Server, folder: Folder) -> None:
    """In the folder where the copy was put, under the identity of the receipt."""
    box = server.mailbox(server.ours, sent=folder.name)
    message = a_message("We send you a new one. Perché no?", to=server.theirs[0])

    receipt = await box.push(message)

    assert receipt.data == {"sent_copy": "saved"}
    found = await box.find(message)
    assert found is not None
    assert found.external_id == receipt.external_id
    (copy,) = messages(await pulled(box.pull("sent", None, None)))
    assert (copy.external_id, copy.client_ref, copy.ours) == (receipt.external_id, message.client_ref, True)
    with pytest.raises(sdk.OutcomeUnknown):
        await box.find(a_message("never sent"))


async def test_a_recipient_that_is_not_there_is_refused(server: Server) -> None:
    """Where the server knows so while it is told; the reason is for the agent."""
    if not server.jwt_secret:
        pytest.skip("GreenMail takes mail for anybody")
    with pytest.raises(sdk.Rejected) as caught:
        await server.us.push(a_message("Hi", to="nobody@chorally.test"))
    assert caught.value.reason is sdk.Reason.GONE
    with pytest.raises(sdk.Rejected):
        await server.us.push(a_message("Hi", to="ada@elsewhere.example"))


async def test_a_token_signs_in_and_a_stale_one_does_not(server: Server) -> None:
    """XOAUTH2 to both servers; an expired token asks for a renewal."""
    if not server.jwt_secret:
        pytest.skip("GreenMail checks no tokens")
    fresh = sdk.Grant(access=SecretStr(a_token(server, valid_s=600)))
    stale = sdk.Grant(access=SecretStr(a_token(server, valid_s=-600)))

    assert (await server.mailbox(server.ours, grant=fresh, password=None).check()).external_id == server.ours[0]
    with pytest.raises(sdk.Reauthorize):
        await server.mailbox(server.ours, grant=stale, password=None).check()
    with pytest.raises(sdk.Reauthorize):
        await server.mailbox(server.ours, grant=stale, password=None).push(a_message("Hi", to=server.theirs[0]))


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_a_token_is_shown_as_both_mechanisms_want(server: Server, mechanism: str) -> None:
    """Dovecot takes a fresh one either way; of a stale one it says why, and is parted from as the mechanism wants."""
    if not server.jwt_secret:
        pytest.skip("GreenMail checks no tokens")

    def signed_in(valid_s: int) -> list[bytes]:
        proof = sasl.by_token(
            [mechanism], server.ours[0], a_token(server, valid_s=valid_s), "localhost", server.imap_port
        )
        told: list[bytes] = []

        def answer(challenge: bytes) -> bytes:
            told.append(challenge)
            return proof.response if len(told) == 1 else proof.parting

        client = imaplib.IMAP4("127.0.0.1", server.imap_port)
        try:
            client.starttls(ssl.create_default_context(cafile=server.settings["ca_file"]))
            client.authenticate(mechanism, answer)
        except imaplib.IMAP4.error:
            assert valid_s < 0
        finally:
            client.shutdown()
        return told

    assert len(await asyncio.to_thread(signed_in, 600)) == 1
    assert "status" in sasl.reason(base64.b64encode((await asyncio.to_thread(signed_in, -600))[1]), "")


async def test_an_untrusted_certificate_is_not_trusted(server: Server) -> None:
    """The password is not shown to a server that nobody vouches for."""
    changes: dict[str, Any] = {"ca_file": None}
    if server.untrusted_port:
        changes |= {"imap_tls": "implicit", "imap_port": server.untrusted_port}
    with pytest.raises(sdk.RetryLater):
        await server.mailbox(server.ours, **changes).check()


async def test_a_connection_lost_in_the_middle_of_a_folder_loses_nothing(server: Server, folder: Folder) -> None:
    """The pull ends with RetryLater; going on from the last page brings the rest, once."""
    folder.add(*(a_mail(number, "x" * 2000) for number in range(60)))
    box = server.mailbox(server.ours, inbox=folder.name)
    async with a_faulty_line(server.imap_port) as line:
        behind = server.mailbox(
            server.ours, inbox=folder.name, imap_tls="none", imap_port=line.port, imap_host="127.0.0.1"
        )
        kept: list[sdk.Page] = []

        async def cut_after(page: sdk.Page) -> None:
            kept.append(page)
            line.cut()

        with pytest.raises(sdk.RetryLater):
            await pulled(behind.pull("inbox", None, None), stored=cut_after)

    assert len(kept) == 1
    kept += await pulled(box.pull("inbox", kept[-1].cursor, None))
    assert [m.extra["subject"] for m in messages(kept)] == [f"Order {number}" for number in range(60)]


async def test_a_connection_lost_while_waiting_is_noticed(server: Server) -> None:
    """At once, by RetryLater, so that the host opens it again."""
    async with a_faulty_line(server.imap_port) as line:
        stream = server.mailbox(server.ours, imap_tls="none", imap_port=line.port).pull("inbox", None, None)
        while not (await anext(stream)).done:
            pass
        waiting = asyncio.ensure_future(anext(stream))
        await line.quiet()
        line.cut()

        with pytest.raises(sdk.RetryLater):
            await asyncio.wait_for(waiting, PATIENCE_S)


async def test_a_mail_whose_answer_got_lost_is_in_doubt_and_not_sent_twice(server: Server) -> None:
    """The server has the mail, we do not know; nothing claims that it was not sent."""
    theirs = await cursor_of(server.customer)
    message = a_message("Did this go out?", to=server.theirs[0], options={"subject": uuid.uuid4().hex})
    async with a_faulty_line(server.us.account.settings.smtp_port, cut_at=b"\r\n.\r\n") as line:
        behind = server.mailbox(server.ours, smtp_tls="none", smtp_port=line.port, save_sent="never")
        with pytest.raises(sdk.OutcomeUnknown):
            await behind.push(message)

    arrived = await next_message(server.customer, theirs)
    assert arrived.extra["subject"] == message.options["subject"]
    with pytest.raises(sdk.OutcomeUnknown):
        await server.us.find(message)
