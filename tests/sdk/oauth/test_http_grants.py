"""The client of an account whose grant changes while the client lives."""

import httpx
import pytest
from pydantic import SecretStr

import chorally_sdk as sdk


class Plain(sdk.Connector):
    """Calls and nothing else."""

    manifest = sdk.Manifest(
        platform="plain",
        base_url="https://plain.example",
        hosts=("plain.example",),
        channels=(sdk.Channel(name="plain"),),
    )

    async def check(self) -> sdk.AccountInfo:
        """Not asked here."""
        raise NotImplementedError


class Chain:
    """Grants that follow each other; what is asked of it is written down."""

    def __init__(self, *names: str) -> None:
        self._grants = [sdk.Grant(access=SecretStr(name)) for name in names]
        self.refused: list[str] = []

    async def fresh(self) -> sdk.Grant:
        """Return the first."""
        return self._grants[0]

    async def instead(self, refused: sdk.Grant, refusal: sdk.Reauthorize) -> sdk.Grant:
        """Return the next."""
        self.refused.append(refused.access.get_secret_value())
        self._grants.pop(0)
        if not self._grants:
            raise refusal
        return self._grants[0]


class Platform:
    """Accepts one token."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.asked: list[str] = []
        self.bodies: list[bytes] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer 200 to the right token, 401 to any other."""
        self.asked.append(request.headers.get("Authorization", ""))
        self.bodies.append(request.content)
        return httpx.Response(200 if self.asked[-1] == f"Bearer {self.token}" else 401, json={})


def _http(platform: Platform, chain: Chain) -> sdk.Http:
    http = sdk.Http(
        base_url="https://plain.example", hosts=(), grants=chain, transport=httpx.MockTransport(platform), attempts=1
    )
    return Plain(sdk.App(id=""), http, None, now=lambda: pytest.fail("no clock")).http


async def test_a_refused_token_is_replaced_and_the_call_made_again_once() -> None:
    """The connector sees the answer only; later calls begin with the new token."""
    platform, chain = Platform("new"), Chain("old", "new")
    http = _http(platform, chain)
    assert (await http.post("/notes", json={"a": 1})).status_code == 200
    assert (await http.get("/notes")).status_code == 200
    assert platform.asked == ["Bearer old", "Bearer new", "Bearer new"]
    assert platform.bodies[0] == platform.bodies[1] == b'{"a":1}'
    assert chain.refused == ["old"]


async def test_a_second_refusal_is_raised() -> None:
    """A new token that is refused too is no reason to go on renewing."""
    platform, chain = Platform("none of them"), Chain("old", "new", "newer")
    with pytest.raises(sdk.Reauthorize):
        await _http(platform, chain).get("/notes")
    assert platform.asked == ["Bearer old", "Bearer new"]


async def test_what_is_called_bare_or_otherwise_is_not_repeated() -> None:
    """A call that does not carry the grant says nothing about it when it is refused."""
    platform, chain = Platform("new"), Chain("old", "new")
    http = _http(platform, chain)
    for auth in (None, sdk.Bearer(SecretStr("another"))):
        with pytest.raises(sdk.Reauthorize):
            await http.get("/notes", auth=auth)
    assert platform.asked == ["", "Bearer another"]
    assert chain.refused == []


async def test_a_streamed_answer_is_asked_for_again_too() -> None:
    """A download goes on with the new token."""
    platform, chain = Platform("new"), Chain("old", "new")
    async with _http(platform, chain).stream("GET", "/picture") as answer:
        assert answer.status_code == 200
    assert platform.asked == ["Bearer old", "Bearer new"]


async def test_a_body_that_cannot_be_sent_twice_is_left_to_the_next_try() -> None:
    """The token is renewed; the caller is told to come back, since the body has been read."""

    async def pieces() -> object:
        yield b"once"

    platform, chain = Platform("new"), Chain("old", "new")
    with pytest.raises(sdk.RetryLater):
        await _http(platform, chain).post("/upload", content=pieces())
    assert platform.asked == ["Bearer old"]
    assert chain.refused == ["old"]


async def test_a_visible_call_that_was_refused_is_made_again() -> None:
    """A 401 was not done, so that nothing is made twice."""
    platform, chain = Platform("new"), Chain("old", "new")
    with sdk.visible_call():
        assert (await _http(platform, chain).post("/notes", json={})).status_code == 200
    assert platform.asked == ["Bearer old", "Bearer new"]


async def test_a_grant_says_where_its_calls_go() -> None:
    """On a platform of many instances a renewed grant may lie elsewhere; what is absolute stays where it is."""

    class Moved(Chain):
        async def instead(self, refused: sdk.Grant, refusal: sdk.Reauthorize) -> sdk.Grant:
            """Move to the instance."""
            self._grants = [sdk.Grant(access=SecretStr("new"), base_url="https://eu.plain.example/api/")]
            return self._grants[0]

    seen: list[str] = []

    def platform(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200 if request.headers["Authorization"] == "Bearer new" else 401, json={})

    http = sdk.Http(
        base_url="https://plain.example", hosts=("*.plain.example",), grants=Moved("old"),
        transport=httpx.MockTransport(platform),
    )  # fmt: skip
    called = Plain(sdk.App(id=""), http, None, now=lambda: pytest.fail("no clock")).http
    await called.get("/notes")
    await called.get("https://plain.example/rules")
    assert seen == [
        "https://plain.example/notes", "https://eu.plain.example/api/notes", "https://plain.example/rules",
    ]  # fmt: skip


async def test_each_call_reports_the_grant_it_was_made_with() -> None:
    """Errors hide the secret of the token that was used, also after it was replaced."""

    class Chatty(Plain):
        def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
            return None if answer.is_success else sdk.Reauthorize(f"no to {answer.request.headers['Authorization']}")

    chain = Chain("a-long-old-token", "a-long-new-token")
    http = sdk.Http(
        base_url="https://plain.example", hosts=(), grants=chain, transport=httpx.MockTransport(Platform("x"))
    )
    connector = Chatty(sdk.App(id=""), http, None, now=lambda: pytest.fail("no clock"))
    with pytest.raises(sdk.Reauthorize) as refusal:
        await connector.http.get("/notes")
    assert "a-long" not in str(refusal.value)
