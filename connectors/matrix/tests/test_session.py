"""Sessions, and where the homeserver is."""

import json
import traceback
from collections.abc import Callable

import httpx
import pytest
from chorally_matrix import Matrix
from chorally_matrix.config import AccountSettings, AppSettings
from chorally_matrix.sandbox import Homeserver
from chorally_matrix.shapes import Session, read
from pydantic import SecretStr, ValidationError

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange


async def test_a_session_over_is_begun_again_by_the_password(
    server: Homeserver, user: Callable[..., Matrix], asked: list[Exchange]
) -> None:
    """Under the same device; a person is asked only where there is no password."""
    us = user(for_app=True)
    grant = await us.renew(None)
    server.revoke()
    asked.clear()
    renewed = await us.renew(grant)

    assert renewed.access != grant.access
    assert [each.url.rpartition("/")[2] for each in asked] == ["refresh", "login"]
    assert json.loads(asked[1].body)["device_id"] == "CHORALLY"
    assert not any("authorization" in dict(each.headers) for each in asked)
    server.revoke()
    us.app = us.app.model_copy(update={"settings": AppSettings(homeserver="https://matrix.example")})
    with pytest.raises(sdk.Reauthorize):
        await us.renew(renewed)


async def test_a_pasted_token_is_never_replaced_by_another_users(
    server: Homeserver, user: Callable[..., Matrix], asked: list[Exchange]
) -> None:
    """The app's password opens its own user's session only: the account would speak as somebody else."""
    us = user(for_app=True)
    for pasted in (sdk.Grant(access=SecretStr("as-token")), server.a_grant()):
        server.revoke()
        with pytest.raises(sdk.Reauthorize):
            await us.renew(pasted)
    assert [each.url.rpartition("/")[2] for each in asked] == ["refresh"]


async def test_a_wrong_password_is_the_operators(user: Callable[..., Matrix]) -> None:
    """It is no lost grant: the account stays connected."""
    us = user(for_app=True)
    wrong = AppSettings(homeserver="https://matrix.example", user="support", password=SecretStr("wrong"))
    us.app = us.app.model_copy(update={"settings": wrong})
    with pytest.raises(sdk.Rejected) as caught:
        await us.renew(None)
    assert caught.value.reason is sdk.Reason.PERMISSION


async def test_a_refresh_token_that_is_not_given_anew_goes_on() -> None:
    """And a token without an end has none."""
    grant = sdk.Grant(access=SecretStr("one"), refresh=SecretStr("again"), base_url="https://x.example")
    us = connect(Matrix, lambda _: httpx.Response(200, json={"access_token": "two"}), grant=grant, for_app=True)
    renewed = await us.renew(grant)

    assert (renewed.access.get_secret_value(), renewed.refresh, renewed.expires_at) == ("two", grant.refresh, None)


async def test_a_token_of_somebody_else_is_refused(user: Callable[..., Matrix]) -> None:
    """Where the settings say whose it must be."""
    with pytest.raises(sdk.Rejected) as caught:
        await user(user_id="@other:matrix.example").check()
    assert caught.value.reason is sdk.Reason.PERMISSION


class TestThePlace:
    """Where the homeserver is."""

    def us(self, answer: Callable[[httpx.Request], httpx.Response], **given: object) -> Matrix:
        """A connector whose homeserver is given by name."""
        return connect(Matrix, answer, settings=AccountSettings(homeserver="shop.example"), **given)  # type: ignore[arg-type]

    async def test_a_name_leads_to_the_homeserver_without_the_token(self) -> None:
        """The record is read once, when the account is connected."""
        asked: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            if request.url.host == "shop.example":
                return httpx.Response(200, json={"m.homeserver": {"base_url": "https://matrix.shop.example/"}})
            return httpx.Response(200, json={"user_id": "@us:shop.example"})

        info = await self.us(answer).check()
        await self.us(answer, data=info.data).check()

        assert [request.url.host for request in asked] == ["shop.example", *["matrix.shop.example"] * 2]
        assert "authorization" not in asked[0].headers
        assert asked[1].headers["authorization"] == "Bearer token"
        assert info.data == {"server": "shop.example", "base_url": "https://matrix.shop.example"}

    async def test_without_a_record_the_name_is_the_place(self) -> None:
        """As the specification has it for a 404."""

        def answer(request: httpx.Request) -> httpx.Response:
            found = "well-known" not in request.url.path
            return httpx.Response(200 if found else 404, json={"user_id": f"@us:{request.url.host}"})

        assert (await self.us(answer).check()).external_id == "@us:shop.example"

    @pytest.mark.parametrize("record", [b"", b"[]", b'{"m.homeserver": {"base_url": "http://inner"}}', b"{}"])
    async def test_a_record_that_leads_nowhere_is_told(self, record: bytes) -> None:
        """Nor may it lead to where tokens travel in clear."""
        with pytest.raises(sdk.Rejected, match="its address itself"):
            await self.us(lambda _: httpx.Response(200, content=record)).check()

    async def test_the_own_network_is_not_reached_by_a_name(self) -> None:
        """Hosts of accounts are guarded."""
        http = sdk.Http(base_url="", hosts=("*",), grant=sdk.Grant(access=SecretStr("x")))
        settings = AccountSettings(homeserver="https://localhost")
        account = sdk.Account(id="1", tenant="acme", settings=settings)
        us = Matrix(sdk.App(id="1"), http, account, now=lambda: None)  # type: ignore[arg-type,return-value]
        with pytest.raises(sdk.Rejected, match="public"):
            await us.check()
        await http.aclose()


@pytest.mark.parametrize("wrong", ["ftp://x", "a b", "https://", "x?y=1", "https://user@x"])
def test_what_is_no_homeserver_is_refused(wrong: str) -> None:
    """When it is entered."""
    with pytest.raises(ValidationError):
        AccountSettings(homeserver=wrong)


def test_what_holds_tokens_shows_them_nowhere() -> None:
    """Neither the error, nor what caused it, nor what is kept with it."""
    token = "-".join(("secret", "token"))  # the traceback shows these lines
    with pytest.raises(sdk.Malformed) as caught:
        read(Session, json.dumps({"access_token": [token]}).encode(), "the new session")

    assert token not in "".join(traceback.format_exception(caught.value))
    assert caught.value.payload == b""
