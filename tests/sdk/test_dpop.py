"""Tokens bound to a key: every request proves it anew, with the server's nonce where it wants one."""

import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.host import NOW
from tests.sdk.parrot import Answer, Parrot, Platform, a_client

KEY = sdk.DPoP.new_key()
WANTED = {"DPoP-Nonce": "n-1", "WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}
ASKS = httpx.Response(401, headers=WANTED)
FINE = httpx.Response(200, json={})


class Bound(Parrot):
    """Carries its tokens with a proof."""

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Prove the key of the grant."""
        return sdk.DPoP(grant.keep["dpop"], grant.access, now=self.now)


GRANT = sdk.Grant(access=SecretStr("bound-token-1234"), keep={"dpop": KEY})


class AsSent(Platform):
    """Remembers requests as they were, for the same one is sent again with another proof."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Keep a copy, and give the next answer."""
        answer = super().__call__(request)
        self.seen[-1] = httpx.Request(request.method, request.url, headers=request.headers.raw, content=request.content)
        return answer


def bound(*answers: Answer) -> tuple[sdk.Http, Platform]:
    """Return a client and what it calls."""
    platform = AsSent(*answers)
    return a_client(platform, Bound, grant=GRANT), platform


def proof(request: httpx.Request) -> dict[str, Any]:
    """Return what a request's proof says, which is signed by the key it names."""
    token = request.headers["DPoP"]
    head = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert (head["typ"], head["alg"]) == ("dpop+jwt", "ES256")
    assert head["jwk"] == ECKey.import_key(json.loads(KEY.get_secret_value())).as_dict(private=False)
    assert "d" not in head["jwk"]
    said: dict[str, Any] = jwt.decode(token, ECKey.import_key(head["jwk"]), algorithms=["ES256"]).claims
    return said


async def test_a_request_proves_the_key_of_its_token() -> None:
    """For this method, this URL without its query, this moment and this token."""
    http, platform = bound(FINE)
    await http.get("/me", params={"a": "1"})
    (request,) = platform.seen
    said = proof(request)
    digest = hashlib.sha256(b"bound-token-1234").digest()
    assert request.headers["Authorization"] == "DPoP bound-token-1234"
    assert (said["htm"], said["htu"], said["iat"]) == ("GET", "https://parrot.example/v1/me", int(NOW.timestamp()))
    assert said["ath"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert "nonce" not in said


async def test_each_proof_has_an_id_of_its_own() -> None:
    """A server may refuse one that it has seen."""
    http, platform = bound(FINE)
    for _ in range(3):
        await http.get("/me")
    assert len({proof(request)["jti"] for request in platform.seen}) == 3


@pytest.mark.parametrize(
    "asks",
    [ASKS, httpx.Response(400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": "n-1"})],
    ids=["resource", "authorization"],
)
async def test_the_nonce_a_server_wants_is_proven_at_once_and_from_then_on(asks: httpx.Response) -> None:
    """Also of a visible call, for the first was not carried out."""
    http, platform = bound(asks, FINE)
    with sdk.visible_call():
        await http.post("/notes", json={"text": "hello"})
    await http.get("/me")
    assert [proof(request).get("nonce") for request in platform.seen] == [None, "n-1", "n-1"]
    assert [request.content for request in platform.seen[:2]] == [b'{"text":"hello"}'] * 2


async def test_a_newer_nonce_takes_the_place_of_the_old_one() -> None:
    """Servers change theirs with any answer."""
    http, platform = bound(ASKS, FINE, httpx.Response(200, json={}, headers={"DPoP-Nonce": "n-2"}), FINE)
    for _ in range(3):
        await http.get("/me")
    assert [proof(request).get("nonce") for request in platform.seen] == [None, "n-1", "n-1", "n-2"]


async def test_a_request_is_repeated_once_only() -> None:
    """A server that is never content does not hold us for ever."""
    other = httpx.Response(401, headers={**WANTED, "DPoP-Nonce": "n-2"})
    http, platform = bound(ASKS, other)
    with pytest.raises(sdk.Reauthorize):
        await http.post("/notes")
    assert len(platform.seen) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.Response(401, headers={"DPoP-Nonce": "n-1", "WWW-Authenticate": 'DPoP error="invalid_token"'}),
        httpx.Response(400, json={"error": "invalid_request"}, headers={"DPoP-Nonce": "n-1"}),
        httpx.Response(400, content=b"{", headers={"DPoP-Nonce": "n-1"}),
        httpx.Response(400, json=["use_dpop_nonce"], headers={"DPoP-Nonce": "n-1"}),
        httpx.Response(400, json={"error": "use_dpop_nonce", "x": "x" * 70_000}, headers={"DPoP-Nonce": "n-1"}),
        httpx.Response(401, headers={"WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}),
        httpx.Response(500, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": "n-1"}),
    ],
)
async def test_another_refusal_is_not_repeated(refusal: httpx.Response) -> None:
    """A visible call least of all."""
    http, platform = bound(refusal)
    with sdk.visible_call(), pytest.raises(sdk.ConnectorError):
        await http.post("/notes")
    assert len(platform.seen) == 1


def in_pieces(status: int, *pieces: bytes, **headers: str) -> httpx.Response:
    """Return an answer whose length is not told before."""

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return httpx.Response(status, content=body(), headers={"DPoP-Nonce": "n-1", **headers})


@pytest.mark.parametrize("packed", [False, True])
async def test_a_nonce_is_asked_for_also_in_an_answer_of_unknown_length(packed: bool) -> None:
    """As authorization servers send theirs in chunks, or packed."""
    body = b'{"error": "use_dpop_nonce", "error_description": "..."}'
    sent = gzip.compress(body) if packed else body
    asks = in_pieces(400, sent[:20], sent[20:], **({"Content-Encoding": "gzip"} if packed else {}))
    http, platform = bound(asks, FINE)
    await http.post("/token", auth=sdk.DPoP(KEY))
    assert [proof(request).get("nonce") for request in platform.seen] == [None, "n-1"]


@pytest.mark.parametrize("size", [10, 70_000, 200_000])
async def test_a_refusal_of_unknown_length_is_told_in_full(size: int) -> None:
    """What was looked at of it is not lost to who reads it, and nothing is read without end."""
    body = b'{"error": "invalid_request", "x": "' + b"x" * size + b'"}'
    http, platform = bound(in_pieces(400, *(body[at : at + 9000] for at in range(0, len(body), 9000))))
    seen: list[bytes] = []

    class Reads(Bound):
        def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
            seen.append(answer.content)
            return super().fault(answer)

    http = a_client(platform, Reads, grant=GRANT)
    with pytest.raises(sdk.Rejected):
        await http.post("/notes")
    assert (len(platform.seen), seen) == (1, [body])


async def test_nonces_belong_to_their_server() -> None:
    """Another one has its own."""
    http, platform = bound(ASKS, FINE)
    await http.get("/me")
    await http.get("https://a.feathers.example/me")
    assert [proof(request).get("nonce") for request in platform.seen] == [None, "n-1", None]


async def test_a_body_that_cannot_be_sent_twice_is_sent_later() -> None:
    """It is no reason to ask a person for consent; the nonce is known by then."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a film"

    http, platform = bound(ASKS, FINE)
    with pytest.raises(sdk.RetryLater, match="sent again"):
        await http.post("/films", content=pieces())
    await http.post("/films", content=pieces())
    assert [proof(request).get("nonce") for request in platform.seen] == [None, "n-1"]


async def test_without_a_token_only_the_key_is_proven() -> None:
    """As where a token is asked for."""
    http, platform = bound(FINE)
    await http.post("/token", auth=sdk.DPoP(KEY))
    assert "Authorization" not in platform.seen[0].headers
    assert "ath" not in proof(platform.seen[0])


@pytest.mark.parametrize(
    "key",
    ["", "{", "{}", "[]", '{"kty": "oct", "k": "AAAA"}', json.dumps(ECKey.generate_key("P-384").as_dict(private=True)),
     json.dumps(ECKey.generate_key("P-256").as_dict(private=False))],
    ids=["empty", "broken", "nothing", "a list", "a secret", "another curve", "public"],
)  # fmt: skip
def test_what_is_no_key_asks_for_consent(key: str) -> None:
    """Without it the token is of no use; the message does not show it."""
    with pytest.raises(sdk.Reauthorize) as told:
        sdk.DPoP(SecretStr(key))
    assert "AAAA" not in str(told.value)


async def test_a_token_that_no_header_can_carry_asks_for_consent() -> None:
    """Rather than add a header of its own."""
    http = a_client(Platform(FINE), Bound, grant=GRANT.model_copy(update={"access": SecretStr("a\r\nb")}))
    with pytest.raises(sdk.Reauthorize, match="cannot be sent"):
        await http.get("/me")


def test_it_shows_no_secret() -> None:
    """Neither the key nor the token."""
    shown = repr(sdk.DPoP(KEY, SecretStr("bound-token-1234")))
    assert "bound-token" not in shown
    assert KEY.get_secret_value() not in shown


def test_a_client_that_waits_is_refused() -> None:
    """Connectors call asynchronously."""
    with pytest.raises(RuntimeError, match="asynchronous"):
        httpx.Client(transport=httpx.MockTransport(Platform())).get("https://parrot.example", auth=sdk.DPoP(KEY))
