import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from chorally_facebook import Facebook
from chorally_facebook.sandbox import Sandbox
from chorally_facebook.sandbox.faults import Fault
from chorally_meta.sandbox import parse
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect


class Receiver(httpx.AsyncBaseTransport):
    """Takes webhooks, and answers as many as told with 503 first."""

    def __init__(self) -> None:
        self.refusals = 0
        self.hooks: list[sdk.RawHook] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Keep the hook, or refuse it."""
        body = await request.aread()
        if request.method == "GET":
            return httpx.Response(200, text=request.url.params["hub.challenge"])
        if self.refusals:
            self.refusals -= 1
            return httpx.Response(503)
        self.hooks.append(a_hook(body, headers=dict(request.headers)))
        return httpx.Response(200)

    def events(self) -> list[sdk.Event]:
        """What the hooks told, each of them proven."""
        facebook = connect(Facebook)
        keys = sdk.Keys(secrets={"app_secret": (SecretStr("sandbox-app-secret"),)})
        assert all(facebook.verify(hook, keys).kind == "accept" for hook in self.hooks)
        return [event for hook in self.hooks for event in facebook.parse(hook)]


@pytest.fixture
def receiver() -> Receiver:
    """Who is told."""
    return Receiver()


@pytest.fixture
def waits() -> list[float]:
    """Seconds that were waited."""
    return []


@pytest.fixture
async def told(receiver: Receiver, clock: Any, waits: list[float]) -> AsyncIterator[Sandbox]:
    """A page whose webhooks go to the receiver, and which waits no time between redeliveries."""

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with Sandbox(now=clock, callback=receiver, sleep=sleep) as sandbox:
        sandbox.configure(callback_url="https://core.example/facebook", hold_s=0)
        yield sandbox


@pytest.fixture
async def http(told: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the page as ``curl`` would."""
    client = httpx.AsyncClient(
        transport=told.transport(),
        base_url="http://graph.example",
        headers={"Authorization": "Bearer sandbox-token"},
    )
    async with client:
        yield client


async def test_every_change_of_a_comment_is_told(told: Sandbox, receiver: Receiver) -> None:
    """Added, edited, hidden, shown and removed, each in its own words."""
    made = told.comment("7", "Open?", author_name="Ada")
    told.change(made.id, message="Open on Sunday?")
    told.change(made.id, is_hidden=True)
    told.change(made.id, is_hidden=False)
    told.remove(made.id)
    await told.hooks.settled()

    events = receiver.events()
    assert [getattr(event, "state", None) or getattr(event, "body", None) for event in events] == [
        *("Open?", "Open on Sunday?", "hidden", "visible", "deleted")
    ]
    assert len(receiver.hooks) == 1, "changes made at once share a POST"


async def test_a_comment_without_webhook_is_seen_by_polling_only(told: Sandbox, receiver: Receiver) -> None:
    """It is listed and nobody is told."""
    told.comment("7", "Open?", webhook=False)
    await told.hooks.settled()

    assert receiver.hooks == []
    assert len(told.world.comments) == 1


async def test_a_refused_hook_comes_again_until_taken(told: Sandbox, receiver: Receiver, waits: list[float]) -> None:
    """With waits that grow up to a bound, and nothing is lost or doubled."""
    receiver.refusals = 6
    told.comment("7", "Open?")
    await told.hooks.settled()

    assert len(receiver.events()) == 1
    assert told.hooks.refused == 6
    assert waits == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


async def test_a_hook_that_is_never_taken_holds_up_no_other(told: Sandbox, receiver: Receiver) -> None:
    """The refused one goes to the end of the queue."""
    told.configure(deliver="manual")
    told.comment("7", "poison")
    receiver.refusals = 1
    assert await told.hooks.deliver_all() == 0
    told.comment("7", "Open?")

    assert await told.hooks.deliver_all() == 2
    assert len(receiver.events()) == 2


async def test_hooks_are_doubled_as_likely_as_told(told: Sandbox, receiver: Receiver) -> None:
    """At probability one, each comes twice, and no more often."""
    told.configure(duplicate_probability=1)
    told.comment("7", "Open?")
    await told.hooks.settled()

    assert len(receiver.events()) == 2
    assert receiver.hooks[0].body == receiver.hooks[1].body
    assert told.state()["hooks"] == {"waiting": 0, "delivered": 2, "duplicated": 1, "refused": 0}


async def test_hooks_wait_for_the_word_where_delivery_is_manual(
    told: Sandbox, http: httpx.AsyncClient, receiver: Receiver
) -> None:
    """Then they come in any order, and some twice."""
    told.configure(deliver="manual", seed=3)
    for turn in range(8):
        told.comment("7", str(turn))
    assert receiver.hooks == []
    answer = await http.post("/_sandbox/deliver", json={"shuffle": True, "copies": 2, "at_once": 2})

    assert answer.json() == {"accepted": 4, "waiting": 0}
    bodies = [event.body for event in receiver.events() if isinstance(event, sdk.Message)]
    assert (len(bodies), sorted(set(bodies))) == (12, [str(turn) for turn in range(8)])
    assert bodies[:8] != sorted(bodies[:8])


@pytest.mark.parametrize(("echo", "at_the_answer", "later"), [("before", 1, 1), ("after", 0, 1), ("off", 0, 0)])
async def test_our_own_answer_is_echoed(
    told: Sandbox, receiver: Receiver, echo: str, at_the_answer: int, later: int
) -> None:
    """Before the call is answered, after it, or not at all; the echo is known to be ours."""
    asked = told.comment("7", "Open?", webhook=False)
    told.configure(echo=echo)
    seen_at_the_answer = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            seen_at_the_answer.append(len(receiver.hooks))
            await send(message)

        await told.app(scope, receive, sent)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://graph.example") as client:
        form = {"message": "Yes", "access_token": "sandbox-token"}
        made = (await client.post(f"/{asked.id}/comments", data=form)).json()
    await told.hooks.settled()

    assert (seen_at_the_answer[0], len(receiver.hooks)) == (at_the_answer, later)
    assert all(isinstance(e, sdk.Message) and e.ours and e.external_id == made["id"] for e in receiver.events())


async def test_a_hook_with_a_bad_signature_is_no_proof(told: Sandbox, receiver: Receiver) -> None:
    """On demand, a hook comes that was not signed with the app's secret, and then the right one."""
    told.faults.waiting.append(Fault(on="webhook", kind="bad_signature"))
    told.comment("7", "Open?")
    await told.hooks.settled()

    keys = sdk.Keys(secrets={"app_secret": (SecretStr("sandbox-app-secret"),)})
    assert [connect(Facebook).verify(hook, keys).kind for hook in receiver.hooks] == ["reject", "accept"]


async def test_a_hook_whose_answer_is_lost_comes_again(told: Sandbox, receiver: Receiver) -> None:
    """The receiver took it, the page does not know."""
    told.faults.waiting.append(Fault(on="webhook", kind="timeout_after_effect"))
    told.comment("7", "Open?")
    await told.hooks.settled()

    assert len(receiver.events()) == 2


async def test_configuring_tests_the_callback_url(http: httpx.AsyncClient) -> None:
    """The handshake is Meta's own."""
    settings = {"callback_url": "https://core.example/x", "verify_token": "v", "handshake": True}

    assert (await http.post("/_sandbox/configure", json=settings)).json() == {"success": True}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("configure", {"nonsense": 1}, 400),
        ("configure", {"page_id": "5"}, 400),
        ("comments", {"author_id": "7"}, 400),
        ("comments", {"author_id": "7", "message": "a", "parent_id": "nobody"}, 404),
        ("faults", {"on": "reply", "kind": "earthquake"}, 400),
    ],
)
async def test_a_wrong_wish_is_told(told: Sandbox, http: httpx.AsyncClient, path: str, body: Any, status: int) -> None:
    """The sandbox's own routes say what they do not understand."""
    told.world.post()
    answer = await http.post(f"/_sandbox/{path}", json=body)

    assert answer.status_code == status
    assert answer.json()["error"]


async def test_the_state_counts_copies_of_our_answers(told: Sandbox, http: httpx.AsyncClient) -> None:
    """By what they answer and by their text, so that a test can see a reply made twice."""
    asked = (await http.post("/_sandbox/comments", json={"author_id": "7", "message": "Open?"})).json()
    for text in ("Yes", "Yes", "Sorry, no"):
        await http.post(f"/{asked['id']}/comments", json={"message": text})
    state = (await http.get("/_sandbox/state")).json()

    assert state["replies"] == {asked["id"]: {"Yes": 2, "Sorry, no": 1}}
    assert len(state["comments"]) == 4


async def test_people_edit_hide_and_remove_by_the_routes(told: Sandbox, http: httpx.AsyncClient) -> None:
    """What people and moderators do."""
    asked = (await http.post("/_sandbox/comments", json={"author_id": "7", "message": "Open?"})).json()
    route = f"/_sandbox/comments/{asked['id']}"
    await http.patch(route, json={"message": "Closed?", "is_hidden": True})
    shown = told.world.comments[asked["id"]]
    assert (shown.message, shown.is_hidden) == ("Closed?", True)
    await http.delete(route)
    assert told.world.comments == {}


async def test_a_page_edits_hides_and_removes_by_the_graph(told: Sandbox, http: httpx.AsyncClient) -> None:
    """What the documented calls do, and how they answer."""
    asked = told.comment("7", "Open?")
    await http.post(f"/{asked.id}", data={"is_hidden": "true"})
    shown = (await http.get(f"/{asked.id}", params={"fields": "id,is_hidden,message"})).json()
    assert shown == {"id": asked.id, "is_hidden": True, "message": "Open?"}
    assert (await http.delete(f"/{asked.id}")).json() == {"success": True}
    gone = await http.get(f"/{asked.id}")

    assert (gone.status_code, gone.json()["error"]["code"], gone.json()["error"]["error_subcode"]) == (400, 100, 33)


async def test_listings_are_filtered_ordered_and_cut(told: Sandbox, http: httpx.AsyncClient, clock: Any) -> None:
    """Levels, order, since and limit do what they are documented to do."""
    first = told.comment("7", "first")
    clock.pass_(seconds=10)
    reply = told.comment("8", "reply", parent_id=first.id)
    second = told.comment("7", "second", post_id=first.post_id)

    async def listed(**options: Any) -> list[str]:
        answer = await http.get(f"/{first.post_id}/comments", params=options)
        return [comment["id"] for comment in answer.json()["data"]]

    assert await listed() == [first.id, second.id]
    assert await listed(filter="stream") == [first.id, reply.id, second.id]
    assert await listed(filter="stream", order="reverse_chronological", limit=2) == [second.id, reply.id]
    assert await listed(filter="stream", since=int(reply.created_at.timestamp())) == [reply.id, second.id]


async def test_the_link_to_the_next_page_is_followed(told: Sandbox, http: httpx.AsyncClient) -> None:
    """It is whole, with the token, and the last page has none."""
    made = [told.comment("7", str(turn)).id for turn in range(5)]
    found: list[str] = []
    url: str | None = f"/{told.world.latest_post().id}/comments?limit=2"
    while url:
        answer = (await http.get(url)).json()
        found += [comment["id"] for comment in answer["data"]]
        url = answer["paging"].get("next")

    assert found == made


async def test_answers_tell_the_usage(http: httpx.AsyncClient) -> None:
    """As both headers do."""
    answer = await http.get("/me")

    assert json.loads(answer.headers["X-App-Usage"])["call_count"] == 1
    assert "estimated_time_to_regain_access" in answer.headers["X-Business-Use-Case-Usage"]


@pytest.mark.parametrize(
    "path", ["/me/photos", "/nobody/comments", "/me/feed?fields=id,comments{", "/me/feed?after=zz"]
)
async def test_what_the_sandbox_does_not_know_is_an_error_of_the_graph(http: httpx.AsyncClient, path: str) -> None:
    """It never answers with anything but Graph's own shape."""
    answer = await http.get(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


async def test_faults_are_met_by_chance_and_end(told: Sandbox, http: httpx.AsyncClient) -> None:
    """A fault of probability one half meets about half of the calls, and no more than it was told."""
    await http.post("/_sandbox/faults", json={"on": "read", "kind": "rate_limit", "times": 20, "probability": 0.5})
    codes = [(await http.get("/me")).status_code for _ in range(100)]

    assert codes.count(400) == 20
    assert 30 <= max(turn for turn, code in enumerate(codes) if code == 400) <= 60
    assert told.faults.waiting == []
    await http.post("/_sandbox/faults", json={"on": "read", "kind": "rate_limit"})
    await http.delete("/_sandbox/faults")
    assert (await http.get("/me")).status_code == 200


def test_the_connector_brings_its_sandbox() -> None:
    """An ASGI application, made when it is asked for."""
    assert callable(Facebook.sandbox())


def test_fields_are_read_with_what_narrows_them() -> None:
    """Names, options in any order, and what is asked within."""
    (identity, comments) = parse("id, comments.limit(5).filter(stream){id,from{id}}")

    assert (identity.name, identity.options, identity.fields) == ("id", {}, ())
    assert (comments.options, comments.text) == ({"limit": "5", "filter": "stream"}, "id,from{id}")


@pytest.mark.parametrize("text", ["id}", "a{b", "a.b", "(x)", "a;b", "{a}"])
def test_fields_that_cannot_be_read_are_an_error(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="field"):
        parse(text)
