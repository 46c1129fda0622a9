"""What a replay would change is shown before it is made."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import chorally_sdk as sdk
from tests.support.api import Api, a_note, an_api
from tests.support.wall import Wall


class Mended(Wall):
    """A wall whose parse can be mended while it runs."""

    shout = False

    def parse(self, hook: sdk.RawHook) -> list[sdk.Event]:
        """Read what the wall does; since it was mended, in capitals."""
        return [
            event.model_copy(update={"body": event.body.upper()})
            if type(self).shout and isinstance(event, sdk.Message)
            else event
            for event in super().parse(hook)
        ]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with one note of Ada's."""
    Mended.shout = False
    async with an_api(tmp_path, connector=Mended) as api:
        await api.system.io.accounts.add_app("acme", "wall", "own", {"secret": "own-secret"}, "app-own")
        yield api


async def _hook(api: Api, *items: dict[str, Any]) -> str:
    import hashlib
    import hmac
    import json

    body = json.dumps({"items": items}).encode()
    signature = hmac.new(b"own-secret", body, hashlib.sha256).hexdigest()
    await api.client().post("/wall/v1/webhook", content=body, headers={"X-Wall-Signature": signature})
    await api.settle()
    listed = (await api.agent().get("/io/v1/hooks")).json()["items"]
    return str(listed[0]["id"])


async def _diff(api: Api, hook: str) -> dict[str, list[Any]]:
    answer = await api.agent().get(f"/io/v1/hooks/{hook}/replay-diff")
    assert answer.status_code == 200
    return {
        entity["topic"]: [entity["change"], *((f["field"], f["stored"], f["replayed"]) for f in entity["fields"])]
        for entity in answer.json()["entities"]
    }


async def test_the_same_connector_would_change_nothing(api: Api) -> None:
    """Neither the author nor the message."""
    hook = await _hook(api, a_note("n1"))
    assert await _diff(api, hook) == {"authors": ["same"], "messages": ["same"]}


async def test_what_a_mended_connector_reads_otherwise_is_shown_and_not_done(api: Api) -> None:
    """Field by field; the replay then does it."""
    hook = await _hook(api, a_note("n1"))
    Mended.shout = True
    assert await _diff(api, hook) == {"authors": ["same"], "messages": ["changed", ("body", "hello", "HELLO")]}
    assert await _diff(api, hook) != {"authors": ["same"], "messages": ["same"]}

    await api.agent().post(f"/io/v1/hooks/{hook}/replay")
    await api.settle()
    assert await _diff(api, hook) == {"authors": ["same"], "messages": ["same"]}


async def test_what_was_edited_since_is_said_to_stay(api: Api) -> None:
    """An older webhook does not undo a newer one."""
    hook = await _hook(api, a_note("n1"))
    await _hook(api, a_note("n1", text="hello!", edited_at="2026-11-23T08:30:00+00:00"))
    assert (await _diff(api, hook))["messages"] == ["older", ("body", "hello!", "hello")]


async def test_agents_may_not_see_it(api: Api) -> None:
    """It shows what webhooks said."""
    hook = await _hook(api, a_note("n1"))
    assert (await api.agent("agent").get(f"/io/v1/hooks/{hook}/replay-diff")).status_code == 403
    assert (await api.agent("admin", "other").get(f"/io/v1/hooks/{hook}/replay-diff")).status_code == 404
