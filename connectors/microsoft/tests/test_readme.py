"""The README's snippet works, and its tables name what there is."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chorally_microsoft.config import AccountSettings, AppSettings
from chorally_microsoft.login import OF_SHARED, SCOPES

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


async def test_the_snippet_of_the_readme_runs() -> None:
    """As it stands there."""
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    defined: dict[str, Any] = {}
    exec(snippet, defined)  # noqa: S102 - our own words
    test: Callable[[], Awaitable[None]] = defined["test_a_message_is_heard"]
    await test()


def test_the_readme_names_every_setting_and_scope() -> None:
    """Whoever sets the app up needs all of them."""
    names = [*AppSettings.model_fields, *AccountSettings.model_fields, *SCOPES, *OF_SHARED]

    assert [name for name in names if f"`{name}`" not in README] == []
