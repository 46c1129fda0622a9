"""The README starts the whole with two commands."""

import re

from tests.architecture.checkout import ROOT


def two_commands() -> list[str]:
    """Return the lines of the code blocks under the heading."""
    section = re.search(r"^## Two commands$(.*?)(?=^## |\Z)", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    assert section is not None, "README.md has no heading '## Two commands'"
    blocks = re.findall(r"^```\w*\n(.*?)^```$", section[1], re.M | re.S)
    assert len(blocks) == 1, f"'## Two commands' must have one code block, it has {len(blocks)}"
    return str(blocks[0]).splitlines()


def test_the_first_command_starts_the_demo_and_the_second_the_tests() -> None:
    """There are exactly two lines, and both need no more than Python and pip."""
    demo, test = two_commands()
    assert demo.split() == ["python3", "dev.py", "demo"]
    assert test.split() == ["python3", "dev.py", "test"]
    assert (ROOT / "dev.py").exists()
