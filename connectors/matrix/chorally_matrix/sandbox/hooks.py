"""Transactions to an application service: PUT, each with an id of its own, proven by the registration's token."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from chorally_sdk.sandbox import Courier

HS_TOKEN = "sandbox-hs-token"  # noqa: S105 - opens nothing but this sandbox


class Transactions(Courier):
    """What is told to the application service; a transaction that is sent again keeps its id."""

    made: int = 0

    def pack(self, changes: list[Any]) -> bytes:
        """Return a transaction of some events."""
        return json.dumps({"events": [event for _, event in changes]}).encode()

    def headers(self, body: bytes, *, is_forged: bool = False) -> Mapping[str, str]:
        """Return the token."""
        return {"Authorization": f"Bearer {'forged-token' if is_forged else HS_TOKEN}"}

    def path(self) -> str:
        """Return the path of the next transaction."""
        self.made += 1
        return f"/_matrix/app/v1/transactions/{self.made}"

    async def post(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Send a transaction below the registration's URL."""
        return await self.http().put(f"{self.callback_url}{self.path()}", content=body, headers=headers)
