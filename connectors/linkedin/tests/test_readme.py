"""The snippet of the README is run, so that it goes on being right."""

import re
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"


async def test_the_snippet_of_the_readme_runs() -> None:
    """Its one test, as it is printed."""
    [snippet] = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    namespace: dict[str, Any] = {}

    exec(compile(snippet, "README.md", "exec"), namespace)  # noqa: S102 - our own words

    await namespace["test_a_comment_is_pulled"]()
