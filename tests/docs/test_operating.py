"""What the how-to on operating tells is so."""

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from chorally_core.bootstrap import System
from chorally_core.settings import Retention, Settings
from chorally_facebook import Facebook
from chorally_facebook.sandbox.faults import Fault

import chorally_sdk as sdk
from docs.examples.backup import backup
from tests.architecture.checkout import ROOT
from tests.docs.following import ConnectPage, follow
from tests.docs.pages import prose
from tests.docs.place import API, Place

PAGE = "docs/how-to/operate.md"


async def test_an_operator_mends_what_went_wrong(
    place: Place, connect_page: ConnectPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook that could not be read, and an answer in doubt, as the page goes through them."""
    await connect_page()
    accounts = 'curl -s "$API/io/v1/accounts" -H "Authorization: Bearer $TOKEN"'
    pulled = {"items": [{"streams": [{"pages": 2}] * 4}]}  # no comment is there at first, nor once subscribed
    await place.shell().run_until(accounts, pulled)
    parse = Facebook.parse

    def not_yet(self: Facebook, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        raise sdk.Malformed("not as documented")

    monkeypatch.setattr(Facebook, "parse", not_yet)
    place.page.configure(echo="off")
    place.page.comment("p0", "Nobody can read this", author_name="Ada")
    await place.page.hooks.settled()
    letters = 'curl -s "$API/io/v1/dead-letters" -H "Authorization: Bearer $TOKEN"'
    await place.shell().run_until(letters, {"items": [{"source": "hooks"}]})
    monkeypatch.setattr(Facebook, "parse", parse)
    await _leave_an_answer_in_doubt(place)
    await follow(PAGE, place.shell())


async def _leave_an_answer_in_doubt(place: Place) -> None:
    """Lose the call, and let somebody type the same text twice on the page itself."""
    shell = place.shell()
    asked = place.page.comment("p1", "How long are you open?", author_name="Bruno")
    tickets = 'curl -s "$API/message/v1/tickets" -H "Authorization: Bearer $TOKEN"'
    await shell.run_until(tickets, {"items": [{"author_name": "Bruno"}]})
    place.page.faults.waiting.append(Fault(on="reply", kind="connection_reset"))
    await shell.run(f"TICKET=$({tickets} | jq -r '.items[0].id')")
    await shell.run(
        """ANSWER=$(curl -s -X POST "$API/message/v1/tickets/$TICKET/messages" -H "Authorization: Bearer $TOKEN" \\
        -H "Content-Type: application/json" -d '{"body": "Yes, until six."}' | jq -r .id)"""
    )
    deliveries = 'curl -s "$API/io/v1/deliveries" -H "Authorization: Bearer $TOKEN"'
    await shell.run_until(deliveries, {"items": [{"state": "unconfirmed"}]})
    page_id = place.page.world.page_id
    for _ in range(2):
        place.page.comment(page_id, "Yes, until six.", parent_id=asked.id, webhook=False)
    place.clock.ahead += timedelta(seconds=10)
    place.system.io.outbox.wake()


async def test_the_metrics_that_are_told_are_there(place: Place, connect_page: ConnectPage) -> None:
    """Each of the table is given once something has happened, and no other."""
    await connect_page()
    place.page.comment("p1", "hello")
    await place.page.hooks.settled()
    await place.system.upkeep.due()
    told = set(re.findall(r"`(chorally_\w+)`", prose(ROOT / PAGE)))

    shown = (await place.http.get(f"{API}/metrics")).text
    assert told == set(re.findall(r"^(chorally_\w+)\{", shown, re.M))


def test_each_kind_of_record_that_is_kept_for_a_time_is_told() -> None:
    """The page speaks of them all."""
    text = prose(ROOT / PAGE).lower()
    assert [name for name in Retention.model_fields if name.replace("_", " ").rstrip("s") not in text] == []


async def test_a_backup_of_a_running_folder_can_be_started(place: Place, connect_page: ConnectPage) -> None:
    """The copy has what was there, opens its secrets, and knows who signed in."""
    await connect_page()
    backup(Path("data"), Path("copy"))
    token = place.system.token("acme", "viewer")

    restored = System(Settings(data=Path("copy")), now=place.clock)
    try:
        await restored.io.load()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(restored.app), base_url=API) as http:
            answer = await http.get("/io/v1/accounts", headers={"Authorization": f"Bearer {token}"})
        (account,) = json.loads(answer.text)["items"]
        stored = restored.io.directory.accounts[account["id"]]
        grant = await restored.io.directory.connector(stored).token()
        assert grant.get_secret_value() == "PAGE-ACCESS-TOKEN"
    finally:
        await restored.io.stop()
        restored.close()


def test_a_backup_replaces_nothing(tmp_path: Path) -> None:
    """Neither an older copy, nor does it make one of a folder without a database."""
    with pytest.raises(FileNotFoundError):
        backup(tmp_path, tmp_path / "copy")
    (tmp_path / "chorally.db").touch()
    (tmp_path / "copy").mkdir()
    with pytest.raises(FileExistsError):
        backup(tmp_path, tmp_path / "copy")
