"""Follows a page: runs its snippets in their order."""

import json
from collections.abc import Awaitable, Callable

from tests.architecture.checkout import ROOT
from tests.docs.pages import blocks
from tests.docs.shell import Shell, commands, contains

ConnectPage = Callable[[], Awaitable[None]]
"""Connects the Facebook page, as the README does."""


async def follow(page: str, shell: Shell) -> None:
    """Run every ``sh`` block of a page; one followed by a block of JSON or text until it prints that."""
    found = blocks(ROOT / page)
    ran = 0
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block.language != "sh" or "dev.py" in block.text:
            continue
        ran += 1
        if following is not None and following.language == "json":
            *first, last = commands(block.text)
            for command in first:
                await shell.run(command)
            if "-X" in last:
                printed = json.loads(await shell.run(last))
                assert contains(printed, json.loads(following.text)), f"{last}\nprinted {printed}"
            else:
                await shell.run_until(last, json.loads(following.text))
        else:
            printed = await shell.run(block.text)
            if following is not None and following.language == "text":
                assert printed == following.text.strip()
    assert ran
