"""What the demonstration does, as a client of the API and of the sandbox's control routes would."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from rich.console import Console

PAGE = "100000000000001"
PATIENCE_S = 30.0


class Failed(Exception):
    """Something that should have happened did not."""


def told(url: str, token: str) -> str:
    """Return what a person needs to go on by themselves."""
    return "\n".join(
        (
            "",
            f"The API stays open: [bold]{url}/docs[/bold]   (Ctrl-C ends it)",
            f"Tickets:  {url}/message/v1/docs",
            f"Token:    {token}",
            f"Try:      curl -H 'Authorization: Bearer TOKEN' {url}/message/v1/tickets",
        )
    )


class Story:
    """The steps, one after another."""

    def __init__(self, console: Console, url: str, platform_url: str, token: str) -> None:
        self._console = console
        self._url = url
        self._platform = platform_url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._seen: list[tuple[str, bool, str]] = []

    async def play(self) -> list[tuple[str, bool, str]]:
        """Return each thing that should happen, whether it did, and what was seen."""
        async with (
            httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=30) as api,
            httpx.AsyncClient(base_url=self._platform, timeout=30) as page,
        ):
            await self._connect(api, page)
            await self._comments(api, page)
            await self._answer(api, page)
            await self._history(api)
        return self._seen

    def _say(self, text: str) -> None:
        self._console.print(f"  [dim]{time.strftime('%H:%M:%S')}[/dim]  {text}", highlight=False)

    def _note(self, what: str, happened: bool, seen: str) -> None:
        self._seen.append((what, happened, seen))

    async def _until(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask until the answer is something, or patience ends."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if found := await ask():
                return found
            await asyncio.sleep(0.05)
        return None

    async def _connect(self, api: httpx.AsyncClient, page: httpx.AsyncClient) -> None:
        secret, verify = secrets.token_hex(16), secrets.token_hex(16)
        await _good(page.post("/_sandbox/configure", json={"app_secret": secret, "verify_token": verify}))
        app = await _good(
            api.post(
                "/io/v1/apps",
                json={
                    "connector": "facebook",
                    "name": "demo",
                    "settings": {"app_secret": secret, "verify_token": verify},
                },
            )
        )
        account = await _good(
            api.post(
                "/io/v1/accounts",
                json={"connector": "facebook", "name": "Demo page", "credentials": {"access_token": "sandbox-token"}},
                headers={"Idempotency-Key": "demo-account"},
            )
        )
        self._say(f"account connected: [bold]{account['name']}[/bold] ({account['external_id']}), {account['state']}")
        await _good(
            page.post(
                "/_sandbox/configure",
                json={
                    "callback_url": f"{self._url}{app['webhook_path']}",
                    "handshake": True,
                    "echo": "before",
                    "duplicate_probability": 0.5,
                },
            )
        )
        self._say("the page's webhook is set up: handshake answered")
        self._note("account connected", account["state"] == "connected", account["id"])

    async def _comments(self, api: httpx.AsyncClient, page: httpx.AsyncClient) -> None:
        people = [("Ada", "Where is my parcel?"), ("Bruno", "Siete aperti domenica?"), ("Chloé", "Lovely shop!")]
        for number, (name, text) in enumerate(people):
            comment = {"author_id": f"p{number}", "author_name": name, "message": text}
            await _good(page.post("/_sandbox/comments", json=comment))
            self._say(f"{name} comments: “{text}” [dim](signed webhook, perhaps twice)[/dim]")
        await _good(
            page.post("/_sandbox/comments", json={"author_id": "p0", "author_name": "Ada", "message": "Hello?"})
        )
        self._say("Ada comments again: “Hello?”")
        quiet = {"author_id": "p9", "author_name": "Dora", "message": "No webhook told of me", "webhook": False}
        await _good(page.post("/_sandbox/comments", json=quiet))
        self._say("Dora comments, and no webhook tells of it: the scheduled pull will find it")

        async def all_tickets() -> Any:
            found = (await _good(api.get("/message/v1/tickets", params={"sort": "created"})))["items"]
            return found if sum(ticket["message_count"] for ticket in found) >= 5 else None

        tickets = await self._until(all_tickets) or []
        for ticket in tickets:
            count = ticket["message_count"]
            self._say(f"ticket [bold]#{ticket['number']}[/bold] of {ticket['author_name']}: {count} message(s)")
        by_name = {ticket["author_name"]: ticket["message_count"] for ticket in tickets}
        self._note("comments in by webhook", all(name in by_name for name, _ in people), f"{len(people) + 1} sent")
        self._note("comment in by scheduled pull", "Dora" in by_name, "1 that no webhook told of")
        self._note("one ticket per author", len(tickets) == 4 and by_name.get("Ada") == 2, f"{by_name}")

        async def all_authors() -> Any:
            found = (await _good(api.get("/author/v1/authors")))["items"]
            return found if len(found) >= len(tickets) else None

        authors = await self._until(all_authors) or []
        self._note("authors kept", len(authors) == 4, ", ".join(sorted(author["name"] for author in authors)))

    async def _answer(self, api: httpx.AsyncClient, page: httpx.AsyncClient) -> None:
        tickets = (await _good(api.get("/message/v1/tickets", params={"text": "parcel"})))["items"]
        if not tickets:
            found = (await _good(api.get("/message/v1/tickets", params={"sort": "created"})))["items"]
            tickets = [ticket for ticket in found if ticket["author_name"] == "Ada"]
        ticket = tickets[0]
        answer = await _good(
            api.post(
                f"/message/v1/tickets/{ticket['id']}/messages",
                json={"body": "It is on its way, it arrives tomorrow."},
                headers={"Idempotency-Key": "demo-answer"},
            )
        )
        self._say(f"an agent answers #{ticket['number']}: “{answer['body']}” ({answer['status']})")

        async def confirmed() -> Any:
            message = await _good(api.get(f"/message/v1/messages/{answer['id']}"))
            return message if message["status"] == "sent" and message["external_id"] else None

        message = await self._until(confirmed)
        self._note("answer published", message is not None, message["external_id"] if message else "")
        if message is None:
            return
        self._say(f"reconciled: the answer is [bold]{message['external_id']}[/bold] on the page")

        async def echoed() -> Any:
            state = await _good(page.get("/_sandbox/state"))
            return state if not state["hooks"]["waiting"] else None

        state = await self._until(echoed)
        copies = [n for texts in state["replies"].values() for n in texts.values()] if state else []
        self._note("visible once on the page", copies == [1], f"{sum(copies)} copy")

        async def messages() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = (await _good(api.get(f"/message/v1/tickets/{ticket['id']}/messages")))[
                "items"
            ]
            return found

        await asyncio.sleep(0.3)
        ours = [m for m in await messages() if m["direction"] == "outbound"]
        self._say("the page's echo of our own answer came by webhook and was joined to it")
        self._note("echo joined", len(ours) == 1, f"{len(ours)} outbound message in the ticket")

    async def _history(self, api: httpx.AsyncClient) -> None:
        entries = (await _good(api.get("/log/v1/logs", params={"limit": 200})))["items"]
        whats = [entry["what"] for entry in entries]
        for what in ("message_received", "ticket_opened", "reply_written", "message_sent"):
            self._say(f"log: {whats.count(what)} × {what}")
        grown = all(what in whats for what in ("message_received", "ticket_opened", "reply_written", "message_sent"))
        self._note("log grown", grown, f"{len(entries)} entries")


async def _good(asked: Awaitable[httpx.Response]) -> Any:
    answer = await asked
    if answer.status_code >= 400:
        raise Failed(f"{answer.request.method} {answer.request.url} answered {answer.status_code}: {answer.text}")
    return answer.json()
