"""The framework of sandboxes: its clock, its OAuth server, its pages, its webhooks, its limits and its faults."""

import base64
import hashlib
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from chorally_sdk.sandbox import (
    Clock,
    Courier,
    Cut,
    Faults,
    NotOffered,
    OAuth,
    Refused,
    Shelf,
    by_link,
    by_number,
    by_offset,
    by_token,
    hmac_signer,
)
from chorally_sdk.sandbox.faults import Fault
from tests.sdk.kit.twin import GuestbookTwin
from tests.sdk.kit.wall import Wall

SIGN = hmac_signer("x-signature", encoding="base64")
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def twin() -> GuestbookTwin:
    """A platform."""
    return GuestbookTwin()


@pytest.fixture
async def http(twin: GuestbookTwin) -> Any:
    """A client with a good token."""
    assert twin.grant.access
    headers = {"Authorization": f"Bearer {twin.grant.access.get_secret_value()}"}
    async with httpx.AsyncClient(
        transport=twin.transport(), base_url="https://guestbook.example", headers=headers
    ) as made:
        yield made


def test_the_clock_goes_on_only_when_told() -> None:
    """And shows the time of a platform whose clock is wrong."""
    clock = Clock(skew=timedelta(minutes=3))
    first = clock()
    clock.pass_(hours=1)
    assert (clock() - first, clock.skewed() - clock()) == (timedelta(hours=1), timedelta(minutes=3))


def test_a_clock_says_whether_it_goes_on_by_itself() -> None:
    """Who holds an answer waits for real only where time is real."""
    clock = Clock()
    stood = clock.is_running
    clock.run()

    assert (stood, clock.is_running) == (False, True)


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_every_style_of_paging_shows_everything_once(size: int) -> None:
    """By token, by offset, and by number."""
    things = list(range(1, 8))
    shown: list[int] = []
    styles: list[Callable[[str], Cut[int]]] = [
        lambda at: by_token(things, {"after": at}, int, size=size),
        lambda at: by_offset(things, {"offset": at}, size=size),
        lambda at: by_number(things, {"page": at}, size=size),
    ]
    for cut in styles:
        at: str | None = ""
        shown.clear()
        while at is not None:
            page = cut(at)
            shown += page.shown
            at = page.next
        assert shown == things


def test_a_stuck_listing_leads_back() -> None:
    """To the page that was asked for."""
    assert by_offset([1, 2, 3], {"offset": "1"}, size=1, is_stuck=True).next == "1"
    assert by_number([1, 2, 3], {"page": "2"}, size=1, is_stuck=True).next == "2"
    token = by_token([1, 2, 3], {}, int, size=1).next or ""
    assert by_token([1, 2, 3], {"after": token}, int, size=1, is_stuck=True).next == token


def test_a_link_leads_to_the_next_page() -> None:
    """As RFC 8288 writes it, and none after the last."""
    cut = by_number([1, 2], {"page": "1"}, size=1)
    assert by_link(cut, "https://x.example/a", {"q": "b c"}, "page") == {
        "Link": '<https://x.example/a?q=b+c&page=2>; rel="next"'
    }
    assert by_link(by_number([1], {}, size=1), "", {}, "page") == {}


def test_a_shelf_keeps_things_in_order() -> None:
    """What changes moves to the end by its place, and is found by its fields."""
    shelf = Shelf(Clock(), "n")
    first, second = shelf.add("one", author="ada"), shelf.add("two", author="bob", rating=5)
    changed = shelf.change(first.id, body="three", is_hidden=True)
    assert (changed.place > second.place, changed.body, changed.more) == (True, "three", {"is_hidden": True})
    assert shelf.where(rating=5) == [second]
    shelf.remove(second.id)
    assert [thing.id for thing in shelf] == [first.id]
    assert second.id not in shelf


class TestOAuth:
    """The server."""

    @pytest.fixture
    def server(self) -> OAuth:
        """One that knows two scopes."""
        return OAuth(Clock(), scopes=frozenset({"read", "write"}))

    def ask(self, server: OAuth, **changes: str) -> dict[str, str]:
        """Ask for consent."""
        asked = {
            "response_type": "code",
            "client_id": server.client_id,
            "redirect_uri": "https://c.example/",
            "scope": "read write",
            "state": "s",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return server.consent(f"https://p.example/?{urlencode({**asked, **changes})}")

    def take(self, server: OAuth, **form: str) -> dict[str, Any]:
        """Ask for a token."""
        return server.answer({"client_id": server.client_id, "client_secret": server.client_secret, **form})

    def code(self, server: OAuth, **changes: str) -> dict[str, str]:
        """What is sent with a code."""
        code = self.ask(server)["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://c.example/"}
        return {**form, "code_verifier": VERIFIER, **changes}

    def test_a_code_is_taken_once(self, server: OAuth) -> None:
        """With its verifier, and back to the same URL."""
        form = self.code(server)
        told = self.take(server, **form)
        assert server.live(told["access_token"])
        with pytest.raises(Refused, match="invalid_grant"):
            self.take(server, **form)

    @pytest.mark.parametrize("change", [{"code_verifier": "w" * 43}, {"redirect_uri": "https://d.example/"}])
    def test_a_code_of_another_is_refused(self, server: OAuth, change: dict[str, str]) -> None:
        """Who has no verifier, or another URL, gets nothing."""
        with pytest.raises(Refused, match="invalid_grant"):
            self.take(server, **self.code(server, **change))

    @pytest.mark.parametrize(
        "change", [{"client_id": "other"}, {"code_challenge": ""}, {"code_challenge_method": "plain"}]
    )
    def test_a_consent_is_asked_rightly(self, server: OAuth, change: dict[str, str]) -> None:
        """By a client that is known, with a challenge."""
        with pytest.raises(Refused, match="invalid_request"):
            self.ask(server, **change)

    def test_a_person_may_say_no(self, server: OAuth) -> None:
        """And the state comes back all the same."""
        url = f"https://p.example/?client_id={server.client_id}&state=s&code_challenge=c&code_challenge_method=S256"
        assert server.consent(url, denied=True) == {"error": "access_denied", "state": "s"}

    def test_a_refresh_token_is_used_once_where_it_rotates(self, server: OAuth) -> None:
        """Else the old one goes on, and no new one is told."""
        first = self.take(server, **self.code(server))
        second = self.take(server, grant_type="refresh_token", refresh_token=first["refresh_token"])
        with pytest.raises(Refused):
            self.take(server, grant_type="refresh_token", refresh_token=first["refresh_token"])
        server.rotates = False
        for _ in range(2):
            told = self.take(server, grant_type="refresh_token", refresh_token=second["refresh_token"])
            assert "refresh_token" not in told
            assert server.live(told["access_token"])

    def test_a_short_token_becomes_a_lasting_one(self, server: OAuth) -> None:
        """By an exchange, as chains of tokens are made."""
        short = self.take(server, grant_type="client_credentials")["access_token"]
        told = self.take(server, grant_type="fb_exchange_token", fb_exchange_token=short)
        assert "expires_in" not in told
        with pytest.raises(Refused):
            self.take(server, grant_type="fb_exchange_token", fb_exchange_token="nothing")

    def test_a_token_ends_and_is_revoked(self, server: OAuth) -> None:
        """By the clock, and at will."""
        token = server.issue()
        clock = server.now
        assert isinstance(clock, Clock)
        assert server.live(token.access)
        clock.pass_(hours=2)
        assert server.live(token.access) is None
        other = server.issue(lasting=True)
        server.revoke()
        assert server.live(other.access) is None

    def test_a_client_that_is_not_known_gets_nothing(self, server: OAuth) -> None:
        """Whether it names itself in the body or in the header."""
        with pytest.raises(Refused, match="invalid_client"):
            server.answer({"grant_type": "client_credentials", "client_id": server.client_id})
        said = base64.b64encode(f"{server.client_id}:{server.client_secret}".encode()).decode()
        assert server.answer({"grant_type": "client_credentials"}, f"Basic {said}")["access_token"]


class Plain(Courier):
    """Tells texts."""

    def pack(self, changes: list[Any]) -> bytes:
        """Join them."""
        return b",".join(told for _, told in changes)

    def headers(self, body: bytes, *, is_forged: bool = False) -> dict[str, str]:
        """Sign them."""
        return dict(SIGN(body, "forged" if is_forged else "secret", datetime(2026, 1, 1, tzinfo=UTC)))


class TestWebhooks:
    """What is sent."""

    @pytest.fixture
    async def courier(self) -> Any:
        """One whose hooks are kept in ``got``."""
        self.got: list[bytes] = []
        self.signed: list[bool] = []

        def take(request: httpx.Request) -> httpx.Response:
            self.got.append(request.content)
            right = SIGN(request.content, "secret", datetime(2026, 1, 1, tzinfo=UTC))["x-signature"]
            self.signed.append(request.headers["x-signature"] == right)
            return httpx.Response(200)

        chance = random.Random(3)  # noqa: S311 - chance that can be repeated
        faults: Faults[Fault] = Faults(chance)
        transport = httpx.MockTransport(take)
        made = Plain(Clock(), faults, chance, transport, callback_url="https://c.example/", deliver="manual")
        yield made
        await made.aclose()

    async def test_what_is_told_is_sent_in_any_order_and_again(self, courier: Plain) -> None:
        """Shuffled, one by one, with copies."""
        for number in range(5):
            courier.add(str(number).encode())
        assert await courier.deliver_all(shuffle=True, copies=2, at_once=1) == 5
        assert (sorted(set(self.got)), len(self.got)) == ([b"0", b"1", b"2", b"3", b"4"], 7)
        assert self.got[:5] != sorted(self.got[:5])
        assert courier.duplicated == 2

    async def test_a_forged_hook_is_one(self, courier: Plain) -> None:
        """And is sent again rightly, as it was not accepted."""
        courier.add(b"one")
        courier.faults.waiting.append(Fault(on="webhook", kind="bad_signature"))
        assert [await courier.deliver_all(), await courier.deliver_all()] == [0, 1]
        assert self.signed == [False, True]

    async def test_a_platform_says_how_a_hook_is_called(self, courier: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
        """By another method and URL than a POST to the bare one."""

        async def put(body: bytes, headers: Mapping[str, str]) -> httpx.Response:
            return await courier.http().put(f"{courier.callback_url}1", content=body, headers=headers)

        monkeypatch.setattr(courier, "post", put)
        courier.add(b"one")
        assert (await courier.deliver_all(), self.got) == (1, [b"one"])


async def test_a_quota_is_told_and_kept(twin: GuestbookTwin, http: httpx.AsyncClient) -> None:
    """By headers, then by 429, until the minute is over."""
    twin.limit = 2
    answers = [await http.get("/me") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers.get("X-RateLimit-Remaining") for answer in answers] == ["1", "0", None]
    twin.clock.pass_(minutes=1)
    assert (await http.get("/me")).status_code == 200


async def test_the_control_plane_speaks_for_people_and_for_time(twin: GuestbookTwin, http: httpx.AsyncClient) -> None:
    """Notes, faults, the clock, and the state of all of it."""
    said = (await http.post("/_sandbox/say", json={"body": "Hello", "author": "bob"})).json()["id"]
    assert (await http.get(f"/notes/{said}")).json()["signer"]["name"] == "Bob"
    await http.post("/_sandbox/faults", json={"on": "read", "kind": "error_500_before", "times": 2})
    assert [(await http.get("/me")).status_code for _ in range(3)] == [503, 503, 200]
    await http.post("/_sandbox/faults", json={"on": "read", "kind": "gone"})
    await http.delete("/_sandbox/faults")
    assert (await http.get("/me")).status_code == 200
    before = twin.clock()
    await http.post("/_sandbox/clock", json={"seconds": 90})
    assert twin.clock() - before == timedelta(seconds=90)
    state = (await http.get("/_sandbox/state")).json()
    assert (state["faults"]["happened"], state["made"]) == (2, [])


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("say", {"text": "x"}, 400),
        ("say", {"body": "x", "parent": 3}, 400),
        ("faults", {"on": "read", "kind": "rain"}, 400),
    ],
)
async def test_a_wrong_wish_is_told(http: httpx.AsyncClient, path: str, body: Any, status: int) -> None:
    """The control plane says what it does not understand."""
    answer = await http.post(f"/_sandbox/{path}", json=body)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


async def test_after_the_effect_is_after_it(twin: GuestbookTwin, http: httpx.AsyncClient) -> None:
    """A lost answer was made, a refused one was not."""
    asked = await twin.say("Open?")
    for kind, error in (("timeout_after_effect", httpx.ReadTimeout), ("connection_refused", httpx.ConnectError)):
        twin.inject(kind, "write")
        with pytest.raises(error):
            await http.post("/replies", json={"note": asked, "text": kind})
    assert [made.body for made in twin.made()] == ["timeout_after_effect"]


async def test_a_refusal_meets_the_fault_too(twin: GuestbookTwin, http: httpx.AsyncClient) -> None:
    """That something is not there is an answer like any other: it may be lost, or be no JSON."""
    twin.inject("not_json", "read")
    spoiled = await http.get("/notes/none")
    assert (spoiled.status_code, spoiled.headers["content-type"]) == (200, "text/html; charset=utf-8")
    twin.inject("timeout_after_effect", "read")
    with pytest.raises(httpx.ReadTimeout):
        await http.get("/notes/none")
    assert (await http.get("/notes/none")).status_code == 404


async def test_a_lever_that_is_not_there_says_so() -> None:
    """By its name."""
    with pytest.raises(NotOffered, match="signature_age"):
        super(GuestbookTwin, GuestbookTwin()).signature_age()


async def test_the_smallest_twin_lists_what_was_said() -> None:
    """Over its pages, for who has its token; other levers it does not offer."""
    wall = Wall()
    assert {"say", "connection", "inject"} <= wall.offered()
    assert "hooks" not in wall.offered()
    for number in range(3):
        await wall.say(str(number))
    wall.page_size(2)
    grant = wall.connection().grant
    assert grant
    headers = {"Authorization": f"Bearer {grant.access.get_secret_value()}"}
    async with httpx.AsyncClient(transport=wall.transport(), base_url="https://wall.example") as http:
        assert (await http.get("/notes")).status_code == 401
        first = (await http.get("/notes", headers=headers)).json()
        second = (await http.get("/notes", params={"after": first["next"]}, headers=headers)).json()
    assert [note["text"] for note in first["notes"] + second["notes"]] == ["0", "1", "2"]
    assert second["next"] is None
