"""Leases, forms with files and key sets: what twins of platforms with subscriptions, uploads and tokens are made of."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

import chorally_sdk as sdk
from chorally_sdk.sandbox import Call, Clock, KeySet, Leases, Twin, answers, answers_test
from chorally_sdk.testing.host import a_hook

URL = "https://ours.example/hooks?of=1"
KEYS = "https://wall.example/keys"


@pytest.fixture
def clock() -> Clock:
    """The only one."""
    return Clock()


def test_a_lease_ends_unless_it_is_renewed(clock: Clock) -> None:
    """It lasts as long as was asked for, and no longer than the platform lets it."""
    leases = Leases(clock, timedelta(days=3))
    short = leases.add(URL, until=clock() + timedelta(hours=1))
    long = leases.add(URL, until=clock() + timedelta(days=30))
    assert [short.expires_at, long.expires_at] == [clock() + timedelta(hours=1), clock() + timedelta(days=3)]
    clock.pass_(hours=1)
    assert leases.live() == [long]
    with pytest.raises(KeyError):
        leases.renew(short.external_id)
    assert leases.renew(long.external_id).expires_at == clock() + timedelta(days=3)
    assert leases.to(URL) == leases[long.external_id]
    leases.end(long.external_id)
    with pytest.raises(KeyError):
        leases.end(long.external_id)
    assert leases.to(URL) is None


def test_leases_are_lost_and_may_last_for_ever(clock: Clock) -> None:
    """Ids are not used again."""
    leases = Leases(clock)
    first = leases.add(URL, "a secret")
    assert first.expires_at is None
    leases.lose()
    assert leases.live() == []
    assert leases.add(URL).external_id != first.external_id


@pytest.mark.parametrize(
    ("status", "kind", "echoes", "is_good"),
    [
        (200, "text/plain", True, True),
        (202, "text/plain", True, False),
        (200, "text/html", True, False),
        (200, "text/plain", False, False),
    ],
)
async def test_a_url_is_tested_by_a_word(status: int, kind: str, *, echoes: bool, is_good: bool) -> None:
    """It must come back as it was, in plain text; what else the URL asks is kept."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        word = request.url.params["validationToken"] if echoes else "another"
        return httpx.Response(status, text=word, headers={"content-type": kind})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        assert await answers_test(http, URL, parameter="validationToken") == is_good
    assert asked[0].method == "POST"
    assert asked[0].url.params["of"] == "1"


async def test_a_url_that_cannot_be_reached_fails_the_test() -> None:
    """As an answer that is wrong does."""

    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(nobody)) as http:
        assert not await answers_test(http, URL, parameter="validationToken", method="GET")


class Uploads(Twin):
    """Takes files, and publishes its keys."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.set = KeySet(KEYS, self.clock, issuer="https://wall.example", audience="us")

    @answers("POST", "/files", is_open=True)
    async def upload(self, call: Call) -> Any:
        """Say what came."""
        files = {name: [part.filename, part.media_type, part.content.hex()] for name, part in call.files.items()}
        return {"fields": call.fields, "files": files}

    @answers("GET", "/keys", is_open=True)
    async def published(self, call: Call) -> Any:
        """The key set."""
        return self.set.jwks()


async def test_a_form_with_files_is_read() -> None:
    """Fields as texts, files as they are."""
    async with httpx.AsyncClient(transport=Uploads().transport(), base_url="https://wall.example") as http:
        files = {"photo": ("a.png", b"\x00\r\n--\xff", "image/png")}
        told = (await http.post("/files", data={"caption": "città"}, files=files)).json()
    assert told["fields"] == {"caption": "città"}
    assert told["files"] == {"photo": ["a.png", "image/png", b"\x00\r\n--\xff".hex()]}


async def test_a_published_key_opens_what_was_signed_by_it() -> None:
    """Also after another took its place; a forged one, and the public key itself, open nothing."""
    twin = Uploads()
    before = twin.set.token()
    twin.set.rotate()
    async with httpx.AsyncClient(transport=twin.transport(), base_url="https://wall.example") as http:
        keys = sdk.Keys(jwks={KEYS: (await http.get("/keys")).json()})

    def judged(token: str) -> Any:
        hook = a_hook(headers={"Authorization": f"Bearer {token}"}, received_at=twin.clock())
        return sdk.claims(hook, keys, "https://wall.example", "us")

    assert judged(before)["aud"] == judged(twin.set.token({"sub": "7"}))["aud"] == "us"
    for token in (twin.set.token(key="forged"), twin.set.token(key="secret"), twin.set.token({"exp": None})):
        assert judged(token).kind == "reject"
