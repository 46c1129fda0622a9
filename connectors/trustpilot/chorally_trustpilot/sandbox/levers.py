"""The sandbox as people and the conformance kit take hold of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.sandbox import Clock, Connection, Made
from chorally_trustpilot.config import AccountSettings, AppSettings
from chorally_trustpilot.consent import REFRESH_LIFE
from chorally_trustpilot.sandbox.post import event
from chorally_trustpilot.sandbox.twin import KEY, ReviewsApi
from chorally_trustpilot.sandbox.world import DOMAIN, NAME, UNIT, Value
from chorally_trustpilot.translate import reply_id, review_of

WORD = "sandbox-hook-word-0123456789"


class Sandbox(ReviewsApi):
    """A business unit in memory: people review it, and it replies."""

    own_only = frozenset({"edit", "delete"})
    signs_bodies = False
    people_answer = False

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make a business unit that nobody has reviewed."""
        super().__init__(clock=clock, seed=seed)
        self._events: list[Value] = []
        self._grant = self._granted()

    def _granted(self) -> sdk.Grant:
        return self.a_grant().model_copy(update={"refresh_expires_at": self.clock() + REFRESH_LIFE})

    def connection(self) -> Connection:
        """Say how the business unit is connected; a grant that has ended is another one by now, as a host renews it."""
        if self._grant.expires_at and self._grant.expires_at <= self.clock():
            self._grant = self._granted()
        settings = AccountSettings(domain=DOMAIN, webhook_word=SecretStr(WORD))
        app = AppSettings(client_id=KEY, client_secret=SecretStr(self.oauth.client_secret))
        return Connection(UNIT, NAME, self._grant, settings, app)

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person write a review of four stars; nobody can answer another's."""
        if parent is not None:
            raise ValueError("people cannot answer each other there")
        return self.write(body, author=author, at=at)

    def write(
        self, text: str, *, author: str | None = "ada", stars: int = 4, at: datetime | None = None, **more: Any
    ) -> str:
        """Let a person write a review with whatever it has besides, and return its id."""
        review = self.world.write(text, author=author, stars=stars, at=at, **more)
        self._tell("created", review)
        return str(review["id"])

    async def edit(self, external_id: str, body: str) -> None:
        """Let a person change a review."""
        self._tell("updated", self.world.edit(external_id, body))

    async def remove(self, external_id: str) -> None:
        """Let a person delete a review."""
        self._tell("deleted", self.world.reviews.pop(external_id))

    async def say_elsewhere(self, body: str, *, target: str) -> str:
        """Let somebody reply in Trustpilot Business; webhooks tell nothing of it."""
        self.world.reply(target, body)
        return reply_id(target)

    def _tell(self, kind: str, review: Value) -> None:
        told = event(kind, review)
        self._events.append(told)
        self.post.add(told)

    def made(self) -> Sequence[Made]:
        """Tell the replies."""
        return [
            Made(reply_id(review["id"]), review["companyReply"]["text"], review["id"])
            for review in self.world.reviews.values()
            if review["companyReply"]
        ]

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell whether a review or a reply is there."""
        target = review_of(external_id)
        review = self.world.reviews.get(target or external_id)
        return "visible" if review and (target is None or review["companyReply"]) else "gone"

    def second_grant(self) -> sdk.Grant:
        """Return another grant of the same business unit."""
        return self._granted()

    def consent(self, url: str) -> Mapping[str, str]:
        """Let a person agree on the page of consent."""
        return self.oauth.consent(url)

    def expire(self) -> None:
        """Let the 100 hours of the access token pass."""
        self.clock.pass_(seconds=timedelta(hours=100, minutes=1).total_seconds())

    def keeps_refresh(self) -> None:
        """Let renewals give no other refresh token."""
        self.oauth.rotates = False

    def hooks(self) -> Sequence[sdk.RawHook]:
        """Take the webhooks since the last time."""
        events, self._events = self._events, []
        return [self.signed(json.dumps({"events": [told]}).encode()) for told in events]

    def batch(self, *bodies: str) -> sdk.RawHook:
        """Return one webhook about several new reviews."""
        for body in bodies:
            self.write(body)
        events, self._events = self._events, []
        return self.signed(json.dumps({"events": events}).encode())

    def signed(self, body: bytes) -> sdk.RawHook:
        """Return a webhook of any body, sent to the URL with its word."""
        headers = {"content-type": "application/json"}
        return sdk.RawHook(
            method="POST", query={"word": WORD}, headers=headers, body=body, received_at=self.clock(), account=UNIT
        )

    def unknown(self) -> sdk.RawHook:
        """Return an event of a kind that is not documented."""
        told = {"events": [{"eventName": "service-review-danced", "version": "1", "eventData": {"steps": 3}}]}
        return self.signed(json.dumps(told).encode())

    def keys(self) -> sdk.Keys:
        """Return the word of the URL."""
        return sdk.Keys(secrets={"webhook_word": (SecretStr(WORD),)})
