"""The sandbox as people meet it: served, configured, and calling back."""

import json
from typing import Any

import httpx
import pytest
from chorally_whatsapp import WhatsApp
from chorally_whatsapp.sandbox import Twin

import chorally_sdk as sdk
from chorally_sdk.sandbox import Clock
from chorally_sdk.testing import connect

from .building import ADA

TOKEN = {"Authorization": "Bearer sandbox-token"}
CALLBACK = "http://localhost:8000/whatsapp"


class Host:
    """Answers hooks as a host would, by the connector's own verdict; the first deliveries fail if asked to."""

    def __init__(self) -> None:
        self.heard: list[sdk.RawHook] = []
        self.fails = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a hook or a handshake."""
        if self.fails and request.method == "POST":
            self.fails -= 1
            return httpx.Response(500)
        hook = sdk.RawHook(
            method=request.method, query=dict(request.url.params), body=request.content, received_at=Clock()(),
            headers={name.lower(): value for name, value in request.headers.items()},
        )  # fmt: skip
        verdict = connect(WhatsApp).verify(hook, Twin().keys())
        self.heard += [hook] if verdict.kind == "accept" else []
        return httpx.Response(verdict.status, content=verdict.body)


@pytest.fixture
def host() -> Host:
    """Who is called back."""
    return Host()


@pytest.fixture
def business(host: Host) -> Twin:
    """A business that calls the host back."""
    return Twin(callback=httpx.MockTransport(host))


def browser(business: Twin) -> httpx.AsyncClient:
    """A client of the served sandbox."""
    return httpx.AsyncClient(transport=business.transport(), base_url="http://localhost:8765", headers=TOKEN)


async def test_hooks_are_sent_by_themselves_once_a_callback_is_set(business: Twin, host: Host) -> None:
    """Signed, after the handshake, and again until they are answered."""
    host.fails = 1
    async with business, browser(business) as http:
        configured = await http.post("/_sandbox/configure", json={"callback_url": CALLBACK, "states": ["sent", "read"]})
        await http.post("/_sandbox/say", json={"body": "Open?", "author": ADA})
        body = {"messaging_product": "whatsapp", "to": ADA, "type": "text", "text": {"body": "Yes"}}
        sent = await http.post("/v25.0/100000000000001/messages", json=body)
        await business.courier.settled()
    values = [change["value"] for hook in host.heard for change in json.loads(hook.body)["entry"][0]["changes"]]
    told = [part for value in values for part in ("messages", "statuses") for _ in value.get(part, ())]

    assert configured.json() == {"handshake": True}
    assert sent.json()["messages"][0]["id"].startswith("wamid.")
    assert sorted(told) == ["messages", "statuses", "statuses"]


async def test_files_are_served_where_the_sandbox_is(business: Twin) -> None:
    """With the token, for five minutes."""
    form = {"data": {"messaging_product": "whatsapp"}, "files": {"file": ("a.png", b"\x89PNG", "image/png")}}
    async with business, browser(business) as http:
        made = await http.post("/v25.0/100000000000001/media", **form)  # type: ignore[arg-type]
        link = (await http.get(f"/v25.0/{made.json()['id']}")).json()["url"]
        content = await http.get(link)
        unknown = await http.get(link, headers={"Authorization": "Bearer other"})
        business.clock.pass_(minutes=6)
        late = await http.get(link)

    assert link.startswith("http://localhost:8765/")
    assert (content.content, content.headers["content-type"]) == (b"\x89PNG", "image/png")
    assert (unknown.status_code, late.status_code) == (401, 404)


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"to": ADA, "type": "text", "text": {"body": "Yes"}}, 131008),
    ({"messaging_product": "whatsapp", "type": "text", "text": {"body": "Yes"}}, 131008),
    ({"messaging_product": "whatsapp", "to": ADA, "type": "text"}, 131009),
    ({"messaging_product": "whatsapp", "to": ADA, "type": "text", "text": {"body": "Yes"}}, 131047),
    ({"messaging_product": "whatsapp", "to": ADA, "type": "template", "template": {"name": "no"}}, 132001),
]


@pytest.mark.parametrize(("body", "code"), REFUSED)
async def test_what_the_platform_refuses_is_refused(business: Twin, body: dict[str, Any], code: int) -> None:
    """With its own codes."""
    async with business, browser(business) as http:
        answer = await http.post("/v25.0/100000000000001/messages", json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


async def test_a_text_that_is_too_long_is_refused(business: Twin) -> None:
    """As is a caption."""
    async with business, browser(business) as http:
        await business.say("Open?", author=ADA)
        known = {"messaging_product": "whatsapp", "to": ADA}
        text = {**known, "type": "text", "text": {"body": "a" * 4097}}
        image = {**known, "type": "image", "image": {"link": "https://example.org", "caption": "a" * 1025}}
        codes = [
            (await http.post("/v25.0/100000000000001/messages", json=each)).json()["error"]["code"]
            for each in (text, image)
        ]

    assert codes == [131009, 131009]
    assert business.made() == []


async def test_the_state_is_shown(business: Twin) -> None:
    """What was said, and what waits."""
    async with business, browser(business) as http:
        await business.say("Open?", author=ADA)
        state = (await http.get("/_sandbox/state")).json()

    assert [said["content"] for said in state["messages"]] == [{"body": "Open?"}]
    assert state["hooks"]["waiting"] == 1
