"""A post with a picture, from its draft over approval and schedule to its link, on a real server of accounts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from chorally_bluesky import Bluesky
from chorally_core.bootstrap import System
from chorally_core.settings import Settings

from tests.real.bluesky_network import PATIENCE_S, Network, a_picture, network
from tests.support.api import Api, Given
from tests.support.people import a_person
from tests.support.wall import WallPlatform
from tests.support.world import KEY, Clock

pytestmark = pytest.mark.real
net = pytest.fixture(network)
URL = "/publishing/v1/publications"


_OF_THE_BODY = ("content-length", "content-encoding", "transfer-encoding")


class AtHome(httpx.AsyncBaseTransport):
    """The network, with the name of the first server standing for the one beside it, which speaks no TLS."""

    def __init__(self, net: Network) -> None:
        self._net = net

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, and what comes back with the server called by its other name."""
        if request.url.host == urlsplit(Bluesky.manifest.base_url).hostname:
            home = urlsplit(self._net.url)
            request.url = request.url.copy_with(scheme=home.scheme, host=home.hostname, port=home.port)
            request.headers["Host"] = home.netloc
        answer = await self._net.directory.handle_async_request(request)
        if "json" not in answer.headers.get("content-type", ""):
            return answer
        said = (await answer.aread()).replace(self._net.url.encode(), Bluesky.manifest.base_url.encode())
        kept = {name: value for name, value in answer.headers.items() if name not in _OF_THE_BODY}
        return httpx.Response(answer.status_code, headers=kept, content=said)


class Now(Clock):
    """The time, as the server has it too."""

    def __call__(self) -> datetime:
        """Return it."""
        return datetime.now(UTC)


@pytest.fixture
async def api(net: Network, tmp_path: Path) -> AsyncIterator[Api]:
    """A system that runs, with alice's account connected."""
    clock = Now()
    system = System(
        Settings(data=tmp_path, secret_keys=[KEY], private_networks="127.0.0.0/8"),
        registry=Given({"bluesky": Bluesky}), now=clock, transport=lambda name: AtHome(net),
    )  # fmt: skip
    await system.start()
    api = Api(system, WallPlatform(), clock)
    try:
        await system.io.accounts.add_app("", "bluesky", "bluesky", {"appview": ""}, "app-bluesky")
        typed = f"{net.alice.handle}:{net.alice.password}"
        await system.io.accounts.connect(
            account_id="account-alice", tenant="acme", platform="bluesky", name="alice", settings={},
            credentials={"access_token": typed}, since=None,
        )  # fmt: skip
        yield api
    finally:
        await system.stop()


async def until(http: httpx.AsyncClient, name: str, state: str) -> dict[str, Any]:
    """Look at a post until it is in a state."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            seen: dict[str, Any] = (await http.get(f"{URL}/{name}")).json()
            if seen["state"] == state:
                return seen
            await asyncio.sleep(0.1)


async def test_a_post_with_a_picture_is_approved_planned_and_published(api: Api, net: Network) -> None:
    """Bob, who reads alice, sees it at its time and not before; it is known by its uri, and goes again when deleted."""
    steps = [{"steps": [{"roles": ["supervisor"]}], "name": "all"}]
    await api.agent().put("/publishing/v1/settings", json={"time_zone": "Europe/Rome", "workflows": steps})
    ada, eve = await a_person(api, "ada", "agent"), await a_person(api, "eve", "supervisor")
    uploaded = await ada.post(
        "/media/v1/files", params={"name": "shop.png"}, content=a_picture(), headers={"Content-Type": "image/png"}
    )
    assert uploaded.status_code == 201, uploaded.text
    text = f"We open at nine ☕ https://example.com/hours {datetime.now(UTC).timestamp()}"
    at = (datetime.now(UTC) + timedelta(seconds=6)).isoformat()
    body = {
        "targets": [{"account_id": "account-alice", "channel": "bluesky_post", "options": {"alts": ["A red shop"]}}],
        "body": text, "files": [uploaded.json()["id"]], "publish_at": at, "submit": False,
    }  # fmt: skip
    draft = (await ada.post(URL, json=body)).json()
    assert draft["state"] == "draft", draft
    look = (await ada.get(f"{URL}/{draft['id']}/preview")).json()
    assert (look["is_fit"], look["targets"][0]["unit"]) == (True, "graphemes"), look
    asked = (await ada.post(f"{URL}/{draft['id']}/submit")).json()
    assert asked["state"] == "submitted"
    said = {"verdict": "approved", "content_hash": asked["content_hash"]}
    assert (await ada.post(f"{URL}/{draft['id']}/decisions", json=said)).status_code == 403
    assert (await eve.post(f"{URL}/{draft['id']}/decisions", json=said)).json()["state"] == "scheduled"
    records = {"repo": net.alice.did, "collection": "app.bsky.feed.post", "limit": 100}
    there = await net.alice.call("GET", "com.atproto.repo.listRecords", params=records)
    assert text not in [one["value"]["text"] for one in there["records"]]

    out = await until(ada, draft["id"], "published")
    (target,) = out["targets"]
    assert target["external_id"].startswith(f"at://{net.alice.did}/app.bsky.feed.post/")
    assert target["external_url"].startswith("https://bsky.app/profile/")
    assert datetime.fromisoformat(target["sent_at"]) >= datetime.fromisoformat(at)
    shown = await net.bob.sees(target["external_id"])
    assert shown["record"]["text"] == text
    assert [image["alt"] for image in shown["embed"]["images"]] == ["A red shop"]

    assert (await eve.delete(f"{URL}/{draft['id']}/targets/{target['id']}")).status_code == 202
    await until(ada, draft["id"], "deleted")
    await net.bob.sees(target["external_id"], is_there=False)
