"""How consents end: told of in time, given back when nothing uses them, taken from the browser that began them."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from chorally_core.ports.documents import Query
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.grants import GrantRecord
from chorally_core.services.io.revoking import LASTS, PAUSES

import chorally_sdk as sdk
from tests.flow.test_oauth import Connected
from tests.support.gallery import CLIENT, SECRET, Gallery, GalleryPlatform

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
HERE = "http://chorally.test"


class Returning(Gallery, sdk.Revokes):
    """A gallery that takes consents back."""

    async def revoke(self, grant: sdk.Grant) -> None:
        """Give the refresh token back."""
        await self.oauth().revoke(grant)


class TakingBack(GalleryPlatform):
    """Its platform."""

    def __init__(self) -> None:
        super().__init__()
        self.given_back: list[str] = []
        self.at_revocation: list[httpx.Response | Exception] = []
        self.lists = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        if request.url.path == "/rooms" and not self.lists:
            return httpx.Response(403)
        if request.url.path != "/revoke":
            return super().__call__(request)
        self.given_back.append(dict(parse_qsl(request.content.decode()))["token"])
        answer = self.at_revocation.pop(0) if self.at_revocation else httpx.Response(200)
        if isinstance(answer, Exception):
            raise answer
        return answer


class World(Connected):
    """A system with such a gallery."""

    def __init__(self, folder: Path, connector: type[sdk.Connector], **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.gallery = self.platform = TakingBack()
        self.system.io.directory.connectors["gallery"] = connector  # type: ignore[index]

    async def records(self) -> list[GrantRecord]:
        """Return the grants that are stored, also those that wait to be given back."""
        found: list[GrantRecord] = await self.system.ledger.documents.find(Query(GrantRecord, None, limit=100))
        return found

    async def tend(self, after: timedelta = timedelta(0)) -> None:
        """Look after the grants a while later, as the worker does."""
        self.clock.forward(seconds=after.total_seconds())
        await self.system.io.renewal.renew_due()
        await self.system.io.renewal.settled()

    async def disconnect(self, account_id: str) -> None:
        """Disconnect an account through the API."""
        assert (await self.http.delete(f"/io/v1/accounts/{account_id}")).status_code == 204


async def opened(world: World) -> World:
    """Give the system its app."""
    await world.system.io.load()
    settings = {"client_id": CLIENT, "client_secret": SECRET}
    await world.system.io.accounts.add_app("", "gallery", "gallery", settings, "app-gallery")
    return world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A system whose gallery takes consents back."""
    made = await opened(World(tmp_path, Returning))
    try:
        yield made
    finally:
        await made.system.io.pulling.stop()
        await made.api.close()


async def test_a_consent_is_given_back_after_its_last_account_is_disconnected(world: World) -> None:
    """Not before, not while the person waits, and once; then nothing of it is left."""
    first, second = await world.connect("room-1", "room-2")
    refresh = world.platform.refresh
    await world.disconnect(first)
    await world.tend()
    assert world.platform.given_back == []
    await world.disconnect(second)
    assert world.platform.given_back == []
    await world.tend()
    await world.tend(timedelta(days=2))
    assert world.platform.given_back == [refresh]
    assert await world.records() == []


async def test_a_consent_that_is_renewed_while_its_last_account_leaves_is_given_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is then."""
    [account] = await world.connect("room-1")
    grants = world.system.io.renewal.grants
    end, late = grants.end, iter([True])

    async def ended(record: GrantRecord, now: datetime) -> bool:
        if next(late, False):
            await grants.told(record.id, now)
        return await end(record, now)

    monkeypatch.setattr(grants, "end", ended)
    await world.disconnect(account)
    await world.tend()
    assert world.platform.given_back == [world.platform.refresh]
    assert await world.records() == []


@pytest.mark.parametrize("answer", [httpx.ConnectError("down"), httpx.Response(503), httpx.Response(429)])
async def test_a_platform_that_does_not_take_it_back_is_asked_a_few_times(world: World, answer: Any) -> None:
    """Within a day; then the grant is forgotten all the same."""
    [account] = await world.connect("room-1")
    world.platform.at_revocation = [answer] * 20
    await world.disconnect(account)
    await world.tend()
    for pause in PAUSES:
        assert len(await world.records()) == 1
        await world.tend(pause)
    assert len(world.platform.given_back) == len(PAUSES) + 1
    assert await world.records() == []


async def test_a_platform_that_asks_for_a_long_wait_keeps_no_grant_longer_than_a_day(world: World) -> None:
    """Nor is it asked again before that."""
    [account] = await world.connect("room-1")
    world.platform.at_revocation = [httpx.Response(429, headers={"Retry-After": "500000"})] * 20
    await world.disconnect(account)
    for _ in range(3):
        await world.tend()
    await world.tend(LASTS)
    assert len(world.platform.given_back) == 1
    assert await world.records() == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"error": "invalid_token"}), httpx.Response(400, json={"error": "invalid_grant"}),
        httpx.Response(401, json={"error": "invalid_client"}), httpx.Response(404),
    ],
)  # fmt: skip
async def test_what_would_be_refused_for_ever_is_not_tried_again(world: World, answer: httpx.Response) -> None:
    """Nor kept."""
    [account] = await world.connect("room-1")
    world.platform.at_revocation = [answer]
    await world.disconnect(account)
    await world.tend()
    assert len(world.platform.given_back) == 1
    assert await world.records() == []


async def test_a_grant_that_waits_to_be_given_back_serves_nothing_else(world: World) -> None:
    """Its consent cannot be chosen from again, and it is not renewed."""
    asked = await world.consent()
    chosen = {"accounts": [{"external_id": "room-1"}]}
    made = await world.http.post(f"/io/v1/authorizations/{asked}/accounts", json=chosen)
    world.platform.at_revocation = [httpx.Response(503)] * 20
    await world.disconnect(made.json()["items"][0]["account_id"])
    again = await world.http.post(f"/io/v1/authorizations/{asked}/accounts", json=chosen)
    assert again.status_code == 409
    await world.tend(timedelta(hours=2))
    await world.tend(timedelta(hours=2))
    assert world.platform.refreshes == 0


async def test_a_token_that_a_person_pasted_is_never_given_back(world: World) -> None:
    """It is theirs, and may serve elsewhere."""
    world.platform.refresh = "pasted-refresh-canary"
    credentials = {"access_token": world.platform.room_token("room-1"), "refresh_token": "pasted-refresh-canary"}
    body = {"connector": "gallery", "name": "pasted", "credentials": credentials}
    account = (await world.http.post("/io/v1/accounts", json=body)).json()
    await world.disconnect(account["id"])
    await world.tend()
    assert (world.platform.given_back, await world.records()) == ([], [])


async def test_a_consent_whose_accounts_cannot_be_listed_is_given_back(world: World) -> None:
    """The person starts again, and nothing that they gave is left behind."""
    asked = await world.begin()
    page = world.platform.consents(asked["url"])
    world.platform.lists = False
    assert (await world.back(page)).status_code == 400
    await world.tend()
    assert world.platform.given_back == [world.platform.refresh]
    assert await world.records() == []


@pytest.mark.parametrize("killed", ["disconnecting", "taking"])
async def test_what_a_killed_process_left_of_a_consent_is_found_and_given_back(
    world: World, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    """Not before somebody could still choose from it."""
    io = world.system.io

    async def kill(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    if killed == "disconnecting":
        [account] = await world.connect("room-1")
        monkeypatch.setattr(io.accounts, "forget", kill)
        with pytest.raises(KeyboardInterrupt):
            await io.accounts.disconnect(io.directory.accounts[account])
    else:
        asked = await world.begin()
        page = httpx.URL(world.platform.consents(asked["url"]))
        monkeypatch.setattr(io.renewal, "listed", kill)
        with pytest.raises(KeyboardInterrupt):
            await io.authorizations.take("gallery", dict(page.params))
    monkeypatch.undo()
    left = len(await world.records())
    await world.tend(timedelta(hours=23))
    await io.renewal.sweep()
    assert len(await world.records()) == left > 0
    world.clock.forward(days=2)
    await io.authorizations.sweep()
    await io.renewal.sweep()
    await world.tend()
    assert world.platform.given_back == [world.platform.refresh]
    assert await world.records() == []


async def test_a_grant_that_cannot_be_opened_holds_up_no_other(world: World) -> None:
    """Whatever came over it; those that are due after it are renewed."""
    await world.connect("room-1")
    long_ago = world.clock() - timedelta(days=1)
    odd = GrantRecord(id="odd", tenant="acme", platform="gallery", sealed="?", created_at=long_ago, due_at=long_ago)
    await world.system.ledger.commit(Work([Step.of([odd])]))
    await world.tend(timedelta(minutes=59))
    assert world.platform.refreshes == 1


async def test_grants_that_are_used_outlive_every_look_at_what_is_left(world: World) -> None:
    """Those of consents, and those that were derived from them."""
    [account] = await world.connect("room-1")
    world.clock.forward(days=5)
    known = {record.id for record in await world.records()}
    await world.system.io.renewal.sweep()
    assert {record.id for record in await world.records()} == known
    assert await world.pull(account)


async def test_a_consent_that_ends_for_good_is_told_of_once_and_in_time(world: World) -> None:
    """Fourteen days before, with where to connect again; the account goes on until then."""
    world.platform.told = {"expires_in": 20 * 86_400, "refresh_token_expires_in": 30 * 86_400}
    [account] = await world.connect("room-1")
    for day in range(1, 30):
        world.platform.told["refresh_token_expires_in"] = (30 - day) * 86_400  # a renewal does not put it off
        await world.tend(timedelta(days=1))
        told = [snapshot for kind, snapshot in await world.facts() if kind == "account_consent_ending"]
        assert len(told) == (1 if day >= 18 else 0), day  # what the renewal of that day has shown
    assert await world.system.io.renewal.renew_due() == 0, "it is not looked at again before it is to be renewed"
    assert "the consent ends on" in told[0]["reason"]
    assert told[0]["reconnect_url"] == f"https://chorally.example/io/v1/accounts/{account}"
    shown = (await world.http.get(f"/io/v1/accounts/{account}")).json()
    assert (shown["state"], "the consent ends" in shown["health"]["last_error"]) == ("connected", True)


async def test_an_account_shows_when_its_token_ends_now(world: World) -> None:
    """Also after a renewal."""
    credentials = {"access_token": world.platform.room_token("room-1"), "refresh_token": "r", "expires_at": None}
    world.platform.refresh = "r"
    credentials["expires_at"] = (world.clock() + timedelta(hours=1)).isoformat()
    body = {"connector": "gallery", "name": "pasted", "credentials": credentials}
    account = (await world.http.post("/io/v1/accounts", json=body)).json()
    before = account["health"]["token_expires_at"]
    await world.tend(timedelta(minutes=58))
    after = (await world.http.get(f"/io/v1/accounts/{account['id']}")).json()["health"]["token_expires_at"]
    assert world.platform.refreshes >= 1  # the account is pulled beside it
    assert before < after


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A system whose page and API have one origin."""
    made = await opened(World(tmp_path, Gallery, public_url=HERE))
    try:
        yield made
    finally:
        await made.api.close()


async def test_a_consent_begun_in_a_browser_is_taken_from_that_browser_alone(here: World) -> None:
    """Another one is sent away, and the right one still comes back; then its cookie goes."""
    answer = await here.http.post("/io/v1/authorizations", json={"connector": "gallery"}, headers=SAME_ORIGIN)
    cookie = answer.headers["Set-Cookie"]
    name, _, rest = cookie.partition("=")
    assert rest.partition("; ")[2] == "Path=/; Max-Age=900; HttpOnly; SameSite=Lax"
    back = here.gallery.consents(answer.json()["url"]).removeprefix(HERE)
    elsewhere = here.api.client()
    for headers in ({}, {"Cookie": f"{name}=x"}, {"Cookie": f"{name}="}):
        refused = await elsewhere.get(back, headers=headers)
        assert (refused.status_code, "another browser" in refused.text) == (400, True)
    taken = await elsewhere.get(back, headers={"Cookie": f"a=b; {cookie.partition(';')[0]}"})
    assert (taken.status_code, taken.headers["Set-Cookie"].partition(";")[0]) == (200, f"{name}=")
    assert "Max-Age=0" in taken.headers["Set-Cookie"]


@pytest.mark.parametrize("said", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
async def test_a_consent_begun_by_a_program_is_opened_anywhere(here: World, said: dict[str, str]) -> None:
    """It has no browser of its own: whoever asked for it alone can choose from it."""
    answer = await here.http.post("/io/v1/authorizations", json={"connector": "gallery"}, headers=said)
    assert "Set-Cookie" not in answer.headers
    assert (await here.back(here.gallery.consents(answer.json()["url"]))).status_code == 200


async def test_over_https_the_cookie_is_of_this_host_alone(world: World) -> None:
    """No other host can set it, and it is sent in the clear to none."""
    transport = httpx.ASGITransport(app=world.system.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://chorally.example") as http:
        http.headers["Authorization"] = world.http.headers["Authorization"]
        answer = await http.post("/io/v1/authorizations", json={"connector": "gallery"}, headers=SAME_ORIGIN)
    assert answer.headers["Set-Cookie"].startswith("__Host-chorally-consent-")
    assert answer.headers["Set-Cookie"].endswith("HttpOnly; SameSite=Lax; Secure")
