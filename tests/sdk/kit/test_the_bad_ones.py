"""Every check catches a connector that is wrong in that way, and lets a right one pass."""

from importlib import import_module
from pathlib import Path

import pytest

from chorally_sdk.testing.checks import CHECKS, Failed
from chorally_sdk.testing.running import run_once
from tests.sdk.kit.bad import BAD, Bad
from tests.sdk.kit.package import a_package

for _group in ("package", "check", "pull", "webhook", "subscription", "tokens", "streams", "outages", "push"):
    import_module(f"tests.sdk.kit.bad_{_group}")

SIMPLEST = {
    "package": "free-names",
    "check": "names-the-account",
    "auth": "exchanges",
    "pull": "empty",
    "webhook": "genuine",
    "subscription": "subscribes",
    "push": "seen-once",
    "limits": "success-is-no-fault",
    "specification": "known-operations",
}


@pytest.fixture(autouse=True)
def specs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up platform's description."""
    monkeypatch.setenv("CHORALLY_SPECS", str(Path(__file__).parent / "specs"))


def check(name: str, bad: Bad) -> None:
    """Make one check of a bad connector."""
    run_once(CHECKS[name], bad.connector, bad.twin, a_package(bad.connector, **bad.package))


def test_there_are_enough_checks_and_every_one_has_a_bad_connector() -> None:
    """A check that is added without one is named."""
    assert len(CHECKS) >= 75
    assert {each.check for each in BAD} == set(CHECKS)


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_a_bad_connector_is_caught(bad: Bad) -> None:
    """By the check that is about it, while the simplest thing still works unless that is what is wrong."""
    with pytest.raises(Failed):
        check(bad.check, bad)
    simplest = SIMPLEST[CHECKS[bad.check].group]
    if bad.is_whole and bad.check != simplest:
        check(simplest, bad)
