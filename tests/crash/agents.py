"""Agents who answer over the API: each write under a key, tried until it is answered."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.crash.page import Page
from tests.crash.plan import Plan

_CANNED = ("Thank you!", "Grazie!", "We are on it.", "Please send us a message.")


@dataclass(frozen=True)
class Accepted:
    """An answer that the API took (201)."""

    message_id: str
    ticket_id: str
    text: str
    answers: str
    """Id of the message that it answers."""


@dataclass
class Desk:
    """What the agents have done together."""

    accepted: dict[str, Accepted] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    canned: set[tuple[str, str]] = field(default_factory=set)
    """Texts by post: an equal text twice on a post could not be told apart if both were lost."""


class Agent:
    """One agent, who has every so-manieth ticket."""

    def __init__(self, number: int, plan: Plan, page: Page, desk: Desk, url: str, token: str) -> None:
        self._number = number
        self._of = plan.agents
        self._page = page
        self._desk = desk
        self._rng = random.Random(f"agent {number} {plan.seed}")  # noqa: S311 - chance that can be repeated
        self._http = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30
        )
        self._answered: set[str] = set()
        self.is_done = asyncio.Event()
        """Set when there is to be no further answer."""

    async def work(self) -> None:
        """Answer what is open, until told that it is enough; what was begun is finished."""
        async with self._http:
            while not self.is_done.is_set():
                found = await self._all("/message/v1/tickets?status=open")
                tickets = [ticket for ticket in found if ticket["number"] % self._of == self._number]
                self._rng.shuffle(tickets)
                for ticket in tickets[:10]:
                    if not self.is_done.is_set():
                        await self._serve(ticket["id"])
                await asyncio.sleep(0.05)

    async def _serve(self, ticket_id: str) -> None:
        path = f"/message/v1/tickets/{ticket_id}"
        listed = await self._all(f"{path}/messages")
        asked = [message for message in listed if message["direction"] == "inbound" and not message["deleted_at"]]
        if not asked or asked[-1]["id"] in self._answered:
            return
        target = asked[-1]
        self._answered.add(target["id"])
        if self._rng.random() < 0.3:
            return
        await self._answer(path, ticket_id, target)
        if self._rng.random() < 0.25:
            done = await self._call("PATCH", path, json={"status": "resolved"})
            self._desk.counts["tickets resolved"] += done.status_code == 200

    async def _answer(self, path: str, ticket_id: str, target: dict[str, Any]) -> None:
        text = f"Dear {target['author_name']}, this answers “{target['external_id']}”"
        canned = self._rng.choice(_CANNED)
        place = (canned, target["external_conversation_id"])
        if self._rng.random() < 0.3 and place not in self._desk.canned:
            self._desk.canned.add(place)
            text = canned
        key = {"Idempotency-Key": f"answer-{target['id']}"}
        body = {"body": text, "in_reply_to": target["id"]}
        answer = await self._call("POST", f"{path}/messages", json=body, headers=key)
        self._desk.counts[f"answers, status {answer.status_code}"] += 1
        if answer.status_code == 201:
            made = answer.json()
            self._desk.accepted[made["id"]] = Accepted(made["id"], ticket_id, text, target["id"])

    async def _all(self, path: str) -> list[dict[str, Any]]:
        """Return a listing to its end."""
        found: list[dict[str, Any]] = []
        params = {"limit": "200"}
        while True:
            page = (await self._call("GET", str(httpx.URL(path).copy_merge_params(params)))).json()
            found += page["items"]
            if page["next"] is None:
                return found
            params["cursor"] = page["next"]

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask until there is an answer: with the same key, whatever happened to the connection or the process."""
        while True:
            try:
                answer = await self._http.request(method, path, **options)
            except httpx.TransportError:
                self._desk.counts["calls repeated"] += method != "GET"
                await asyncio.sleep(0.05)
                continue
            under_way = answer.status_code == 409 and "request-under-way" in answer.text
            if answer.status_code < 500 and answer.status_code != 429 and not under_way:
                return answer
            self._desk.counts["calls repeated"] += method != "GET"
            await asyncio.sleep(0.05)
