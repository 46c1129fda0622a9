"""The doors of the system: webhooks, limits, what operators ask."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from chorally_core.api.guarded import open_routes, unguarded

from tests.support.api import Api, a_note, an_api
from tests.support.hooks import SECRET


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with a wall connected."""
    async with an_api(tmp_path) as api:
        yield api


async def _send(api: Api, body: bytes, path: str = "/wall/v1/webhook", *, secret: str = SECRET) -> httpx.Response:
    import hashlib
    import hmac

    headers = {"X-Wall-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    answer = await api.client().post(path, content=body, headers=headers)
    await api.settle()
    return answer


async def test_a_signed_hook_is_answered_and_read(api: Api) -> None:
    """200, and the message is there."""
    assert (await api.hook(a_note("n1"))).status_code == 200
    assert len((await api.agent().get("/message/v1/tickets")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("path", "body", "secret", "status"),
    [
        ("/wall/v1/webhook", b"{}", "wrong", 401),
        ("/wall/v1/webhook/unknown-token", b"{}", SECRET, 404),
        ("/nothing/v1/webhook", b"{}", SECRET, 404),
        ("/wall/v1/webhook", b"x" * (10 * 1024 * 1024), SECRET, 413),
        ("/wall/v1/webhook", b"not json", SECRET, 200),
        ("/wall/v1/webhook", b'{"items": [{"id": "\xff\xfe"}]}', SECRET, 200),
        ("/wall/v1/webhook", b'{"items": 7}', SECRET, 200),
        ("/wall/v1/webhook", b"", SECRET, 200),
    ],
)
async def test_bad_hooks_get_a_clear_answer_or_become_dead_letters(
    api: Api, path: str, body: bytes, secret: str, status: int
) -> None:
    """Nothing crashes and nothing is silent: an error that says why, or a dead letter with the payload."""
    answer = await _send(api, body, path, secret=secret)
    assert answer.status_code == status
    if status >= 400:
        assert answer.json()["detail"]
    letters = await _dead(api)
    assert len(letters) == (1 if status == 200 else 0)
    assert (await api.hook(a_note("n1"))).status_code == 200
    assert len((await api.agent().get("/message/v1/tickets")).json()["items"]) == 1


async def _dead(api: Api) -> list[object]:
    from chorally_core.events import topics

    consumer = api.system.ledger.bus.consumer("test-dead", [topics.DEAD_LETTERS])
    return list((await consumer.poll(100)).delivered)


async def test_a_large_hook_is_kept_as_an_object(api: Api) -> None:
    """A body of more than 256 KiB goes to the objects first, and is read like any other."""
    notes = [a_note(f"n{i}", f"person{i}", "x" * 1000) for i in range(400)]
    assert (await api.hook(*notes)).status_code == 200
    assert len((await api.agent().get("/message/v1/tickets?limit=200")).json()["items"]) == 200
    assert api.system.runners[1].counts["handled"] == 400


async def test_without_room_hooks_are_refused_for_a_while(api: Api, tmp_path: Path) -> None:
    """When too many wait, the platform is asked to repeat, and the system says that it is not ready."""
    api.system.io.journal._most_waiting = 0
    answer = await api.hook(a_note("n1"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    api.system.io.journal._most_waiting = 100
    assert (await api.hook(a_note("n1"))).status_code == 200


async def test_every_route_is_guarded_or_said_to_be_open(api: Api) -> None:
    """Nothing is reachable without a decision about who may (G8)."""
    for name, service in api.system.services.items():
        assert unguarded(service) == [], name
    assert set(open_routes(api.system.services["identity"])) == {"/token", "/jwks"}


async def test_a_token_that_asks_too_often_is_told_to_wait(tmp_path: Path) -> None:
    """Over its rate a token gets 429 with Retry-After; another token goes on."""
    async with an_api(tmp_path, token_rate=5, tenant_rate=1000) as api:
        busy, other = api.agent("agent"), api.agent("viewer")
        answers = [await busy.get("/message/v1/tickets") for _ in range(7)]
        assert [a.status_code for a in answers] == [200] * 5 + [429] * 2
        assert int(answers[-1].headers["Retry-After"]) >= 1
        assert answers[-1].headers["content-type"] == "application/problem+json"
        assert (await other.get("/message/v1/tickets")).status_code == 200


async def test_a_tenant_that_asks_too_often_holds_up_nobody_else(tmp_path: Path) -> None:
    """The rate of a tenant counts all its tokens, and no other tenant's (G9)."""
    async with an_api(tmp_path, token_rate=1000, tenant_rate=4) as api:
        answers = [await api.agent(role).get("/message/v1/tickets") for role in ("agent", "viewer", "admin") * 2]
        assert [a.status_code for a in answers] == [200] * 4 + [429] * 2
        assert (await api.agent(tenant="other").get("/message/v1/tickets")).status_code == 200


async def test_an_address_that_proves_nobody_too_often_is_told_to_wait(tmp_path: Path) -> None:
    """Whoever guesses is slowed down, whatever they guess; whoever proves themselves from there goes on."""
    async with an_api(tmp_path, refused_rate=3) as api:
        transport = httpx.ASGITransport(app=api.system.app, client=("192.0.2.7", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://chorally.test") as elsewhere:
            guesses = [
                await elsewhere.get(
                    "/message/v1/tickets", headers={"Authorization": f"Token guess-number-{n}-of-many.acme"}
                )
                for n in range(5)
            ]
            assert [answer.status_code for answer in guesses] == [401] * 3 + [429] * 2
            assert 1 <= int(guesses[-1].headers["Retry-After"]) <= 60
            good = {"Authorization": f"Bearer {api.system.token('acme', 'agent')}"}
            assert (await elsewhere.get("/message/v1/tickets", headers=good)).status_code == 200


async def test_an_error_that_nobody_foresaw_is_told_as_a_problem(api: Api) -> None:
    """A bug is a 500 with a problem document and without a trace; the next request goes on."""

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("canary in the trace")

    find, api.system.ledger.documents.find = api.system.ledger.documents.find, broken  # type: ignore[method-assign, assignment]
    answer = await api.agent().get("/message/v1/tickets")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "canary" not in answer.text
    api.system.ledger.documents.find = find  # type: ignore[method-assign]
    assert (await api.agent().get("/message/v1/tickets")).status_code == 200


async def test_operators_see_health_readiness_and_figures(api: Api) -> None:
    """Health and figures are open; a system that was not started is not ready and says so."""
    http = api.client()
    await api.hook(a_note("n1"))
    assert (await http.get("/healthz")).text == "ok\n"
    ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()) == (503, {"ready": False, "reasons": ["not started"], "degraded": []})
    figures = (await http.get("/metrics")).text
    assert 'chorally_events_total{group="message",outcome="handled"} 1.0' in figures
    assert 'chorally_webhooks_total{platform="wall",verdict="accept"} 1.0' in figures
    assert 'chorally_parked_events{group="message"} 0.0' in figures


async def test_topics_and_services_describe_themselves(api: Api) -> None:
    """AsyncAPI names every topic, the channels of connectors among them; each service has its OpenAPI."""
    http = api.client()
    described = (await http.get("/asyncapi.json")).json()
    assert {"authors", "messages", "tickets", "logs", "rule-triggers", "dead-letters", "wall_note"} <= set(
        described["channels"]
    )
    for name in api.system.services:
        document = (await http.get(f"/{name}/v1/openapi.json")).json()
        assert document["openapi"].startswith("3.")
        assert document["paths"]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                assert operation["operationId"], (name, path, method)
                assert operation["summary"], (name, path, method)


async def test_no_secret_is_in_any_answer_nor_on_the_disk(api: Api, tmp_path: Path) -> None:
    """Tokens and secrets given to the system are found in no answer, no file and no log (G11)."""
    await api.hook(a_note("n1"))
    http = api.agent()
    answers = []
    for name in api.system.services:
        paths = (await http.get(f"/{name}/v1/openapi.json")).json()["paths"]
        for path, operations in paths.items():
            if "get" in operations and "{" not in path and path != "/events":
                answers.append((await http.get(f"/{name}/v1{path}")).text)
    assert len(answers) > 8
    everything = "".join(answers).encode()
    everything += b"".join(_files(tmp_path))
    assert b"canary-access-token" not in everything
    assert SECRET.encode() not in everything


def _files(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.rglob("*") if file.is_file()]


async def test_logs_hide_what_names_or_looks_like_a_secret() -> None:
    """The last thing before a log line is written takes secrets out."""
    from chorally_core.logs import redacted

    entry = redacted(
        None,
        "info",
        {
            "event": "sent Bearer abcdefghijkl to https://x/?access_token=canary&a=1",
            "password": "canary",
            "nested": {"api_key": "canary", "list": ["Token canary-canary.acme"]},
            "jwt": "eyJhbGciOiJSUzI1NiJ9.canary.sig",
            "token_count": 3,
        },
    )
    text = json.dumps(entry)
    assert "canary" not in text
    assert "abcdefghijkl" not in text
    assert entry["token_count"] == 3
