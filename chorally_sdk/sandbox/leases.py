"""Subscriptions of a platform that are leases: made, renewed, run out, lost, and tested before they are made."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import httpx

from chorally_sdk.sandbox.levers import Subscribed


class Leases:
    """What is subscribed, as long as it lasts."""

    def __init__(self, now: Callable[[], datetime], life: timedelta | None = None, *, prefix: str = "sub-") -> None:
        """Make none.

        Args:
            now: The clock.
            life: How long each lasts, from when it is made or renewed; for ever where None.
            prefix: What ids begin with.
        """
        self._now = now
        self._life = life
        self._prefix = prefix
        self._held: dict[str, Subscribed] = {}
        self._made = 0

    def add(self, callback: str | None, secret: str = "", *, until: datetime | None = None) -> Subscribed:
        """Make one, until a time that the caller asked for and no longer than the platform lets it last."""
        self._made += 1
        made = Subscribed(f"{self._prefix}{self._made}", callback, secret, self._ends(until))
        self._held[made.external_id] = made
        return made

    def renew(self, external_id: str, *, until: datetime | None = None) -> Subscribed:
        """Let one last longer and return it.

        Raises:
            KeyError: It has run out, was lost, or never was.
        """
        renewed = replace(self[external_id], expires_at=self._ends(until))
        self._held[external_id] = renewed
        return renewed

    def end(self, external_id: str) -> None:
        """End one.

        Raises:
            KeyError: It is not there.
        """
        del self._held[self[external_id].external_id]

    def lose(self) -> None:
        """Forget all of them, as platforms do after errors."""
        self._held.clear()

    def __getitem__(self, external_id: str) -> Subscribed:
        return {each.external_id: each for each in self.live()}[external_id]

    def live(self) -> list[Subscribed]:
        """Return those that have not run out."""
        now = self._now()
        return [each for each in self._held.values() if each.expires_at is None or now < each.expires_at]

    def to(self, callback: str) -> Subscribed | None:
        """Return the one that leads to a URL, where the platform makes no second one for it."""
        return next((each for each in self.live() if each.callback == callback), None)

    def _ends(self, until: datetime | None) -> datetime | None:
        if self._life is None:
            return until
        last = self._now() + self._life
        return min(until, last) if until else last


async def answers_test(
    http: httpx.AsyncClient, callback: str, *, parameter: str, method: str = "POST", status: int = 200
) -> bool:
    """Whether a URL answers a test as the platform wants: the word in the query comes back as the body, in plain text.

    Args:
        http: Reaches the URL.
        callback: What is tested.
        parameter: Carries the word: ``validationToken`` at Microsoft Graph, ``hub.challenge`` at Meta.
        method: Graph posts, Meta gets.
        status: Wanted.
    """
    word = secrets.token_urlsafe(16)
    try:
        answer = await http.request(method, httpx.URL(callback).copy_merge_params({parameter: word}))
    except httpx.HTTPError:
        return False
    is_plain = answer.headers.get("content-type", "").startswith("text/plain")
    return answer.status_code == status and is_plain and answer.text == word
