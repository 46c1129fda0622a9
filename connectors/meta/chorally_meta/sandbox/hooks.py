"""Webhooks as Meta sends them: signed, batched by account and second, and again until they are answered 200."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import httpx

from chorally_sdk.sandbox.hooks import Change, Courier, hmac_signer

_sign = hmac_signer("X-Hub-Signature-256", prefix="sha256=")


@dataclass(frozen=True)
class Told:
    """One thing that is told: of which account, in which part of the entry, and what."""

    account: str
    """Id of the page, account or business: ``entry[].id``."""
    value: Any
    field: str = ""
    """Of a change: ``feed``, ``comments``, ``messages``; empty where it is an event of a conversation."""
    part: Literal["messaging", "standby"] = "messaging"
    """Where an event of a conversation goes."""


@dataclass
class MetaCourier(Courier):
    """The app's webhook; what is told (``add``) is a ``Told``. One POST holds 50 of them; Meta says up to 1000."""

    object: str = "page"
    """``page``, ``instagram``, ``whatsapp_business_account``, …"""
    app_secret: str = "sandbox-app-secret"  # noqa: S105 - signs nothing but this sandbox's hooks
    verify_token: str = "sandbox-verify-token"  # noqa: S105 - proves nothing but this sandbox

    def pack(self, changes: list[Change]) -> bytes:
        """Return a body in which what happened to one account in one second shares an entry."""
        return json.dumps({"object": self.object, "entry": list(self._entries(changes))}).encode()

    def _entries(self, changes: list[Change]) -> Iterator[dict[str, Any]]:
        def of(change: Change) -> tuple[str, int, str]:
            at, told = change
            part = "changes" if told.field else told.part
            return told.account, int(at.timestamp()) if told.field else int(at.timestamp() * 1000), part

        for (account, time, part), group in groupby(changes, key=of):
            values = [
                {"field": told.field, "value": told.value} if part == "changes" else told.value for _, told in group
            ]
            yield {"id": account, "time": time, part: values}

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
