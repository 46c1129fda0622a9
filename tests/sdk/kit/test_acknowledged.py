"""The kit and platforms that forget what was acknowledged."""

import pytest

from chorally_sdk.testing.checks import CHECKS
from chorally_sdk.testing.checks.registry import Failed
from chorally_sdk.testing.running import run_once
from tests.sdk.kit.queue import Hasty, Queue, QueueTwin

TWICE = ("resumes-anywhere", "stable")
"""The checks that walk from the beginning more than once."""


@pytest.mark.parametrize("name", TWICE)
def test_a_walk_from_the_beginning_finds_what_was_acknowledged(name: str) -> None:
    """The stand-in lets it be read again, so that a right connector passes."""
    run_once(CHECKS[name], Queue, QueueTwin, None)


def test_what_is_passed_over_there_is_noticed() -> None:
    """Reading again hides no loss: a cursor that is ahead of its page still fails."""
    with pytest.raises(Failed, match="did not come"):
        run_once(CHECKS["resumes-anywhere"], Hasty, QueueTwin, None)
