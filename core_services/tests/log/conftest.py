"""The webhook API around the webhooks, without a network."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.api import log as log_api
from chorally_core.api.log_views import LogEntryView
from chorally_core.api.log_webhook_deliveries import webhook_deliveries_router
from chorally_core.api.log_webhooks import Webhooks, webhooks_router
from chorally_core.ports.identity import Caller, Unauthenticated
from chorally_core.ports.permissions import Permission, permissions_of
from chorally_core.services.log.feed import Feed
from chorally_core.services.log.webhooks.calling import Calling

from .receiver import Place, a_place


class Badges:
    """An identity that believes whatever the header says: ``Badge TENANT ROLE-OR-PERMISSION``."""

    async def authenticate(self, authorization: str) -> Caller:
        """Return the caller that the header names."""
        kind, _, rest = authorization.partition(" ")
        if kind != "Badge":
            raise Unauthenticated("no badge")
        tenant, may = rest.split(" ")
        allowed = {Permission(may)} if ":" in may else permissions_of([may])
        return Caller(tenant=tenant, subject="ada", kind="user", permissions=frozenset(allowed))


As = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def alone(tmp_path: Path) -> Any:
    """Webhooks on one kind of ledger."""
    async with a_place(tmp_path) as made:
        yield made


@pytest.fixture
async def caller(alone: Place) -> Any:
    """Makes clients of the API; an administrator of acme unless said otherwise."""
    numbers = count(1)
    calling = Calling(
        alone.net, alone.vault, lambda e: LogEntryView.of(e).model_dump_json().encode(), alone.clock,
        monotonic=lambda: 0.0,
    )  # fmt: skip
    parts = Webhooks(
        documents=alone.documents, actions=alone.actions, vault=alone.vault, outside=alone.net, calling=calling,
        now=alone.clock, new_id=lambda: f"{next(numbers):032x}", random=lambda size: b"r" * size,
    )  # fmt: skip
    log = log_api.Log(documents=alone.documents, feed=Feed(alone.documents))
    app = log_api.create_app(Badges(), log, webhooks_router(parts), webhook_deliveries_router(parts))
    clients: list[httpx.AsyncClient] = []

    def make(tenant: str = "acme", may: str = "admin") -> httpx.AsyncClient:
        headers = {"Authorization": f"Badge {tenant} {may}"}
        transport = httpx.ASGITransport(app)
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://chorally.test", headers=headers))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()
