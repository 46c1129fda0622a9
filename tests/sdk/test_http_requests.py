"""How a connector's requests carry the grant, and what becomes of their answers."""

import gzip
import logging
import ssl
from collections.abc import Generator, Iterable

import httpx
import pytest
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.http import client
from tests.sdk.parrot import TOKEN, Drops, Parrot, Platform, a_client, endless


async def test_the_grant_is_carried_once() -> None:
    """One Authorization header, whatever the method."""
    platform = Platform()
    http = a_client(platform)
    for call in (http.get, http.post, http.put, http.patch, http.delete):
        await call("/notes")
    assert [request.method for request in platform.seen] == ["GET", "POST", "PUT", "PATCH", "DELETE"]
    assert [request.headers.get_list("Authorization") for request in platform.seen] == [[f"Bearer {TOKEN}"]] * 5


async def test_a_request_can_be_sent_bare_or_with_another_authorisation() -> None:
    """None takes the grant's away, anything else replaces it."""
    platform = Platform()
    http = a_client(platform)
    await http.get("/notes", auth=None)
    await http.get("/notes", auth=sdk.Bearer(SecretStr("other")))
    async with http.stream("GET", "/notes", auth=None):
        pass
    assert [request.headers.get("Authorization") for request in platform.seen] == [None, "Bearer other", None]


async def test_without_a_grant_nothing_is_carried() -> None:
    """A connector for no account calls bare."""
    platform = Platform()
    await a_client(platform, grant=None).get("/notes")
    assert "Authorization" not in platform.seen[0].headers


async def test_a_connector_says_how_the_grant_is_carried() -> None:
    """Its ``auth`` is asked once, with the account at hand."""
    asked: list[str] = []

    class ByKey(Parrot):
        def auth(self, grant: sdk.Grant) -> httpx.Auth:
            asked.append(self.account.tenant)
            return _Key(grant.access)

    platform = Platform()
    http = a_client(platform, ByKey)
    await http.get("/notes")
    await http.get("/notes")
    assert asked == ["acme"]
    assert [request.url.params["key"] for request in platform.seen] == [TOKEN, TOKEN]


class _Key(httpx.Auth):
    """The token in the query."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add it."""
        request.url = request.url.copy_add_param("key", self._token.get_secret_value())
        yield request


@pytest.mark.parametrize("token", ["line\nend", "null\0", "caffè"])
async def test_a_token_that_no_header_can_carry_is_asked_for_again(token: str) -> None:
    """Its error does not show it, nor does what caused the error."""
    platform = Platform()
    with pytest.raises(sdk.Reauthorize) as told:
        await a_client(platform, grant=sdk.Grant(access=SecretStr(token))).get("/notes")
    assert not platform.seen
    assert token not in str(told.value)
    assert told.value.__cause__ is None


async def test_what_a_client_is_made_of_shows_no_secret() -> None:
    """Neither it, nor its authorisation, nor what they hold."""
    http = a_client(Platform())
    assert TOKEN not in f"{http!r} {http} {vars(http)} {sdk.Bearer(SecretStr(TOKEN))!r}"


async def test_an_error_does_not_repeat_the_secrets_that_the_platform_repeats() -> None:
    """Platforms like to quote the token that they refuse."""
    grant = sdk.Grant(
        access=SecretStr(TOKEN), refresh=SecretStr("refresh-me-5678"), keep={"key": SecretStr("proof-key-90")}
    )
    said = f"{TOKEN} and refresh-me-5678 and proof-key-90 are bad"

    class Quotes(Parrot):
        def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
            return sdk.Malformed(answer.text, answer.content)

    with pytest.raises(sdk.Malformed) as told:
        await a_client(Platform(httpx.Response(200, text=said)), Quotes, grant=grant).get("/notes")
    assert (str(told.value), told.value.payload) == ("*** and *** and *** are bad", b"*** and *** and *** are bad")
    with pytest.raises(sdk.Reauthorize, match=r"401: \*\*\* and"):
        await a_client(Platform(httpx.Response(401, text=said)), grant=grant).get("/notes")


async def test_the_address_of_the_grant_comes_before_that_of_the_manifest() -> None:
    """A platform of many instances is called where the grant is valid, if that is a declared host."""
    platform = Platform()
    there = sdk.Grant(access=SecretStr(TOKEN), base_url="https://nest.feathers.example/api")
    await a_client(platform, grant=there).get("/notes")
    assert str(platform.seen[0].url) == "https://nest.feathers.example/api/notes"
    for elsewhere in ("https://elsewhere.example", "http://nest.feathers.example", "http://127.0.0.1"):
        with pytest.raises(sdk.Rejected):
            await a_client(platform, grant=there.model_copy(update={"base_url": elsewhere})).get("/notes")
    assert len(platform.seen) == 1


async def test_cookies_are_not_kept() -> None:
    """What an answer sets is not sent with the next request, which may be a bare one."""
    platform = Platform(httpx.Response(200, headers={"Set-Cookie": "session=s; Path=/"}))
    http = a_client(platform)
    await http.get("/notes")
    await http.get("/notes", auth=None)
    assert ["Cookie" in request.headers for request in platform.seen] == [False, False]


async def test_an_answer_says_what_it_said() -> None:
    """Status, headers, body decoded, and its request."""
    body = gzip.compress(b'{"note": "caw"}')
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json", "X-Note": "n"}
    answer = await a_client(Platform(httpx.Response(201, headers=headers, stream=Drops([body])))).post("/notes")
    assert (answer.status_code, answer.json(), answer.headers["X-Note"]) == (201, {"note": "caw"}, "n")
    assert answer.request.method == "POST"


async def test_an_answer_without_end_is_not_read() -> None:
    """It is malformed, and no more than the limit is taken."""
    body = Drops(endless())
    with pytest.raises(sdk.Malformed, match="more than 200000 bytes"):
        await a_client(Platform(httpx.Response(200, stream=body)), max_bytes=200_000).get("/notes")
    assert body.taken == 4


async def test_an_answer_that_grows_when_it_is_decoded_is_not_read() -> None:
    """The limit is that of the decoded body."""
    bomb = gzip.compress(b"\0" * 2_000_000)
    answer = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Drops([bomb]))
    assert len(bomb) < 100_000
    with pytest.raises(sdk.Malformed, match="more than 100000 bytes"):
        await a_client(Platform(answer), max_bytes=100_000).get("/notes")


async def test_an_answer_of_the_largest_size_is_read() -> None:
    """The limit itself is within it."""
    http = a_client(Platform(httpx.Response(200, stream=Drops([b"x" * 50, b"x" * 50]))), max_bytes=100)
    assert len((await http.get("/notes")).content) == 100


async def test_a_refusal_without_end_is_judged_by_its_beginning() -> None:
    """What it says is not lost because it says it for ever."""
    with pytest.raises(sdk.Rejected, match="404: xxx"):
        await a_client(Platform(httpx.Response(404, stream=Drops(endless())))).get("/notes")


async def test_an_answer_that_cannot_be_decoded_is_malformed() -> None:
    """It is no error of httpx."""
    answer = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Drops([b"this is no gzip"]))
    with pytest.raises(sdk.Malformed, match="DecodingError"):
        await a_client(Platform(answer)).get("/notes")


async def test_a_fault_that_fails_leaves_the_judgement_to_the_status() -> None:
    """A page of a proxy where JSON was expected is what its status says; a success like that is malformed."""

    class Careless(Parrot):
        def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
            return sdk.Rejected() if answer.json()["error"] else None

    for status, expected in ((401, sdk.Reauthorize), (404, sdk.Rejected), (502, sdk.RetryLater), (200, sdk.Malformed)):
        platform = Platform(httpx.Response(status, text="<html>"))
        with pytest.raises(expected) as told:
            await a_client(platform, Careless).get("/notes")
        assert isinstance(told.value.__cause__, ValueError)


async def test_a_fault_may_raise_what_it_should_return() -> None:
    """The meaning is the same."""

    class Raises(Parrot):
        def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
            raise sdk.Rejected("no", reason=sdk.Reason.BLOCKED)

    with pytest.raises(sdk.Rejected) as told:
        await a_client(Platform(), Raises).get("/notes")
    assert told.value.reason is sdk.Reason.BLOCKED


async def test_a_fault_sees_every_answer() -> None:
    """Also one with status 200."""

    class Polite(Parrot):
        def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
            return None if answer.json()["ok"] else sdk.RateLimited(scope="app")

    answers = httpx.Response(200, json={"ok": True}), httpx.Response(200, json={"ok": False})
    http = a_client(Platform(*answers), Polite)
    assert (await http.get("/notes")).json() == {"ok": True}
    with pytest.raises(sdk.RateLimited):
        await http.get("/notes")


async def test_usage_is_told_of_every_answer() -> None:
    """Of good ones, of refused ones, and of those that are streamed."""
    told: list[sdk.Usage] = []
    headers = {"RateLimit-Limit": "10", "RateLimit-Remaining": "4"}
    platform = Platform(httpx.Response(200, headers=headers), httpx.Response(429, headers=headers))
    http = a_client(platform, on_usage=told.append)
    await http.get("/notes")
    with pytest.raises(sdk.RateLimited):
        await http.get("/notes")
    async with a_client(Platform(httpx.Response(200, headers=headers)), on_usage=told.append).stream("GET", "/notes"):
        pass
    assert [usage.used for usage in told] == [0.6, 0.6, 0.6]


async def test_usage_that_cannot_be_read_costs_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    """The answer stands, and a warning says whose usage it was."""

    class Careless(Parrot):
        def usage(self, answer: httpx.Response) -> Iterable[sdk.Usage]:
            raise KeyError("x-usage")

    with caplog.at_level(logging.WARNING):
        answer = await a_client(Platform(), Careless, on_usage=lambda usage: None).get("/notes")
    assert answer.status_code == 200
    assert "parrot.example: what the platform says of its quota cannot be read (KeyError)" in caplog.text


def test_many_clients_share_what_they_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the certificates again for each account would cost time and memory."""
    trusted = httpx.create_ssl_context()
    made: list[ssl.SSLContext] = []

    def create() -> ssl.SSLContext:
        made.append(trusted)
        return trusted

    monkeypatch.setattr(httpx, "create_ssl_context", create)
    client._tls.cache_clear()
    for _ in range(3):
        sdk.Http(base_url="https://parrot.example", hosts=())
    assert len(made) == 1
