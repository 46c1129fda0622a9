"""A conversation that an agent begins by mail, over a real server: it arrives, and its answer joins its ticket."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from chorally_core.bootstrap import System
from chorally_core.settings import Settings
from chorally_mail.connector import Mail

from tests.real.mail_servers import a_message, cursor_of, greenmail, next_message
from tests.support.api import Api, Given
from tests.support.patience import PATIENCE_S
from tests.support.wall import WallPlatform
from tests.support.world import KEY, Clock

pytestmark = pytest.mark.real


async def _until(api: Api, path: str, holds: Any) -> Any:
    """Ask until the answer is as it should be: mail takes its time."""
    http, end = api.agent(), time.monotonic() + PATIENCE_S
    while True:
        body = (await http.get(path)).json()
        if holds(body):
            return body
        assert time.monotonic() < end, body
        await asyncio.sleep(0.2)


async def test_a_mail_is_begun_answered_and_joined(tmp_path: Path) -> None:
    """Through the API, SMTP and IMAP: one ticket with our mail, which is reconciled, and the person's answer."""
    server = greenmail()
    settings = Settings(data=tmp_path, secret_keys=[KEY], private_networks="127.0.0.0/8")
    system = System(settings, registry=Given({"mail": Mail}))
    await system.start()
    api = Api(system, WallPlatform(), Clock())
    try:
        theirs = await cursor_of(server.customer)
        connected = await api.agent().post(
            "/io/v1/accounts",
            json={
                "connector": "mail", "name": "Help",
                "settings": {**server.settings, "address": server.ours[0]}, "credentials": {"password": server.ours[1]},
            },
        )  # fmt: skip
        assert connected.status_code == 201, connected.text
        made = await api.agent("agent").post(
            "/outbound/v1/conversations",
            json={
                "account_id": connected.json()["id"], "to": server.theirs[0], "name": "Ada",
                "body": "Your order has left.", "options": {"subject": "Your order"},
            },
        )  # fmt: skip
        assert made.status_code == 201, made.text

        mail = await next_message(server.customer, theirs)

        assert (mail.body, mail.extra["subject"]) == ("Your order has left.", "Your order")
        begun = await _until(api, made.headers["Location"], lambda shown: shown["state"] == "sent")
        assert mail.external_id.startswith(begun["external_id"])
        await server.customer.push(a_message("Thank you!", route=mail.route))
        path = f"/message/v1/tickets/{begun['ticket_id']}/messages"
        said = (await _until(api, path, lambda shown: len(shown["items"]) == 2))["items"]
        assert [(m["direction"], m["body"].strip(), m["status"]) for m in said] == [
            ("outbound", "Your order has left.", "sent"), ("inbound", "Thank you!", "received")
        ]  # fmt: skip
        (ticket,) = (await api.agent().get("/message/v1/tickets")).json()["items"]
        assert (ticket["id"], ticket["message_count"]) == (begun["ticket_id"], 2)
    finally:
        for client in api._clients:
            await client.aclose()
        await system.stop()
