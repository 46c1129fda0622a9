"""What the README says works."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chorally_whatsapp import WhatsApp
from chorally_whatsapp.config import AccountSettings
from chorally_whatsapp.limits import OPTIONS

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


async def test_the_snippet_of_the_readme_runs() -> None:
    """As it stands there."""
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    defined: dict[str, Any] = {}
    exec(snippet, defined)  # noqa: S102 - our own words
    test: Callable[[], Awaitable[None]] = defined["test_a_message_is_heard"]
    await test()


def test_every_setting_and_every_option_is_explained() -> None:
    """By its name."""
    named = {
        name for cell in re.findall(r"^\| (`.*?) \|", README, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    }

    assert {*AccountSettings.model_fields, *OPTIONS} <= named
    assert {channel.name for channel in WhatsApp.manifest.channels} <= named
