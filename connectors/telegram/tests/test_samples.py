"""The samples of real payloads, which are not part of this repository."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_telegram import Telegram

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

EVENTS = {
    # a command is said by a person
    "update_message_command": ["Message"],
    # which result of an inline query was chosen: nobody says it to the bot, in no chat; the ping names its kind
    "update_chosen_inline_result": ["Ping"],
}
"""What each update gives; there is none that gives nothing."""


@pytest.fixture
def samples(specs: Path) -> dict[str, Any]:
    """The samples by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in (specs / "payloads/telegram").glob("*.json")}


def test_every_update_gives_an_event(samples: dict[str, Any]) -> None:
    """As many items go in as events come out: none is dropped."""
    updates = {name: sample for name, sample in samples.items() if "update_id" in sample}
    found = {name: connect(Telegram).parse(a_hook(json.dumps(update))) for name, update in updates.items()}

    assert {name: [type(event).__name__ for event in events] for name, events in found.items()} == EVENTS
    assert len(updates) + 1 == len(samples), "what is no update is the one error below"


def test_an_old_command_is_read_without_what_came_later(samples: dict[str, Any]) -> None:
    """A user without ``is_bot`` and a chat without a type are those of 2015."""
    (message,) = connect(Telegram).parse(a_hook(json.dumps(samples["update_message_command"])))

    assert isinstance(message, sdk.Message)
    assert (message.body, message.conversation_id, message.external_id) == ("/start", "1111111", "1111111/1365")
    assert message.author is not None
    assert message.author.name == "Test Test Lastname"


def test_flood_control_says_how_long(samples: dict[str, Any]) -> None:
    """The wait is a parameter of the error, and no header."""
    error = connect(Telegram).fault(httpx.Response(429, json=samples["error_flood_control"]))

    assert isinstance(error, sdk.RateLimited)
    assert error.wait is not None
    assert error.wait.total_seconds() == 42
