"""Tokens bound to a key: each request proves that its sender has it (DPoP, RFC 9449)."""

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, MutableMapping
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from chorally_sdk.errors import Reauthorize, RetryLater

_MAX_REFUSAL = 64 * 1024  # bytes of an answer that is read to see whether it asks for a nonce
_ASKS = "use_dpop_nonce"


class DPoP(httpx.Auth):
    """The access token in the Authorization header, and a proof of its key beside it.

    A server that wants its own nonce in the proof says so in its answer: the request is then made once more,
    which is safe, for it was not carried out. Later requests carry the nonce from the start.
    """

    def __init__(
        self,
        key: SecretStr,
        token: SecretStr | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        ids: Callable[[], str] = lambda: secrets.token_urlsafe(16),
        nonces: MutableMapping[str, str] | None = None,
    ) -> None:
        """Take in a key and what it proves.

        Args:
            key: A private key on the curve P-256, as a JSON Web Key; see ``new_key``, kept in ``Grant.keep``.
            token: The access token; None where one is asked for, at the authorization server.
            now: The clock, ``Connector.now``.
            ids: Gives each proof an id of its own.
            nonces: The servers' last nonces by origin; shared where the same server is called by another instance.

        Raises:
            Reauthorize: The key is none.
        """
        self._key = _imported(key)
        self._token = token
        self._now = now
        self._ids = ids
        self._nonces = {} if nonces is None else nonces

    @staticmethod
    def new_key() -> SecretStr:
        """Return a new private key, made once for each consent."""
        from joserfc.jwk import ECKey  # takes long to import, and few connectors need it

        return SecretStr(json.dumps(ECKey.generate_key("P-256").as_dict(private=True)))

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse: connectors call asynchronously.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError("DPoP is for asynchronous clients; use self.http")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Prove, and prove once more where the server names the nonce it wants.

        Raises:
            RetryLater: The server wants a nonce, and the body of the request cannot be sent a second time.
        """
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        is_repeatable = isinstance(request.stream, httpx.ByteStream)
        self._prove(request, origin)
        answer = yield request
        fresh = answer.headers.get("DPoP-Nonce")
        asks = bool(fresh) and self._nonces.get(origin) != fresh and await _asks_for_nonce(answer)
        if fresh:
            self._nonces[origin] = fresh
        if not asks:
            return
        if not is_repeatable:
            raise RetryLater("the server asked for a nonce after the body was sent; it is sent again")
        self._prove(request, origin)
        answer = yield request
        if answer.headers.get("DPoP-Nonce"):
            self._nonces[origin] = answer.headers["DPoP-Nonce"]

    def _prove(self, request: httpx.Request, origin: str) -> None:
        from joserfc import jwt

        url = request.url.copy_with(query=None, fragment=None)
        claims: dict[str, Any] = {
            "jti": self._ids(),
            "htm": request.method,
            "htu": str(url),
            "iat": int(self._now().timestamp()),
        }
        if nonce := self._nonces.get(origin):
            claims["nonce"] = nonce
        if self._token is not None:
            token = self._token.get_secret_value()
            if not (token.isascii() and token.isprintable()):
                raise Reauthorize("the token has a character that cannot be sent; connect the account again")
            claims["ath"] = _digest(token)
            request.headers["Authorization"] = f"DPoP {token}"
        head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": self._key.as_dict(private=False)}
        request.headers["DPoP"] = jwt.encode(head, claims, self._key, algorithms=["ES256"])


def _imported(key: SecretStr) -> Any:
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    try:
        made = ECKey.import_key(json.loads(key.get_secret_value()))
        if made.curve_name != "P-256" or not made.is_private:
            raise ValueError("another key")
    except (JoseError, ValueError, TypeError, KeyError):
        raise Reauthorize("the key that the token is bound to cannot be used; connect the account again") from None
    return made


async def _asks_for_nonce(answer: httpx.Response) -> bool:
    """Whether an answer says that the request was refused only for its nonce (RFC 9449, sections 8 and 9)."""
    if answer.status_code == 401 and _ASKS in answer.headers.get("WWW-Authenticate", ""):
        return True
    if answer.status_code not in (400, 401):
        return False
    try:
        said = json.loads(await _beginning(answer))
    except (ValueError, httpx.DecodingError):
        return False
    return isinstance(said, dict) and said.get("error") == _ASKS


async def _beginning(answer: httpx.Response) -> bytes:
    """Return a short body, or the beginning of a longer one, and leave the answer to be read from its start."""
    if answer.is_stream_consumed:
        return answer.content[:_MAX_REFUSAL]
    assert isinstance(answer.stream, httpx.AsyncByteStream)  # noqa: S101 - of an asynchronous client
    pieces = aiter(answer.stream)
    raw = b""
    async for piece in pieces:
        raw += piece
        if len(raw) > _MAX_REFUSAL:
            break
    answer.stream = _Again(raw, pieces, answer.stream)
    return httpx.Response(answer.status_code, headers=answer.headers, content=raw).content


class _Again(httpx.AsyncByteStream):
    """A body of which the beginning was read: all of it."""

    def __init__(self, read: bytes, rest: AsyncIterator[bytes], whole: httpx.AsyncByteStream) -> None:
        self._read = read
        self._rest = rest
        self._whole = whole

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._read
        async for piece in self._rest:
            yield piece

    async def aclose(self) -> None:
        await self._whole.aclose()


def _digest(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode("ascii")).digest()).decode().rstrip("=")
