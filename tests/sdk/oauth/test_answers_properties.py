"""What token endpoints write, in any shape: a grant comes of it, or the error that says why."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.oauth.answers import LONGEST_LIFE, REFRESH_LIVES, carried, grant_of
from chorally_sdk.oauth.kept import WARNED, Kept
from chorally_sdk.testing import connect
from chorally_sdk.testing.host import NOW
from tests.sdk.oauth.server import TokenServer
from tests.sdk.oauth.test_client import Plain

KEY = RSAKey.generate_key(2048)
WORD = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.text(max_size=3))
LIFE = st.integers(1, 10**9)


def plain_at(server: Callable[[httpx.Request], httpx.Response]) -> Plain:
    """Return a connector whose platform is a function."""
    return connect(Plain, httpx.MockTransport(server))


def written(life: int) -> st.SearchStrategy[Any]:
    """Return the ways in which platforms write a number of seconds."""
    return st.sampled_from([life, float(life), str(life), f" {life} ", f"{life}.0"])


@st.composite
def answers(draw: st.DrawFn) -> tuple[dict[str, Any], int | None, int | None]:
    """An answer, and the lives of its tokens in seconds; None where they are not told."""
    said: dict[str, Any] = {"access_token": draw(WORD), "refresh_token": draw(WORD), "token_type": draw(ODD)}
    life, refresh_life = draw(st.none() | LIFE), draw(st.none() | LIFE)
    if life is not None:
        said["expires_in"] = draw(written(life))
    if refresh_life is not None:
        said[draw(st.sampled_from(REFRESH_LIVES))] = draw(written(refresh_life))
    return said, life, refresh_life


@given(answers())
def test_lives_are_read_however_they_are_written(answer: tuple[dict[str, Any], int | None, int | None]) -> None:
    """As numbers, as texts, and not at all; never as an instant that cannot be written."""
    said, life, refresh_life = answer
    grant = grant_of(said, NOW)
    for told, ends in ((life, grant.expires_at), (refresh_life, grant.refresh_expires_at)):
        expected = None if told is None else NOW + min(timedelta(seconds=told), LONGEST_LIFE)
        assert ends == expected


@given(st.dictionaries(st.sampled_from(["access_token", "refresh_token", "expires_in", "scope", *REFRESH_LIVES]), ODD))
def test_any_answer_is_a_grant_or_malformed(said: dict[str, Any]) -> None:
    """Nothing else is raised, and what was said is not told again."""
    access = said.get("access_token")
    if not isinstance(access, str) or not access.strip():
        with pytest.raises(sdk.Malformed) as error:
            grant_of(said, NOW)
        assert error.value.payload == b""
    else:
        grant = grant_of(said, NOW)
        assert grant.access.get_secret_value() == access
        assert all(ends is None or ends > NOW for ends in (grant.expires_at, grant.refresh_expires_at))


@given(answers(), st.sampled_from(["data", "result"]), st.booleans(), st.booleans())
@settings(max_examples=25, deadline=None)
async def test_tokens_are_found_where_an_answer_nests_them(
    answer: tuple[dict[str, Any], Any, Any], within: str, as_form: bool, in_a_list: bool
) -> None:
    """In the field that the client names, first of a list or alone; where there is none such, beside it."""
    said = {name: value for name, value in answer[0].items() if name != "token_type"}
    server = TokenServer()
    plain = plain_at(server)
    for nested in (False, True):
        if as_form and not nested:
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            server.next.append(httpx.Response(200, content=urlencode(said), headers=form))
        else:
            inner = [said] if in_a_list else said
            body = {within: inner, "message": "success"} if nested else said
            server.next.append(httpx.Response(200, json=body))
        grant = await plain.oauth(within=within).credentials()
        assert grant.access.get_secret_value() == said["access_token"]
        assert (grant.expires_at is None) == (answer[1] is None)
    await plain.http.aclose()


@given(st.lists(WORD, min_size=1, max_size=4), st.lists(WORD, min_size=1, max_size=4), st.lists(WORD, max_size=3))
@settings(max_examples=25, deadline=None)
async def test_audiences_and_scopes_are_asked_for_one_by_one(
    scopes: list[str], audiences: list[str], resources: list[str]
) -> None:
    """Of an app's own grant, and of one for an assertion."""
    sent: list[str] = []

    def platform(request: httpx.Request) -> httpx.Response:
        sent.append(request.content.decode())
        return httpx.Response(200, json={"access_token": "t"})

    plain = plain_at(platform)
    client = plain.oauth(scopes=scopes)
    grant = await client.credentials(audience=audiences, resource=resources)
    asked = parse_qsl(sent[0])
    assert [value for name, value in asked if name == "audience"] == audiences
    assert [value for name, value in asked if name == "resource"] == resources
    assert [value for name, value in asked if name == "scope"] == [" ".join(scopes)]
    assert grant.scopes == frozenset(scopes)
    pem = SecretStr(KEY.as_pem(private=True).decode())
    await client.assertion(pem, issuer="robot", audience=audiences, claims={"scope": " ".join(scopes)})
    claims = jwt.decode(dict(parse_qsl(sent[1]))["assertion"], KEY, algorithms=["RS256"]).claims
    assert (claims["aud"], claims["scope"]) == (audiences, " ".join(scopes))
    await plain.http.aclose()


DAYS = st.integers(1, 400)


@given(DAYS, DAYS, st.none() | DAYS, st.booleans())
def test_a_consent_is_final_only_where_renewals_do_not_put_its_end_off(
    life: int, first: int, second: int | None, is_rotated: bool
) -> None:
    """A rotated refresh token of unknown life may live; one that stays has the end that was told before."""
    before = sdk.Grant(
        access=SecretStr("a"), refresh=SecretStr("r"), expires_at=NOW + timedelta(days=life),
        refresh_expires_at=NOW + timedelta(days=first),
    )  # fmt: skip
    told = {"access_token": "b", "expires_in": life * 86_400, **({"refresh_token": "s"} if is_rotated else {})}
    if second is not None:
        told["refresh_expires_in"] = second * 86_400
    kept = Kept(grant=before, generation=1, stored_at=NOW)
    after = kept.renewed(1, carried(before, grant_of(told, NOW)), NOW)
    assert after is not None
    ends = NOW + timedelta(days=second) if second is not None else None if is_rotated else before.refresh_expires_at
    assert after.grant is not None
    assert after.grant.refresh_expires_at == ends
    due_at = after.due_at(0.0)
    assert due_at is not None
    is_over = ends is not None and (ends <= NOW + timedelta(days=first) or ends <= due_at)
    assert after.ends_for_good_at() == (ends if is_over else None)
    assert after.warns_at() == (ends - WARNED if is_over and ends is not None else None)


@pytest.mark.parametrize("error", ["invalid_token", "invalid_grant"])
async def test_what_was_given_back_before_is_given_back(error: str) -> None:
    """A platform that does not know the token any more has it already."""
    server = TokenServer()
    server.next = [httpx.Response(400, content=json.dumps({"error": error}))]
    plain = plain_at(server)
    await plain.oauth(revocation_url="/revoke").revoke(sdk.Grant(access=SecretStr("only-access")))
    [asked] = server.asked
    assert (asked["path"], asked["token"], asked["token_type_hint"]) == ("/revoke", "only-access", "access_token")


async def test_without_a_place_to_give_back_to_the_person_is_told() -> None:
    """Nothing is sent."""
    server = TokenServer()
    with pytest.raises(sdk.Unsupported, match="takes no tokens back"):
        await plain_at(server).oauth().revoke(sdk.Grant(access=SecretStr("a")))
    assert server.asked == []
