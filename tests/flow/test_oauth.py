"""A person consents, chooses accounts, and they stay connected: through the whole system, in process."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from chorally_core.bootstrap import System
from chorally_core.services.io.grants import GrantRecord
from chorally_core.services.io.model import Account
from chorally_core.services.log.model import LogEntry
from chorally_core.settings import Settings

from tests.support.api import Api, Given
from tests.support.gallery import CLIENT, SECRET, Gallery, GalleryPlatform
from tests.support.wall import WallPlatform
from tests.support.world import KEY, Clock


class Connected:
    """A system with the gallery, moved by hand."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.gallery, self.clock, self.folder = GalleryPlatform(), Clock(), folder
        given: dict[str, Any] = {"data": folder, "secret_keys": [KEY], "public_url": "https://chorally.example"}
        self.system = System(
            Settings(**{**given, **settings}), registry=Given({"gallery": Gallery}), now=self.clock,
            transport=lambda name: self.gallery.transport(),
        )  # fmt: skip
        self.api = Api(self.system, WallPlatform(), self.clock)

    @property
    def http(self) -> httpx.AsyncClient:
        """Return a client of an administrator whose token has not ended."""
        return self.api.agent()

    async def begin(self, http: httpx.AsyncClient | None = None, **body: Any) -> dict[str, Any]:
        """Ask for a consent."""
        answer = await (http or self.http).post("/io/v1/authorizations", json={"connector": "gallery", **body})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def back(self, url: str) -> httpx.Response:
        """Come back from the platform, as a browser does: without any token."""
        parts = urlsplit(url)
        return await self.api.client().get(f"{parts.path}?{parts.query}")

    async def consent(self, http: httpx.AsyncClient | None = None, **body: Any) -> str:
        """Ask, agree and come back; return the authorization's id."""
        asked = await self.begin(http, **body)
        assert (await self.back(self.gallery.consents(asked["url"]))).status_code in (200, 303)
        return str(asked["id"])

    async def connect(self, *rooms: str, http: httpx.AsyncClient | None = None) -> list[str]:
        """Connect rooms by a new consent; return the accounts' ids."""
        client = http or self.http
        asked = await self.consent(client)
        chosen = {"accounts": [{"external_id": room} for room in rooms]}
        answer = await client.post(f"/io/v1/authorizations/{asked}/accounts", json=chosen)
        assert answer.status_code == 200, answer.text
        assert [item["error"] for item in answer.json()["items"]] == [""] * len(rooms)
        return [item["account_id"] for item in answer.json()["items"]]

    async def pull(self, account_id: str) -> bool:
        """Pull once with the connector that a running pull has; whether that was done."""
        io = self.system.io
        account = io.directory.accounts[account_id]
        [stream] = io.directory.connector(account).streams()  # type: ignore[attr-defined]
        return await io.pulling.run(account, stream, "live")

    async def state(self, account_id: str) -> str:
        """Return an account's state."""
        return str((await self.http.get(f"/io/v1/accounts/{account_id}")).json()["state"])

    async def facts(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what the log tells of accounts."""
        await self.api.settle()
        entries = await self.system.ledger.documents.find(_all(LogEntry))
        return [(entry.what, dict(entry.snapshot)) for entry in entries if entry.subject_type == "account"]


@pytest.fixture
async def gallery(tmp_path: Path) -> AsyncIterator[Connected]:
    """A system with an app of the installation."""
    connected = Connected(tmp_path, return_urls=["https://inbox.example/connected"])
    await connected.system.io.load()
    settings = {"client_id": CLIENT, "client_secret": SECRET}
    await connected.system.io.accounts.add_app("", "gallery", "gallery", settings, "app-gallery")
    try:
        yield connected
    finally:
        await connected.system.io.pulling.stop()
        await connected.api.close()


async def test_a_consent_gives_accounts_and_the_chosen_ones_are_connected(gallery: Connected) -> None:
    """Two rooms are found, one is chosen; the other stays out."""
    asked = await gallery.consent()
    shown = (await gallery.http.get(f"/io/v1/authorizations/{asked}")).json()
    assert (shown["state"], shown["url"]) == ("done", None)
    found = (await gallery.http.get(f"/io/v1/authorizations/{asked}/accounts")).json()["items"]
    assert [(item["external_id"], item["account_id"]) for item in found] == [("room-1", None), ("room-2", None)]
    chosen = {"accounts": [{"external_id": "room-2", "name": "Ours"}]}
    [made] = (await gallery.http.post(f"/io/v1/authorizations/{asked}/accounts", json=chosen)).json()["items"]
    account = (await gallery.http.get(f"/io/v1/accounts/{made['account_id']}")).json()
    assert (account["name"], account["external_id"], account["state"]) == ("Ours", "room-2", "connected")
    assert await gallery.pull(made["account_id"])
    again = (await gallery.http.post(f"/io/v1/authorizations/{asked}/accounts", json=chosen)).json()["items"]
    assert again == [made]


async def test_a_call_back_works_once_for_its_own_platform_and_in_time(gallery: Connected) -> None:
    """Anything else gets the same page, which tells nothing."""
    first, late = await gallery.begin(), await gallery.begin()
    url = gallery.gallery.consents(first["url"])
    assert (await gallery.back(url.replace("state=", "state=x"))).status_code == 400
    assert (await gallery.back(url.replace("/gallery/", "/wall/"))).status_code == 400
    assert (await gallery.back(url)).status_code == 200
    again = await gallery.back(url)
    assert (again.status_code, "not valid any more" in again.text) == (400, True)
    gallery.clock.forward(minutes=16)
    assert (await gallery.back(gallery.gallery.consents(late["url"]))).status_code == 400
    assert len(await gallery.system.ledger.documents.find(_all(GrantRecord))) == 1


async def test_only_who_asked_sees_and_chooses(gallery: Connected) -> None:
    """Neither another tenant nor another person of the same one, nor an agent."""
    asked = await gallery.consent()
    issuer = gallery.system.trust.issuer
    colleague = issuer.issue(subject="eve", tenant="acme", name="Eve", roles=("admin",), generation=0).access_token
    for http in (gallery.api.agent(tenant="other"), gallery.api.client(colleague)):
        for answer in (
            await http.get(f"/io/v1/authorizations/{asked}"),
            await http.get(f"/io/v1/authorizations/{asked}/accounts"),
            await http.post(f"/io/v1/authorizations/{asked}/accounts", json={"accounts": [{"external_id": "room-1"}]}),
        ):
            assert answer.status_code in (401, 404), answer.text
    assert (await gallery.api.agent("agent").get(f"/io/v1/authorizations/{asked}")).status_code == 403


async def test_a_refused_consent_and_a_refused_code_are_told(gallery: Connected) -> None:
    """The page and the record say why; what the platform says cannot become markup."""
    asked = await gallery.begin()
    state = gallery.gallery.consents(asked["url"]).partition("state=")[2]
    back = await gallery.back(f"/gallery/v1/callback?error=access_denied&error_description=<b>no</b>&state={state}")
    assert (back.status_code, "&lt;b&gt;no" in back.text, "<b>" in back.text) == (400, True, False)
    shown = (await gallery.http.get(f"/io/v1/authorizations/{asked['id']}")).json()
    assert (shown["state"], "no" in shown["reason"]) == ("failed", True)
    asked = await gallery.begin()
    url = gallery.gallery.consents(asked["url"])
    gallery.gallery.codes.clear()
    back = await gallery.back(url)
    assert (back.status_code, "start again" in back.text) == (400, True)
    nothing = await gallery.http.post(
        f"/io/v1/authorizations/{asked['id']}/accounts", json={"accounts": [{"external_id": "room-1"}]}
    )
    assert nothing.status_code == 409


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://inbox.example/connected", True),
        ("https://inbox.example/connected/here?a=b", True),
        ("http://127.0.0.1:4711/done", True),
        ("https://inbox.example/connectedness", False),
        ("https://inbox.example.evil.example/connected", False),
        ("https://inbox.example@evil.example/connected", False),
        ("https://inbox.example/connected/../else", False),
        ("http://inbox.example/connected", False),
        ("javascript:alert(1)", False),
        ("//evil.example", False),
    ],
)
async def test_people_are_sent_back_to_allowed_pages_only(gallery: Connected, url: str, allowed: bool) -> None:
    """Those of the operator's list, and this machine's own."""
    answer = await gallery.http.post("/io/v1/authorizations", json={"connector": "gallery", "return_url": url})
    assert answer.status_code == (201 if allowed else 422)
    if allowed:
        back = await gallery.back(gallery.gallery.consents(answer.json()["url"]))
        assert back.status_code == 303
        assert back.headers["location"].startswith(url)
        assert answer.json()["id"] in back.headers["location"]
        assert "code" not in back.headers["location"]


async def test_two_tenants_connect_the_same_room_each_by_itself(gallery: Connected) -> None:
    """Each has an account and a grant of its own; ending one leaves the other."""
    [ours] = await gallery.connect("room-1")
    other = gallery.api.agent(tenant="other")
    [theirs] = await gallery.connect("room-1", http=other)
    assert ours != theirs
    assert (await other.delete(f"/io/v1/accounts/{theirs}")).status_code == 204
    assert await gallery.pull(ours)
    tenants = [record.tenant for record in await gallery.system.ledger.documents.find(_all(GrantRecord))]
    assert set(tenants) == {"acme"}


async def test_a_running_pull_goes_on_with_a_token_that_was_derived_anew(gallery: Connected) -> None:
    """The room's token dies: the consent lists it anew, for all rooms, and the pull notices nothing."""
    first, second = await gallery.connect("room-1", "room-2")
    assert await gallery.pull(first)
    gallery.gallery.epoch = 2
    assert await gallery.pull(first)
    gallery.gallery.users = set()  # the person's token is refused from now on: it is not needed for the second room
    assert await gallery.pull(second)
    assert gallery.gallery.refreshes == 0
    gallery.gallery.epoch = 3  # now it is
    assert await gallery.pull(second)
    assert gallery.gallery.refreshes == 1


async def test_grants_are_renewed_before_they_end_and_once(gallery: Connected) -> None:
    """By the worker, without anybody waiting for it."""
    [account] = await gallery.connect("room-1")
    renewal = gallery.system.io.renewal
    assert await renewal.renew_due() == 0
    gallery.clock.forward(minutes=58)
    for _ in range(3):
        await renewal.renew_due()
        await renewal.settled()
    assert gallery.gallery.refreshes == 1
    assert await gallery.pull(account)


async def test_a_room_that_is_gone_loses_its_grant_alone(gallery: Connected) -> None:
    """The other one goes on; the event is told once, with where to reconnect."""
    first, second = await gallery.connect("room-1", "room-2")
    del gallery.gallery.rooms["room-1"]
    gallery.gallery.epoch = 2
    assert await gallery.pull(second)
    assert (await gallery.state(first), await gallery.state(second)) == ("reauthorization_required", "connected")
    told = [snapshot for kind, snapshot in await gallery.facts() if kind == "account_reauthorization_required"]
    assert [snapshot["reconnect_url"] for snapshot in told] == [f"https://chorally.example/io/v1/accounts/{first}"]


async def test_a_refused_grant_asks_a_person_once_and_a_new_consent_mends_all(gallery: Connected) -> None:
    """Each account of the grant is told once; one consent for one of them brings both back."""
    first, second = await gallery.connect("room-1", "room-2")
    gallery.gallery.refresh = "revoked"
    gallery.clock.forward(hours=2)
    for _ in range(3):
        await gallery.system.io.renewal.renew_due()
        await gallery.system.io.renewal.settled()
    assert gallery.gallery.refreshes == 1
    kinds = [kind for kind, _ in await gallery.facts()]
    assert kinds.count("account_reauthorization_required") == 2
    assert await gallery.state(first) == await gallery.state(second) == "reauthorization_required"
    gallery.gallery.epoch = 2
    asked = await gallery.consent(account_id=first)
    assert (await gallery.http.get(f"/io/v1/authorizations/{asked}")).json()["reason"] == ""
    assert await gallery.state(first) == await gallery.state(second) == "connected"
    assert await gallery.pull(first)
    assert await gallery.pull(second)
    records = await gallery.system.ledger.documents.find(_all(GrantRecord))
    assert len(records) == 3, "the old consent and what was derived of it are forgotten"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("down"), httpx.Response(503), httpx.Response(429, headers={"Retry-After": "60"}),
        httpx.Response(401, json={"error": "invalid_client"}), httpx.Response(200, json={}),
    ],
)  # fmt: skip
async def test_what_is_no_refusal_leaves_accounts_connected(gallery: Connected, answer: Any) -> None:
    """Unreachable, throttled, wrongly set up: it waits, and goes on when that is over."""
    [account] = await gallery.connect("room-1")
    gallery.clock.forward(hours=2)
    gallery.gallery.down = [answer]
    await gallery.system.io.renewal.renew_due()
    assert await gallery.state(account) == "connected"
    gallery.clock.forward(seconds=90)
    await gallery.system.io.renewal.renew_due()
    assert gallery.gallery.refreshes == 1
    assert await gallery.state(account) == "connected"


async def test_a_consent_that_nobody_chose_from_is_forgotten(gallery: Connected) -> None:
    """With its grant; one that serves an account stays."""
    await gallery.consent()
    [account] = await gallery.connect("room-1")
    gallery.clock.forward(hours=25)
    assert await gallery.system.io.authorizations.sweep() == 2
    records = await gallery.system.ledger.documents.find(_all(GrantRecord))
    assert len(records) == 2
    assert await gallery.pull(account)


async def test_no_token_is_at_rest_in_the_open_nor_in_an_answer(gallery: Connected) -> None:
    """Codes, tokens, verifiers and secrets are found in no file and no answer."""
    await gallery.connect("room-1", "room-2")
    await gallery.begin()
    answers = [(await gallery.http.get(path)).text for path in ("/io/v1/accounts", "/io/v1/apps")]
    assert "canary" not in "".join(answers)
    assert b"canary" not in b"".join(_files(gallery.folder))


async def test_an_app_is_changed_in_place_with_two_live_secrets(gallery: Connected) -> None:
    """The newest is used; the one before stays live until it is given up; the installation's is its operator's."""
    operator = gallery.api.agent("installation-operator")
    [app] = (await operator.get("/io/v1/apps?installation=true")).json()["items"]
    place = f"/io/v1/apps/{app['id']}"
    assert (await gallery.http.patch(place, json={"name": "x"})).status_code == 404
    assert (await gallery.http.get("/io/v1/apps?installation=true")).status_code == 403
    body = {"connector": "gallery", "name": "x", "settings": {}, "installation": True}
    assert (await gallery.http.post("/io/v1/apps", json=body)).status_code == 403
    changed = await operator.patch(place, json={"settings": {"client_secret": "another-canary"}, "keep_previous": True})
    assert (changed.status_code, changed.json()["callback_path"]) == (200, "/gallery/v1/callback")
    assert "canary" not in changed.text
    directory = gallery.system.io.directory
    [live] = directory.keys(directory.apps["app-gallery"], None).secrets.values()
    assert [secret.get_secret_value() for secret in live] == ["another-canary", SECRET]
    gallery.gallery.secrets = {"another-canary"}
    assert await gallery.pull((await gallery.connect("room-1"))[0])
    too_many = await operator.patch(place, json={"settings": {"client_secret": ["a", "b", "c"]}})
    assert (too_many.status_code, too_many.json()["errors"][0]["field"]) == (422, "/body/settings/client_secret")
    await operator.patch(place, json={"settings": {"client_secret": "another-canary"}})
    [live] = directory.keys(directory.apps["app-gallery"], None).secrets.values()
    assert len(live) == 1


async def test_a_pasted_token_with_a_refresh_token_is_renewed_too(gallery: Connected) -> None:
    """Where no consent is asked for: what a person pastes is a grant like any other, and is forgotten with it."""
    platform = gallery.gallery
    platform.refresh, platform.users = "pasted-refresh-canary", set()
    credentials = {"access_token": platform.room_token("room-1"), "refresh_token": "pasted-refresh-canary"}
    body = {"connector": "gallery", "name": "pasted", "credentials": credentials}
    account = (await gallery.http.post("/io/v1/accounts", json=body)).json()
    [record] = await gallery.system.ledger.documents.find(_all(GrantRecord))
    stored = await gallery.system.ledger.documents.get(Account, account["id"])
    assert stored is not None
    assert stored.grant_id == record.id
    assert (await gallery.http.delete(f"/io/v1/accounts/{account['id']}")).status_code == 204
    assert await gallery.system.ledger.documents.find(_all(GrantRecord)) == []


def _files(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.rglob("*") if file.is_file()]


def _all(of: type[Any]) -> Any:
    from chorally_core.ports.documents import Query

    return Query(of, None, limit=1000)
