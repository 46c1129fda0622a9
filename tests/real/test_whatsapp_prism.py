"""The WhatsApp connector against Prism, which answers as Meta's OpenAPI description says, and judges calls by it.

It keeps no state: what is seen here is that calls are taken and answers are read. 422 is its word for a call that
breaks the description.
"""

import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from chorally_whatsapp import WhatsApp
from chorally_whatsapp.config import AccountSettings
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect

pytestmark = pytest.mark.real

NUMBER, BUSINESS, ADA = "106000000000001", "206000000000001", "15550007777"
GRAPH = "https://graph.facebook.com"


class Diverted(httpx.AsyncBaseTransport):
    """Leads calls of the Graph API to Prism."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        self._inner = httpx.AsyncHTTPTransport()
        self.statuses: list[int] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a call to Prism as it is."""
        assert str(request.url).startswith(GRAPH)
        request.url = request.url.copy_with(scheme=self._url.scheme, host=self._url.host, port=self._url.port)
        request.headers["host"] = self._url.netloc.decode()
        answer = await self._inner.handle_async_request(request)
        self.statuses.append(answer.status_code)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


@pytest.fixture
async def prism() -> AsyncIterator[Diverted]:
    """Prism, with the description of WhatsApp."""
    url = os.environ.get("CHORALLY_PRISM_URL", "")
    if not url:
        told = "no Prism; start it with WhatsApp's description and set CHORALLY_PRISM_URL"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    transport = Diverted(url)
    yield transport
    await transport.aclose()


def connected(prism: Diverted, **settings: Any) -> WhatsApp:
    """A connector for a number; no reference travels, for the description leaves that field out."""
    known = AccountSettings(phone_number_id=NUMBER, waba_id=BUSINESS, references=False, **settings)
    grant = sdk.Grant(access=SecretStr("a-token"))
    return connect(WhatsApp, prism, external_id=NUMBER, grant=grant, settings=known, media=pieces)


async def pieces(_: sdk.Attachment) -> AsyncIterator[bytes]:
    """The content of every file of ours."""
    yield b"content"


def a_message(body: str = "Yes", **given: Any) -> sdk.OutboundMessage:
    """Build a message to Ada whose file is uploaded already."""
    told = {"id": "1", "client_ref": "0" * 32, "channel": "whatsapp_message", "conversation_id": ADA, "body": body}
    return sdk.OutboundMessage.model_validate({**told, "prepared": {"file": "7"}, **given})


def a_file(media_type: str) -> dict[str, Any]:
    """Build a file of ours."""
    return {"kind": "file", "external_id": "f", "media_type": media_type, "name": "file", "size_bytes": 7}


ROW = {"id": "1", "title": "One", "description": "The first"}
PERSON = {"name": {"formatted_name": "Bob", "first_name": "Bob"}, "phones": [{"phone": "+1 555", "type": "WORK"}]}
TEMPLATE = {
    "name": "ready",
    "language": "it",
    "components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Ciao {{1}}"}],
}
TAKEN: dict[str, dict[str, Any]] = {
    "text": {},
    "answer": {"in_reply_to": "wamid.A1"},
    "image": {"attachments": [a_file("image/png")]},
    "video": {"attachments": [a_file("video/mp4")]},
    "document": {"attachments": [a_file("application/pdf")]},
    "voice": {"body": "", "attachments": [a_file("audio/ogg")], "options": {"voice": True}},
    "sticker": {"body": "", "attachments": [a_file("image/webp")]},
    "location": {"options": {"location": {"latitude": 45.1, "longitude": 9.2, "address": "Via Uno 1"}}},
    "contacts": {"options": {"contacts": [PERSON]}},
    "reaction": {"in_reply_to": "wamid.A1", "options": {"reaction": "+"}},
    "buttons": {"options": {"buttons": ["Yes", "No"], "footer": "Small", "header": "Title"}},
    "buttons below a file": {"attachments": [a_file("image/png")], "options": {"buttons": ["Yes"]}},
    "list": {"options": {"list": {"button": "Choose", "sections": [{"title": "A", "rows": [ROW]}]}}},
    "template": {
        "body": "",
        "attachments": [a_file("image/png")],
        "template": {"name": "ready", "language": "it", "values": ["Ada"]},
        "prepared": {"file": "7", "template": TEMPLATE},
    },
}


@pytest.mark.parametrize("kind", TAKEN)
async def test_every_kind_of_message_is_taken(prism: Diverted, kind: str) -> None:
    """And the answer names what was made."""
    with sdk.visible_call():
        receipt = await connected(prism).push(a_message(**{"body": "Yes", **TAKEN[kind]}))

    assert (receipt.state, str(receipt.external_id).partition(".")[0]) == ("accepted", "wamid")
    assert prism.statuses == [200]


NEWER: dict[str, dict[str, Any]] = {
    "a link, which is newer than the description": {"options": {"url": {"text": "Open", "url": "https://example.org"}}},
    "a button of a template, of whose index its pattern refuses its own example": {
        "body": "",
        "template": {"name": "ready", "language": "it"},
        "options": {
            "components": [
                {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "x"}]}
            ]
        },
    },
}


@pytest.mark.parametrize("kind", NEWER)
async def test_what_the_description_does_not_know_is_refused(prism: Diverted, kind: str) -> None:
    """Which shows that bodies are judged; Meta's pages document these calls."""
    with sdk.visible_call(), pytest.raises(sdk.Rejected):
        await connected(prism).push(a_message(**{"body": "Yes", **NEWER[kind]}))
    assert prism.statuses == [422]


async def test_the_number_templates_and_the_subscription_are_read(prism: Diverted) -> None:
    """From the description's own examples."""
    whatsapp = connected(prism)
    info = await whatsapp.check()
    templates = await whatsapp.templates()
    made = await whatsapp.subscribe("https://chorally.example", SecretStr("s"), None)
    await whatsapp.unsubscribe(made)

    assert info.external_id
    assert all(template.name and template.language for template in templates)
    assert made.external_id == BUSINESS
    assert prism.statuses == [200] * 4


async def test_a_file_is_uploaded_and_asked_for(prism: Diverted) -> None:
    """As a form of several parts; a link to a file is named by its id."""
    whatsapp = connected(prism)
    prepared = await whatsapp.prepare(a_message(prepared={}, attachments=[a_file("image/png")]))
    answer = await whatsapp.http.get("/2621233374848975", params={"phone_number_id": NUMBER})

    assert prepared.ready
    assert prepared.state["file"]
    assert answer.status_code == 200
    assert prism.statuses == [200, 200]


async def test_a_like_is_taken(prism: Diverted) -> None:
    """It is a reaction."""
    told = {"verb": "like", "external_id": "wamid.A1", "channel": "whatsapp_message", "route": {"to": ADA}}
    await connected(prism).moderate(sdk.Action.model_validate(told))

    assert prism.statuses == [200]
