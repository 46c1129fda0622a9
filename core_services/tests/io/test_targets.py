"""Which parts an edit replaces, and which it may not do without."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
import pytest
from chorally_core.events import Attached
from chorally_core.ports.documents import Key
from chorally_core.services.io.model import Delivery, Moderation
from chorally_core.services.io.targets import targets

import chorally_sdk as sdk
from chorally_sdk import Http

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ONLY_EDITS = {"edit": sdk.Limits(max_text=10)}
BOTH = {**ONLY_EDITS, "delete": sdk.Limits()}


class Known:
    """Documents that are there."""

    def __init__(self, *deliveries: Delivery) -> None:
        self._by_id = {delivery.id: delivery for delivery in deliveries}

    async def get(self, of: Any, value: str, field: str = "id") -> Any:
        """Return one by its id."""
        return self._by_id.get(value)

    async def load(self, keys: Collection[Key]) -> dict[Key, Any]:
        """Return those that are named."""
        return {key: self._by_id[key.value] for key in keys if key.value in self._by_id}


class Board(sdk.Connector):
    """Something that can be edited."""

    actions: ClassVar[Any]

    async def check(self) -> sdk.AccountInfo:
        """Never asked."""
        raise NotImplementedError


def a_board(actions: Any) -> Board:
    """Return a connector whose channel offers these actions."""

    class Offering(Board):
        manifest = sdk.Manifest(platform="board", channels=(sdk.Channel(name="board_note", actions=actions),))

    http = Http(
        base_url="https://board.example", hosts=(), transport=httpx.MockTransport(lambda _: httpx.Response(200))
    )
    return Offering(sdk.App(id="a", settings=None), http, None, now=lambda: AT)


def a_part(number: int, body: str, **more: Any) -> Delivery:
    """Return a part of an answer of three that was sent."""
    name = "m" if number == 1 else f"m/{number:02d}"
    return Delivery(
        id=name, tenant="acme", account_id="a", platform="board", channel="board_note", key="k", client_ref=name,
        body=body, created_at=AT, next_at=None, part=number, parts=3, whole="" if number == 1 else "m",
        **{"external_id": f"x{number}", "state": "sent", **more},
    )  # fmt: skip


def an_edit(body: str) -> Moderation:
    """Return an edit of the answer."""
    return Moderation(
        id="e", tenant="acme", account_id="a", platform="board", channel="board_note", key="k", verb="edit",
        message_id="m", external_id="x1", body=body, created_at=AT, next_at=AT,
    )  # fmt: skip


async def _found(edit: str, actions: Any, *parts: Delivery) -> list[tuple[str, str, str]]:
    found = await targets(Known(*parts), an_edit(edit), a_board(actions))  # type: ignore[arg-type]
    return [(target.verb, target.external_id, target.body) for target in found]


async def test_what_the_new_text_has_no_use_for_must_be_deletable() -> None:
    """Otherwise nothing is changed: old text would stay behind the new one."""
    parts = a_part(1, "one"), a_part(2, "two"), a_part(3, "three")
    assert await _found("new", BOTH, *parts) == [("edit", "x1", "new"), ("delete", "x3", ""), ("delete", "x2", "")]
    with pytest.raises(sdk.Rejected, match="nothing for 2 of 3 parts, which cannot be deleted here"):
        await _found("new", ONLY_EDITS, *parts)


async def test_parts_that_are_files_alone_stay() -> None:
    """Their text was never there; one with a text and a file is not deleted with its text."""
    file = (Attached(kind="image"),)
    alone = a_part(1, "one"), a_part(2, "", attachments=file), a_part(3, "", attachments=file)
    assert await _found("new", ONLY_EDITS, *alone) == [("edit", "x1", "new")]
    with pytest.raises(sdk.Rejected, match="a part that carries a file"):
        await _found("new", BOTH, a_part(1, "one"), a_part(2, "two", attachments=file), a_part(3, "three"))


async def test_a_part_that_was_never_made_is_not_reached_and_one_without_an_id_cannot_be() -> None:
    """The agent is told which one to change on the platform."""
    failed = a_part(3, "three", state="failed", external_id=None)
    found = await _found("new text two", BOTH, a_part(1, "one"), a_part(2, "two"), failed)
    assert [(verb, name) for verb, name, _ in found] == [("edit", "x1"), ("edit", "x2")]
    with pytest.raises(sdk.Rejected, match="no id of part 3 of 3"):
        await _found("new", BOTH, a_part(1, "one"), a_part(2, "two"), a_part(3, "three", external_id=None))
