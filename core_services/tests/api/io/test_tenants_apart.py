"""No route shows, changes or betrays what belongs to another tenant, and none forgets to ask who is there."""

from typing import Any

import pytest
from chorally_core.api.guarded import open_routes, routes, unguarded
from chorally_core.events import Attached
from chorally_core.ports.documents import Query
from chorally_core.ports.jobs import Job, queued
from chorally_core.ports.ledger import Step, Work
from chorally_core.ports.parking import DeadLetter
from chorally_core.services.io.authorizations import Authorization
from chorally_core.services.io.model import Account, App, Delivery, Hook, Moderation
from chorally_core.services.message.model import Message

KINDS = (App, Account, Authorization, Delivery, Hook, DeadLetter, Job, Moderation)
BODIES: dict[str, Any] = {
    "PATCH /accounts/{account_id}": {"name": "taken"},
    "PATCH /apps/{app_id}": {"name": "taken"},
    "POST /authorizations/{authorization_id}/accounts": {"accounts": [{"external_id": "page-1"}]},
    "POST /deliveries/{delivery_id}/resolve": {"outcome": "not_sent"},
}


@pytest.fixture
async def theirs(
    app: Any, speak: Any, badge: Any, an_app: Any, an_account: Any, a_delivery: Any, hooks: Any, ledger: Any, clock: Any
) -> dict[str, str]:
    """One of everything, all of another tenant: its ids by the name of the path's parameter."""
    client = speak(app, badge("umbrella", "uma"))
    made = (await client.post("/apps", json=an_app)).json()
    account = (await client.post("/accounts", json=an_account)).json()
    await a_delivery("theirs-1", "failed", tenant="umbrella")
    hook = await hooks.send(made, [])
    letter = DeadLetter(
        id="theirs-2", tenant="umbrella", at=clock(), source="hooks", group="io", subject=hook, error="e", attempts=1
    )
    job = queued("author/erase", "author-service", "umbrella", {}, clock(), job_id="theirs-3")
    consent = Authorization(
        id="theirs-4", tenant="umbrella", platform="wall", person="user/uma", digest="d", redirect_uri="https://x.example",
        created_at=clock(), expires_at=clock(),
    )  # fmt: skip
    hiding = Moderation(
        id="theirs-5", tenant="umbrella", account_id="a", platform="wall", channel="wall_note", key="k", verb="hide",
        message_id="m", external_id="n", created_at=clock(), next_at=clock(),
    )  # fmt: skip
    message = Message(
        id="theirs-6", tenant="umbrella", ticket_id=None, event_id="e", account_id="a", platform="wall",
        channel="wall_note", direction="inbound", received_at=clock(), attachments=(Attached(kind="image"),),
    )  # fmt: skip
    await ledger.commit(Work([Step.of([each]) for each in (letter, job, consent, hiding, message)]))
    return {
        "app_id": made["id"],
        "account_id": account["id"],
        "delivery_id": "theirs-1",
        "hook_id": hook,
        "letter_id": "theirs-2",
        "job_id": "theirs-3",
        "authorization_id": "theirs-4",
        "moderation_id": "theirs-5",
        "message_id": "theirs-6",
        "number": "1",
    }


def _each(app: Any) -> list[tuple[str, str]]:
    return [
        (method, path)
        for path, route in routes(app)
        for method in sorted(getattr(route, "methods", None) or ())
        if method != "HEAD" and not path.startswith(("/openapi", "/docs", "/redoc"))
    ]


async def test_anothers_record_is_no_different_from_one_that_is_not_there(
    app: Any, speak: Any, badge: Any, theirs: Any
) -> None:
    """Every route that names a record answers 404, word for word as for an id that nobody has."""
    client = speak(app, badge("acme", "ada"))
    tried = 0
    for method, path in _each(app):
        if "{" not in path:
            continue
        body = BODIES.get(f"{method} {path}")
        real = await client.request(method, path.format(**theirs), json=body)
        none = await client.request(method, path.format_map(_Nobodys()), json=body)
        assert (real.status_code, real.text) == (404, none.text), (method, path)
        tried += 1
    assert tried == 24


class _Nobodys(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "0" * 32


async def test_nothing_of_another_tenant_was_changed(
    app: Any, speak: Any, badge: Any, theirs: Any, ledger: Any
) -> None:
    """After every write was tried the records are as they were."""
    before = [await ledger.documents.find(Query(of, "umbrella")) for of in KINDS]
    client = speak(app, badge("acme", "ada"))
    for method, path in _each(app):
        if method != "GET" and "{" in path:
            await client.request(method, path.format(**theirs), json=BODIES.get(f"{method} {path}"))
    after = [await ledger.documents.find(Query(of, "umbrella")) for of in KINDS]

    assert before == after


async def test_no_list_names_another_tenants_records(app: Any, speak: Any, badge: Any, theirs: Any) -> None:
    """Not a single id of theirs is in any answer to us."""
    client = speak(app, badge("acme", "ada"))
    for method, path in _each(app):
        if method == "GET" and "{" not in path:
            answer = await client.get(path)
            assert answer.status_code == 200
            ids = [name for parameter, name in theirs.items() if parameter != "number"]
            assert not [name for name in ids if name in answer.text], path


async def test_a_secret_is_in_no_answer_to_anybody(app: Any, speak: Any, badge: Any, theirs: Any, canary: Any) -> None:
    """Not even the tenant's own administrator sees a secret again."""
    client = speak(app, badge("umbrella", "uma"))
    for method, path in _each(app):
        answer = await client.request(method, path.format(**theirs), json=BODIES.get(f"{method} {path}"))
        assert canary not in answer.text, (method, path)
        assert canary not in str(answer.headers)


def test_every_route_is_guarded(app: Any) -> None:
    """None is open to everybody."""
    assert unguarded(app) == []
    assert open_routes(app) == {}


async def test_every_route_asks_who_is_there(app: Any, speak: Any, theirs: Any) -> None:
    """Without proof the answer is 401, whatever is asked for."""
    client = speak(app)
    for method, path in _each(app):
        assert (await client.request(method, path.format(**theirs))).status_code == 401, (method, path)


def test_the_api_describes_itself(app: Any) -> None:
    """OpenAPI has every route with a summary and its problems, and knows the key and the version headers."""
    document = app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert {"401", "403"} <= set(operation["responses"]), (method, path)
            names = {parameter["name"] for parameter in operation.get("parameters", ())}
            asks_anew = path == "/authorizations"  # each time, for another page of consent that works once
            assert method != "post" or asks_anew or "Idempotency-Key" in names, path
            assert method not in ("patch", "delete") or "If-Match" in names, path
