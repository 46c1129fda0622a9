"""Conversations that we begin: message and ticket come first, then the platform, and the answer joins the ticket."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api import Api, a_note, an_api
from tests.support.letters import Letters, WindowedLetters

URL = "/outbound/v1/conversations"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system whose wall takes letters."""
    async with an_api(tmp_path, connector=Letters) as api:
        yield api


async def _begin(api: Api, role: str = "agent", **body: Any) -> httpx.Response:
    given = {"account_id": "account-wall", "to": "ada", "body": "hello Ada", **body}
    answer = await api.agent(role).post(URL, json=given)
    await api.settle()
    return answer


def _code(answer: httpx.Response) -> str:
    code: str = answer.json()["type"].rpartition(":")[2]
    return code


async def _tickets(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.agent().get("/message/v1/tickets")).json()["items"]
    return found


async def test_a_conversation_is_begun_and_its_answer_joins_the_ticket(api: Api) -> None:
    """The letter goes out once, is reconciled, and what Ada answers is in the ticket that it opened (G4)."""
    made = await _begin(api, to=" ADA ", options={"subject": "your order"}, name="Ada")
    assert made.status_code == 201, made.text
    begun = (await api.agent().get(made.headers["Location"])).json()
    assert (begun["state"], begun["to"], begun["external_id"]) == ("sent", "ada", "a1")
    assert [(answer["to"], answer["text"], answer["subject"]) for answer in api.platform.answers] == [
        ("ada", "hello Ada", "your order")
    ]
    (ticket,) = await _tickets(api)
    assert (ticket["id"], ticket["status"], ticket["subject"]) == (begun["ticket_id"], "waiting", "your order")
    assert (ticket["author_name"], ticket["created_by"], ticket["first_response_at"]) == ("Ada", "agent", None)
    await api.hook(a_note("n1", "ada", "thank you", at="2026-11-23T09:30:00+00:00"))
    (ticket,) = await _tickets(api)
    assert (ticket["message_count"], ticket["unread_count"], ticket["status"]) == (2, 1, "open")
    said = (await api.agent().get(f"/message/v1/tickets/{ticket['id']}/messages")).json()["items"]
    assert [(m["direction"], m["body"], m["status"]) for m in said] == [
        ("outbound", "hello Ada", "sent"), ("inbound", "thank you", "received")
    ]  # fmt: skip


async def test_a_conversation_joins_the_ticket_that_is_open(api: Api) -> None:
    """Who wrote already has one; nothing opens a second (G4)."""
    await api.hook(a_note("n1", "ada", "hello"))
    made = await _begin(api, body="one thing more")
    (ticket,) = await _tickets(api)
    assert ticket["id"] == (await api.agent().get(made.headers["Location"])).json()["ticket_id"]
    assert (ticket["message_count"], ticket["status"]) == (2, "waiting")


async def test_the_same_key_begins_one_conversation(api: Api) -> None:
    """A request that is repeated under its key makes nothing more, and is answered alike."""
    body, head = {"account_id": "account-wall", "to": "ada", "body": "hi"}, {"Idempotency-Key": "k1"}
    first = await api.agent().post(URL, json=body, headers=head)
    await api.settle()
    again = await api.agent().post(URL, json=body, headers=head)
    await api.settle()
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert len(api.platform.answers) == 1


async def test_a_lost_answer_is_found_and_the_letter_not_sent_again(api: Api) -> None:
    """No answer from the platform is no reason to write twice (G3)."""
    api.platform.next = ["lost"]
    made = await _begin(api)
    api.clock.forward(seconds=30)
    await api.settle()
    begun = (await api.agent().get(made.headers["Location"])).json()
    assert (begun["state"], len(api.platform.answers)) == ("sent", 1)


async def test_known_people_are_written_to_by_their_author(api: Api) -> None:
    """An author is as good as an address, within the tenant."""
    await api.hook(a_note("n1", "ada", "hello"))
    (ticket,) = await _tickets(api)
    made = await _begin(api, to="", author_id=ticket["author_id"])
    assert made.status_code == 201, made.text
    unknown = await _begin(api, to="", author_id="nobody")
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "/body/author_id")
    both = await _begin(api, author_id=ticket["author_id"])
    assert both.status_code == 422


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"account_id": "nobodys"}, "/body/account_id"),
        ({"channel": "wall_post"}, "/body/channel"),
        ({"to": "a/da"}, "/body/to"),
        ({"body": " "}, "/body/body"),
        ({"body": "x" * 201}, "/body/body"),
        ({"options": {"colour": "red"}}, "/body/options"),
        ({"files": ["none"]}, "/body/files/0"),
    ],
)
async def test_what_cannot_go_out_is_refused_before_anything_is_stored(
    api: Api, given: dict[str, Any], field: str
) -> None:
    """The answer names the field, and no ticket is opened."""
    refused = await _begin(api, **given)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert await _tickets(api) == []


async def test_who_declined_is_not_written_to(api: Api) -> None:
    """What they said last counts, on the channel or everywhere; an older word changes nothing."""
    wish = {"account_id": "account-wall", "to": "ADA", "source": "asked on the phone"}
    out = await api.agent("agent").post("/outbound/v1/consents", json={**wish, "state": "out"})
    assert (out.status_code, out.json()["state"]) == (200, "out")
    refused = await _begin(api)
    assert (refused.status_code, _code(refused), api.platform.answers) == (409, "no-consent", [])
    old = {**wish, "state": "in", "at": "2026-11-01T00:00:00+00:00"}
    assert (await api.agent().post("/outbound/v1/consents", json=old)).json()["state"] == "out"
    api.clock.forward(seconds=1)
    agreed = await api.agent().post("/outbound/v1/consents", json={**wish, "state": "in", "channel": "*"})
    assert (agreed.json()["channel"], (await _begin(api)).status_code) == ("*", 201)


async def test_who_declines_while_a_letter_waits_does_not_get_it(api: Api) -> None:
    """They are asked for right before the platform is: their word holds the letter back, also from another try."""
    api.platform.next = ["429"]
    made = await _begin(api)
    wish = {"account_id": "account-wall", "to": "ada", "state": "out", "source": "a link", "channel": "*"}
    assert (await api.agent().post("/outbound/v1/consents", json=wish)).status_code == 200
    api.clock.forward(minutes=20)
    await api.settle()
    begun = (await api.agent().get(made.headers["Location"])).json()
    assert (begun["state"], api.platform.answers) == ("failed", [])
    assert begun["error"].startswith("the person does not want to hear from us")


async def test_where_consent_is_required_silence_is_no_consent(api: Api) -> None:
    """The tenant's setting; who agreed is written to."""
    settings = {"consent_required": True, "per_minute": 30}
    assert (await api.agent("agent").put("/outbound/v1/settings", json=settings)).status_code == 403
    changed = await api.agent("supervisor").put("/outbound/v1/settings", json=settings)
    assert changed.json() == settings
    stale = await api.agent().put("/outbound/v1/settings", json=settings, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    assert _code(await _begin(api)) == "no-consent"
    wish = {"account_id": "account-wall", "to": "ada", "state": "in", "source": "form"}
    await api.agent().post("/outbound/v1/consents", json=wish)
    assert (await _begin(api)).status_code == 201


async def test_a_closed_window_is_told_before_anything_goes(tmp_path: Path) -> None:
    """Who never wrote, or long ago, is not written to with a text; who wrote just now is."""
    async with an_api(tmp_path, connector=WindowedLetters) as api:
        assert _code(await _begin(api)) == "window-closed"
        await api.hook(a_note("n1", "ada", "hello", at="2026-11-23T08:59:00+00:00"))
        assert (await _begin(api)).status_code == 201
        api.clock.forward(days=2)
        assert _code(await _begin(api)) == "window-closed"
        template = await _begin(api, body="", template={"name": "order"})
        assert template.status_code == 201, template.text
        assert len(api.platform.answers) == 2


async def test_conversations_are_their_tenants(api: Api) -> None:
    """Another tenant's are not there, nor its accounts (G7)."""
    made = await _begin(api)
    other = api.agent("admin", "other")
    assert (await other.get(made.headers["Location"])).status_code == 404
    assert (await other.get(URL)).json()["items"] == []
    body = {"account_id": "account-wall", "to": "ada", "body": "hi"}
    assert (await other.post(URL, json=body)).json()["errors"][0]["field"] == "/body/account_id"


async def test_only_who_may_begins_conversations(api: Api) -> None:
    """A viewer reads nothing of it, a trainee begins none (G8)."""
    assert (await _begin(api, role="trainee")).status_code == 403
    assert (await api.agent("viewer").get(URL)).status_code == 403
