"""Tests against real servers run where they can, and cannot be passed over in CI."""

import pytest

from tests.architecture.checkout import ROOT

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.fixture
def server():
    pytest.skip("no server")

@pytest.mark.real
def test_with_a_server(server):
    pass

@pytest.mark.real
def test_what_this_server_lacks():
    pytest.skip("this server has no tokens")

def test_elsewhere():
    pytest.skip("not on this machine")
"""


@pytest.fixture
def elsewhere(pytester: pytest.Pytester) -> pytest.Pytester:
    """Another project with the conftest of this one."""
    pytester.makeconftest((ROOT / "conftest.py").read_text("utf-8"))
    pytester.makeini("[pytest]\nmarkers = real\n")
    pytester.makepyfile(TESTS)
    return pytester


def test_in_ci_a_missing_server_fails(elsewhere: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """CI has to start the servers; what a server cannot do, and what needs none, may still be skipped."""
    monkeypatch.setenv("CI", "true")
    elsewhere.runpytest_inprocess("-p", "no:randomly", "-p", "no:asyncio").assert_outcomes(errors=1, skipped=2)


def test_on_a_laptop_a_missing_server_skips(elsewhere: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to install servers to work on something else."""
    monkeypatch.delenv("CI", raising=False)
    elsewhere.runpytest_inprocess("-p", "no:randomly", "-p", "no:asyncio").assert_outcomes(skipped=3)
