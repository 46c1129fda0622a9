"""A token server in a few lines, as real ones behave: codes once, refresh tokens once, every fault on demand."""

import base64
import json
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge

CLIENT, SECRET = "client-1", "client-secret-canary"


class TokenServer:
    """Issues tokens; a refresh token works once."""

    def __init__(self) -> None:
        numbers = count(1)
        self.number: Callable[[], int] = lambda: next(numbers)
        self.codes: dict[str, str] = {}
        """Challenge by code."""
        self.refreshable: set[str] = set()
        self.asked: list[dict[str, str]] = []
        self.next: list[httpx.Response | Exception] = []
        """What is answered instead, first come first served."""
        self.extra: dict[str, Any] = {"expires_in": 3600}

    def transport(self) -> httpx.MockTransport:
        """Return the server as a transport."""
        return httpx.MockTransport(self)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request to the token endpoint."""
        sent = dict(parse_qsl((request.content or request.url.query).decode()))
        self.asked.append({"method": request.method, "path": request.url.path, **sent})
        if self.next:
            answer = self.next.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if not self._knows(request, sent):
            return refused("invalid_client", 401)
        match sent.get("grant_type", ""):
            case "authorization_code":
                challenge = self.codes.pop(sent["code"], None)
                if challenge is None or challenge != create_s256_code_challenge(sent.get("code_verifier", "")):
                    return refused("invalid_grant", description=f"the code {sent['code']} is not valid")
            case "refresh_token":
                if sent["refresh_token"] not in self.refreshable:
                    return refused("invalid_grant", description=f"{sent['refresh_token']} was used")
                self.refreshable.remove(sent["refresh_token"])
        return httpx.Response(200, json=self.issue())

    def issue(self) -> dict[str, Any]:
        """Return a token answer."""
        number = self.number()
        refresh = f"refresh-{number}-canary"
        self.refreshable.add(refresh)
        return {
            "access_token": f"access-{number}-canary", "token_type": "Bearer", "refresh_token": refresh, **self.extra,
        }  # fmt: skip

    def _knows(self, request: httpx.Request, sent: dict[str, str]) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            return base64.b64decode(given).decode() == f"{CLIENT}:{SECRET}"
        return (sent.get("client_id"), sent.get("client_secret", SECRET)) == (CLIENT, SECRET)


def refused(error: str, status: int = 400, *, description: str = "", **headers: str) -> httpx.Response:
    """Return a refusal as RFC 6749 shapes it."""
    told = {"error": error, **({"error_description": description} if description else {})}
    return httpx.Response(status, content=json.dumps(told), headers=headers)
