"""A conversation that we begin by mail: it arrives, and what is answered by mail joins its ticket."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.bootstrap import System
from chorally_core.settings import Settings
from chorally_mail.connector import Mail
from chorally_mail.testing import FakeImap, FakeSmtp, a_mailbox

import chorally_sdk as sdk
from tests.support.api import Api, Given
from tests.support.patience import patiently
from tests.support.wall import WallPlatform
from tests.support.world import KEY, Clock


class Post:
    """A mailbox on two servers in miniature, connected to a system."""

    def __init__(self, api: Api, imap: FakeImap, smtp: FakeSmtp) -> None:
        self.api = api
        self.imap = imap
        self.smtp = smtp

    @property
    def sent(self) -> list[EmailMessage]:
        """What the server took from us."""
        return [message_from_bytes(raw, _class=EmailMessage, policy=policy.default) for raw in self.smtp.sent]

    async def begin(self, **body: Any) -> httpx.Response:
        """Have an agent write to an address."""
        given = {"account_id": "account-mail", "to": "Ada@Example.org", "name": "Ada", **body}
        made = await self.api.agent("agent").post("/outbound/v1/conversations", json=given)
        await self.api.settle()
        return made

    async def answered(self, body: str, to: EmailMessage, number: int = 1) -> None:
        """Let the person answer a mail, by a program that names what it answers, and fetch it."""
        self.api.clock.forward(minutes=5)
        answer = EmailMessage()
        answer["From"], answer["To"], answer["Subject"] = "Ada <ada@example.org>", to["From"], f"Re: {to['Subject']}"
        answer["Message-ID"] = f"<answer-{number}@example.org>"
        answer["In-Reply-To"] = answer["References"] = to["Message-ID"]
        answer["Date"] = self.api.clock()
        answer.set_content(body)
        self.imap.deliver(answer.as_bytes(policy=policy.SMTP), self.api.clock())
        await self.pull()

    async def pull(self) -> None:
        """Read what lies in the inbox, until the server is asked to tell what comes; then the line is cut."""
        system, inbox = self.api.system, sdk.Stream(name="inbox", live=True)
        self.imap.idling.clear()
        reading = asyncio.create_task(
            system.io.pulling.run(system.io.directory.accounts["account-mail"], inbox, "live")
        )
        async with patiently():
            await self.imap.idling.wait()
        self.imap.hang_up()
        with pytest.raises(sdk.RetryLater):
            await reading
        await self.api.settle()

    async def tickets(self) -> list[dict[str, Any]]:
        """Return all tickets, as agents see them."""
        found: list[dict[str, Any]] = (await self.api.agent().get("/message/v1/tickets")).json()["items"]
        return found


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    """A system with a mailbox that is empty."""
    clock = Clock()
    async with FakeImap() as imap, FakeSmtp() as smtp:
        system = System(
            Settings(data=tmp_path, secret_keys=[KEY], private_networks="127.0.0.0/8"),
            registry=Given({"mail": Mail}),
            now=clock,
        )
        await system.io.load()
        api = Api(system, WallPlatform(), clock)
        settings = a_mailbox(imap, smtp).account.settings.model_dump(mode="json", exclude={"password"})
        await system.io.accounts.connect(
            account_id="account-mail", tenant="acme", platform="mail", name="Help",
            settings=settings, credentials={"password": "s3cret-word"}, since=None,
        )  # fmt: skip
        try:
            yield Post(api, imap, smtp)
        finally:
            await api.close()


async def test_a_mail_is_begun_answered_and_joined(post: Post) -> None:
    """The mail has an id of its own, the answer names it, and both are one ticket (G4)."""
    made = await post.begin(body="Your order has left.", options={"subject": "Your order"})
    assert made.status_code == 201, made.text
    begun = (await post.api.agent().get(made.headers["Location"])).json()
    (mail,) = post.sent
    assert (mail["To"], mail["Subject"], mail.get_content().strip()) == (
        "ada@example.org", "Your order", "Your order has left."
    )  # fmt: skip
    assert (begun["state"], f"<{begun['external_id']}>") == ("sent", mail["Message-ID"])
    await post.answered("Thank you!", mail)
    (ticket,) = await post.tickets()
    assert (ticket["id"], ticket["status"], ticket["message_count"]) == (begun["ticket_id"], "open", 2)
    said = (await post.api.agent().get(f"/message/v1/tickets/{ticket['id']}/messages")).json()["items"]
    assert [(m["direction"], m["body"], m["status"]) for m in said] == [
        ("outbound", "Your order has left.", "sent"), ("inbound", "Thank you!", "received")
    ]  # fmt: skip
