"""Webhooks as Meta sends them: signed, batched by page and second, and again until they are answered 200."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

import httpx

from chorally_sdk.sandbox.hooks import Change, Courier, hmac_signer

_sign = hmac_signer("X-Hub-Signature-256", prefix="sha256=")


@dataclass
class Hooks(Courier):
    """The subscription of the page; what is told is the page's id and the change.

    One POST holds 50 changes at most; Meta says up to 1000.
    """

    app_secret: str = "sandbox-app-secret"  # noqa: S105 - signs nothing but this sandbox's hooks
    verify_token: str = "sandbox-verify-token"  # noqa: S105 - proves nothing but this sandbox

    def pack(self, changes: list[Change]) -> bytes:
        """Return a body in which changes of one second on one page share an entry."""
        timed = [(page_id, int(at.timestamp()), value) for at, (page_id, value) in changes]
        entries = [
            {"id": page_id, "time": at, "changes": [{"field": "feed", "value": value} for _, _, value in group]}
            for (page_id, at), group in groupby(timed, key=lambda change: change[:2])
        ]
        return json.dumps({"object": "page", "entry": entries}).encode()

    def headers(self, body: bytes, *, is_forged: bool = False) -> Mapping[str, str]:
        """Return the signature of a body."""
        return _sign(body, self.app_secret + ("?" if is_forged else ""), self.now())

    async def handshake(self) -> bool:
        """Ask the callback URL to prove that it is ours, as Meta does when a webhook is set up."""
        asked = self.challenge()
        try:
            answer = await self.http().get(self.callback_url, params=asked)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and answer.text == asked["hub.challenge"]

    def challenge(self) -> dict[str, str]:
        """Return what a handshake asks."""
        number = str(self.rng.randrange(10**9, 10**10))
        return {"hub.mode": "subscribe", "hub.challenge": number, "hub.verify_token": self.verify_token}
