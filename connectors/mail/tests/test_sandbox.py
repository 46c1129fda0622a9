"""The mailbox as a person takes hold of it: by HTTP, while mail goes over IMAP and SMTP."""

import asyncio
import imaplib
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import httpx
import pytest
from chorally_mail.connector import Mail
from chorally_mail.testing import FakeImap
from chorally_mail.testing.levers import Mailbox, Served

import chorally_sdk as sdk
from chorally_sdk.testing import connect


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """An empty mailbox whose servers are open."""
    async with Mailbox() as opened:
        yield opened


def _connected(mailbox: Mailbox) -> Mail:
    known = mailbox.connection()
    return connect(Mail, external_id=known.external_id, settings=known.settings, grant=known.grant, now=mailbox.clock)


async def test_what_is_said_by_http_arrives_by_imap(mailbox: Mailbox) -> None:
    """And what is answered by SMTP is in the state, and once in the sent folder, where the server keeps it."""
    async with httpx.AsyncClient(transport=mailbox.transport(), base_url="https://twin.example") as person:
        said = (await person.post("/_sandbox/say", json={"body": "Is it blue?"})).json()["id"]
        mail = _connected(mailbox)
        page = await anext(mail.pull("inbox", None, None))
        (message,) = page.events
        assert isinstance(message, sdk.Message)
        assert (message.external_id, message.body) == (said, "Is it blue?")
        answer = {"body": "No.", "route": message.route, "in_reply_to": said, "to": "ada@example.org"}
        receipt = await mail.push(
            sdk.OutboundMessage.model_validate({"id": "1", "client_ref": "0" * 32, "channel": "mail_message", **answer})
        )
        assert receipt.data == {"sent_copy": "the server keeps it"}
        state = (await person.get("/_sandbox/state")).json()
    assert [made["body"] for made in state["made"]] == ["No."]
    assert len(mailbox.imap.folders["Sent"].mails) == 1


async def test_faults_that_are_asked_for_happen_on_the_wire_until_they_are_cleared(mailbox: Mailbox) -> None:
    """Those of mail: what a mail server cannot do is refused with what it can."""
    async with httpx.AsyncClient(transport=mailbox.transport(), base_url="https://twin.example") as person:
        await person.post("/_sandbox/faults", json={"kind": "connection_refused", "on": "read"})
        with pytest.raises(sdk.RetryLater):
            await _connected(mailbox).check()
        await person.delete("/_sandbox/faults")
        await _connected(mailbox).check()
        refused = await person.post("/_sandbox/faults", json={"kind": "not_json", "on": "read"})
    assert refused.status_code == 400
    assert "expired_token/read" in refused.json()["error"]


async def test_a_mail_can_be_read_by_any_program(mailbox: Mailbox) -> None:
    """Such as the standard library's, which asks by number and opens the folder for writing."""
    await mailbox.say("Is it blue?")

    def read() -> tuple[str, bytes]:
        with imaplib.IMAP4("127.0.0.1", mailbox.imap.port) as client:
            client.login("help@shop.example", "s3cret-word")
            client.select("INBOX")
            _, answer = client.fetch("1", "(BODY[])")
            with pytest.raises(imaplib.IMAP4.error):
                client.fetch("2", "(BODY[])")
            return str(client.state), answer[0][1] if isinstance(answer[0], tuple) else b""

    state, raw = await asyncio.to_thread(read)
    assert state == "SELECTED"
    assert b"Message-ID: <1@example.org>" in raw


async def test_the_servers_open_and_close_with_the_one_that_serves_them() -> None:
    """At the ports that were told before; where one is taken, serving fails and says so."""
    served, told = Served(), asyncio.Queue[MutableMapping[str, Any]]()
    ended = asyncio.Event()
    begun = iter([True])

    async def receive() -> MutableMapping[str, Any]:
        if next(begun, False):
            return {"type": "lifespan.startup"}
        await ended.wait()
        return {"type": "lifespan.shutdown"}

    async with FakeImap() as taken:
        served.imap.port = taken.port
        await served({"type": "lifespan"}, receive, told.put)
        assert "taken" in (await told.get())["message"]

    begun = iter([True])
    served.imap.port = served.smtp.port = 0
    serving = asyncio.ensure_future(served({"type": "lifespan"}, receive, told.put))
    assert await told.get() == {"type": "lifespan.startup.complete"}
    assert (await _connected(served).check()).external_id == "help@shop.example"
    ended.set()
    await serving
    with pytest.raises(sdk.RetryLater):
        await _connected(served).check()
