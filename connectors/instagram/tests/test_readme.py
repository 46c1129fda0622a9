"""What the README shows works."""

import re
from pathlib import Path
from typing import Any

import httpx
from chorally_instagram.sandbox import Account

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


async def test_the_snippet_runs() -> None:
    """As it stands there."""
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own README
    await names["test_a_comment_is_pulled"]()


async def test_the_lines_for_curl_are_answered() -> None:
    """Each with the token that the sandbox tells of first."""
    account = Account()
    account.connection()
    [token] = re.findall(r"^T=(.*)$", README, re.MULTILINE)
    async with account, httpx.AsyncClient(transport=account.transport(), base_url="http://localhost:8766") as client:
        for line in re.findall(r"^curl (.*)$", README, re.MULTILINE):
            url = re.findall(r"(?:localhost:8766)([^ \"]*)", line)[0].replace("$T", token)
            body = re.findall(r"-d '(.*)'", line)
            if "configure" in url:
                body = [body[0].replace('"auto"', '"manual"')]  # nobody listens there
            answer = await client.post(url, content=body[0]) if body else await client.get(url)
            assert answer.status_code == 200, (line, answer.text)
