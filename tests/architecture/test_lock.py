"""`requirements.lock` is what the packages ask for, for any machine."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.checkout import ROOT
from tools import lock

TEXT = (ROOT / "requirements.lock").read_text("utf-8")


def test_the_lock_is_up_to_date() -> None:
    """Requirements changed without renewing the lock fail here, without a network."""
    assert lock.stale() == ""


@pytest.fixture
def a_copy(tmp_path: Path) -> Path:
    """A workspace with the same requirements and the same lock."""
    for path in [*lock.projects(), lock.LOCK]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return tmp_path


def test_a_copy_of_the_workspace_is_up_to_date(a_copy: Path) -> None:
    """Where the checkout lies plays no part."""
    assert lock.stale(a_copy) == ""


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pyproject.toml", '"tenacity>=9"', '"tenacity>=8"'),
        ("pyproject.toml", '"ruff>=', '"vulture", "ruff>='),
        ("core_services/pyproject.toml", '"apsw>=', '"brotli", "apsw>='),
        ("connectors/facebook/pyproject.toml", 'sandbox = ["', 'sandbox = ["brotli", "'),
        ("connectors/mail/pyproject.toml", '"hatchling>=1.27"', '"hatchling>=1.28"'),
    ],
)
def test_a_changed_requirement_makes_it_stale(a_copy: Path, file: str, old: str, new: str) -> None:
    """Each kind counts: of a package, of an extra, of the tools, of the build."""
    path = a_copy / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    assert "nox -s lock" in lock.stale(a_copy)


def test_a_missing_lock_is_said(a_copy: Path) -> None:
    """The reason says how to make it."""
    (a_copy / "requirements.lock").unlink()
    assert "nox -s lock" in lock.stale(a_copy)


def test_every_version_is_pinned_and_has_hashes() -> None:
    """No line asks for anything but an exact version checked by SHA-256."""
    lines = [line for line in TEXT.splitlines() if line and not line.lstrip().startswith("#")]
    pins = [line for line in lines if not line.startswith(" ")]
    assert len(pins) > 40
    for pin in pins:
        assert re.fullmatch(r"[a-z0-9._-]+==[^ ;]+( ; .+)? \\", pin), pin
    for line in lines:
        if line.startswith(" "):
            assert re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", line), line


def test_it_has_no_package_of_ours_and_no_address() -> None:
    """Our packages come from the checkout; where the others come from is the machine's affair."""
    assert not re.search(r"^chorally", TEXT, re.M)
    assert not re.search(r"://|^-|--(index|extra|find|trusted)|file:|@ ", TEXT, re.M)


def test_what_builds_our_packages_is_in_it() -> None:
    """Nothing is fetched to build them: `editables` too, which an editable installation needs."""
    pinned = dict(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", TEXT, re.M))
    needed = {
        need for path in lock.projects() for need in tomllib.loads(path.read_text("utf-8"))["build-system"]["requires"]
    }
    for text in {*needed, "editables"}:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])
