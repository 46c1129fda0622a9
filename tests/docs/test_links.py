"""Links, and the names of code and tests, lead somewhere."""

import ast
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.architecture.checkout import ROOT, functions_of, name_of
from tests.docs.pages import anchors, markdown, prose

LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
TEST = re.compile(r"`(?P<path>[\w/]+\.py)::(?P<name>test_\w+)`")


@pytest.mark.parametrize("page", markdown(), ids=name_of)
def test_links_within_the_checkout_lead_somewhere(page: Path) -> None:
    """Each relative link names a file or folder that is there, and a heading of it where it names one."""
    broken = [target for target in _targets(page) if not _leads(page, target)]
    assert not broken, f"{name_of(page)}: {broken}"


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    """The check can fail: a missing file, and a missing heading."""
    page = tmp_path / "page.md"
    page.write_text("# One thing\n\n[a](other.md) [b](#one-thing) [c](#another) [d](https://other.example/x)\n")
    assert [target for target in _targets(page) if not _leads(page, target)] == ["other.md", "#another"]


@pytest.mark.parametrize("page", markdown(), ids=name_of)
def test_a_link_from_a_name_of_the_code_leads_to_the_file_that_has_it(page: Path) -> None:
    """``[`Journal`](…/journal.py)`` is true only if the file defines Journal."""
    for found in LINK.finditer(prose(page)):
        name, target = re.fullmatch(r"`(\w+)`", found["text"]), found["target"]
        if name is not None and target.endswith(".py"):
            assert name[1] in _names((page.parent / target).resolve()), f"{target} does not define {name[1]}"


@pytest.mark.parametrize("page", markdown(), ids=name_of)
def test_a_test_that_is_named_exists(page: Path) -> None:
    """Whoever looks up what shows a guarantee finds it."""
    for found in TEST.finditer(prose(page)):
        path = ROOT / found["path"]
        assert path.exists(), found["path"]
        assert found["name"] in {test.name for test in functions_of(path)}, found[0]


def _targets(page: Path) -> list[str]:
    return [found["target"] for found in LINK.finditer(prose(page)) if "://" not in found["target"]]


def _leads(page: Path, target: str) -> bool:
    place, _, anchor = unquote(target).partition("#")
    path = (page.parent / place).resolve() if place else page
    return path.exists() and (not anchor or path.suffix != ".md" or anchor in anchors(path))


@lru_cache
def _names(path: Path) -> set[str]:
    """What a module defines or imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ImportFrom | ast.Import):
            found |= {alias.asname or alias.name for alias in node.names}
    return found
