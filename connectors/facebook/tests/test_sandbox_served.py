"""The sandbox behind a real server, on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from chorally_facebook.sandbox import Sandbox
from chorally_facebook.sandbox.faults import Fault

TOKEN = {"Authorization": "Bearer sandbox-token"}


@pytest.fixture
async def served(page: Sandbox) -> AsyncIterator[str]:
    """The page's address while it is served."""
    server = uvicorn.Server(uvicorn.Config(page.app, log_level="critical", ws="none", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listening:  # who connects before it serves, waits
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


async def test_a_lost_answer_is_a_closed_connection(page: Sandbox, served: str) -> None:
    """A patient client sees the connection close, after the comment was made."""
    asked = page.comment("7", "Open?")
    page.faults.waiting.append(Fault(on="reply", kind="timeout_after_effect"))
    async with httpx.AsyncClient(base_url=served, headers=TOKEN) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post(f"/v25.0/{asked.id}/comments", data={"message": "Yes"})

    assert page.world.replies() == {asked.id: {"Yes": 1}}


async def test_a_held_answer_is_a_time_out(page: Sandbox, served: str) -> None:
    """A client that waits less than the answer is held sees its own time-out."""
    page.configure(hold_s=1)
    page.faults.waiting.append(Fault(on="read", kind="timeout_before_effect"))
    async with httpx.AsyncClient(base_url=served, headers=TOKEN, timeout=0.05) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get("/me")


async def test_links_to_the_next_page_lead_back_to_the_server(page: Sandbox, served: str) -> None:
    """The address is the one that was asked, with its version."""
    made = [page.comment("7", str(turn)).id for turn in range(2)]
    async with httpx.AsyncClient(headers=TOKEN) as http:
        first = (await http.get(f"{served}/v25.0/{page.world.latest_post().id}/comments?limit=1")).json()
        second = (await http.get(first["paging"]["next"])).json()

    assert [comment["id"] for comment in second["data"]] == made[1:]
