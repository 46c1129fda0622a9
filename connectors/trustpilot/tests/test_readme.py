"""The README's snippet works."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any


async def test_the_snippet_of_the_readme_runs() -> None:
    """As it stands there."""
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    defined: dict[str, Any] = {}
    exec(snippet, defined)  # noqa: S102 - our own words
    test: Callable[[], Awaitable[None]] = defined["test_a_review_is_pulled"]
    await test()
