"""`auth`: consent by the browser, kept in a file, and used by the commands after it."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.cli import consenting, making
from chorally_sdk.cli.telling import Told
from chorally_sdk.testing.host import connect
from tests.sdk.cli.conftest import run, serving
from tests.sdk.kit.guestbook import Guestbook
from tests.sdk.kit.twin import GuestbookTwin


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A connector that asks for consent."""
    wanted = making.wanted("gate", "", ("pull", "reply"), "oauth")
    return making.make(wanted, tmp_path_factory.mktemp("asking"))


class Person:
    """Opens the page, and follows where it leads; may say no, or come by another way first."""

    def __init__(self, twin: GuestbookTwin, *, denies: bool = False, state: str = "", before: str = "") -> None:
        self.twin = twin
        self.denies = denies
        self.state = state
        self.before = before
        self.seen: list[httpx.Response] = []
        self.redirect_uri = ""

    async def __call__(self, page: str) -> None:
        """Do it."""
        self.redirect_uri = parse_qs(urlsplit(page).query)["redirect_uri"][0]
        back = self.twin.oauth.consent(page, denied=self.denies)
        back |= {"state": self.state} if self.state else {}
        async with httpx.AsyncClient(trust_env=False) as browser:
            for query in filter(None, (self.before, urlencode(back))):
                self.seen.append(await browser.get(f"{self.redirect_uri}?{query}"))


def connector(twin: GuestbookTwin) -> Guestbook:
    """For the app alone."""
    return connect(Guestbook, twin.transport(), app_settings=twin.settings, now=twin.clock, for_app=True)


async def test_a_consent_comes_back_by_loopback() -> None:
    """With PKCE and its own state; the page tells the person to go back, and no other page is told the address."""
    twin = GuestbookTwin()
    person = Person(twin)
    grant = await consenting.consented(connector(twin), person)
    assert twin.oauth.live(grant.access.get_secret_value())
    assert person.redirect_uri.startswith("http://127.0.0.1:")
    (page,) = person.seen
    assert (page.status_code, page.headers["referrer-policy"]) == (200, "no-referrer")
    with pytest.raises(httpx.ConnectError):
        await httpx.AsyncClient(trust_env=False).get(person.redirect_uri)


async def test_what_is_not_this_consents_call_back_is_passed_over() -> None:
    """A page that guesses the port ends nothing, and brings no code of its own."""
    twin = GuestbookTwin()
    person = Person(twin, before="code=stolen&state=guessed")
    grant = await consenting.consented(connector(twin), person)
    assert [page.status_code for page in person.seen] == [404, 200]
    assert twin.oauth.live(grant.access.get_secret_value())


async def test_a_no_is_told() -> None:
    """With what the platform says."""
    twin = GuestbookTwin()
    with pytest.raises(Told, match="gives no consent: access_denied"):
        await consenting.consented(connector(twin), Person(twin, denies=True))


async def test_nobody_is_waited_for_without_end() -> None:
    """The command says what to do instead."""
    twin = GuestbookTwin()
    with pytest.raises(Told, match="nobody answered in 0 s"):
        await consenting.consented(connector(twin), lambda page: None, patience_s=0.01)


@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_call_back_may_be_pasted(*, is_ours: bool) -> None:
    """Where the platform takes no loopback; one of another consent is refused."""
    twin = GuestbookTwin()
    redirect = "https://ours.example/back"
    back: list[str] = []

    def show(page: str) -> None:
        params = {**twin.oauth.consent(page), **({} if is_ours else {"state": "another"})}
        back.append(f" {redirect}?{urlencode(params)}\n")

    expected = contextlib.nullcontext() if is_ours else pytest.raises(Told, match="another state")
    with expected:
        grant = await consenting.consented(connector(twin), show, redirect_uri=redirect, pasted=lambda: back[0])
        assert twin.oauth.live(grant.access.get_secret_value())


async def test_a_kept_grant_is_renewed(tmp_path: Path) -> None:
    """By the connector, before it is used, and it is kept again."""
    twin = GuestbookTwin()
    twin.clock.at = datetime.now(UTC)
    old = twin.a_grant()
    ended = old.model_copy(update={"expires_at": twin.clock() - timedelta(minutes=1)})
    keeper = consenting.renewing(lambda grant: connector(twin), tmp_path)
    await keeper.put("guestbook", ended)
    grant = await consenting.renewing(lambda grant: connector(twin), tmp_path).fresh("guestbook")
    assert grant.access != old.access
    kept = await consenting.renewing(lambda grant: connector(twin), tmp_path).kept("guestbook")
    assert kept is not None
    assert kept.grant == grant


def test_the_sandbox_consents_by_itself(asking: Path, tmp_path: Path) -> None:
    """The way through the browser is tried, and nothing is kept."""
    done = run("auth", asking, "--sandbox", CHORALLY_GRANTS=str(tmp_path / "grants"))
    assert done.status == 0, done.err
    assert "and can be renewed" in done.out
    assert "nothing is kept" in done.out
    assert not (tmp_path / "grants").exists()


def test_a_kept_grant_serves_the_commands(asking: Path, tmp_path: Path) -> None:
    """Without a token; where there is none, the command that gets one is named."""
    with serving(asking) as served:
        command = ("pull", asking, "--url", served.url)
        without = run(*command, CHORALLY_GRANTS=str(tmp_path))
        assert without.status == 2
        assert "by `chorally-connector auth gate`" in without.err
        keeper = consenting.renewing(lambda grant: None, tmp_path)
        asyncio.run(keeper.put("gate", sdk.Grant(access=SecretStr(served.token))))
        httpx.post(f"{served.url}/_sandbox/say", json={"body": "Hello"}).raise_for_status()
        done = run(*command, CHORALLY_GRANTS=str(tmp_path))
        assert (done.status, done.err.splitlines()[-1]) == (0, "1 events"), done.err


def test_who_asks_nobody_says_so(made: Path) -> None:
    """Tokens are given otherwise."""
    assert "wall asks nobody for consent" in run("auth", made).err


def test_grants_lie_where_the_person_says() -> None:
    """Or in the folder of state."""
    assert consenting.folder({"CHORALLY_GRANTS": "/a"}) == Path("/a")
    assert consenting.folder({"XDG_STATE_HOME": "/b"}) == Path("/b/chorally/grants")
    assert consenting.folder({}).parts[-4:] == (".local", "state", "chorally", "grants")
