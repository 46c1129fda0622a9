"""Asks the metadata API for things, and looks at the tickets that they are about."""

from typing import Any

import httpx

META = "/metadata/v1"
TICKETS = "/message/v1/tickets"


async def made(http: httpx.AsyncClient, kind: str, **body: Any) -> dict[str, Any]:
    """Add one thing."""
    answer = await http.post(f"{META}/{kind}", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ticket_of(http: httpx.AsyncClient, author: str = "Ada") -> dict[str, Any]:
    """Return a person's ticket."""
    tickets = (await http.get(TICKETS)).json()["items"]
    return next(ticket for ticket in tickets if ticket["author_name"] == author)


async def change(http: httpx.AsyncClient, author: str = "Ada", **body: Any) -> httpx.Response:
    """Change a person's ticket."""
    return await http.patch(f"{TICKETS}/{(await ticket_of(http, author))['id']}", json=body)


async def wrong(answer: Any) -> dict[str, str]:
    """Return the fields that an answer calls wrong."""
    found = await answer
    assert found.status_code == 422, found.text
    return {error["field"]: error["message"] for error in found.json()["errors"]}
