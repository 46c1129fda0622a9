"""The real system in process, beside the page of the Facebook sandbox."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.bootstrap import System
from chorally_core.settings import Settings
from chorally_facebook.sandbox import Sandbox

from chorally_sdk.plugins import Registry, discover
from tests.architecture.checkout import ROOT
from tests.docs.following import ConnectPage
from tests.docs.pages import blocks
from tests.docs.place import API, Clock, Place, Platforms
from tests.docs.shell import commands


@pytest.fixture
def platforms() -> Platforms:
    """Platforms to be put in place."""
    return Platforms()


@pytest.fixture
def registry() -> Registry:
    """The connectors that are installed."""
    return discover()


@pytest.fixture
def options() -> dict[str, Any]:
    """Settings besides the folder and rates that no test reaches."""
    return {}


@pytest.fixture
async def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platforms: Platforms, registry: Registry, options: dict[str, Any]
) -> AsyncIterator[Place]:
    """A system that runs on the folder ``./data``."""
    monkeypatch.chdir(tmp_path)
    clock = Clock()
    settings = Settings(
        data=Path("data"), linger_ms=0, token_rate=1_000_000, tenant_rate=1_000_000,
        private_networks="127.0.0.0/8", **options,
    )  # fmt: skip
    system = System(settings, registry=registry, now=clock, transport=lambda platform: platforms)
    served = httpx.ASGITransport(system.app)
    await system.start()
    try:
        async with Sandbox(callback=served) as page, httpx.AsyncClient(transport=served) as http:
            platforms.by_host["graph.facebook.com"] = page.transport()
            platforms.by_host["127.0.0.1"] = served
            yield Place(system, page, http, clock)
    finally:
        await system.stop()


@pytest.fixture
def connect_page(place: Place) -> ConnectPage:
    """Connect the Facebook page by the README's own commands, and let it tell of its comments."""

    async def connect() -> None:
        shell = place.shell()
        place.page.configure(access_token="PAGE-ACCESS-TOKEN", app_secret="APP-SECRET", verify_token="VERIFY-TOKEN")
        block = next(block.text for block in blocks(ROOT / "README.md") if "APP-SECRET" in block.text)
        app, account = commands(block)
        path = json.loads(await shell.run(app))["webhook_path"]
        await shell.run(account)
        place.page.configure(callback_url=f"{API}{path}", echo="before")

    return connect
