"""No request, however odd, breaks the API or is answered with what its OpenAPI document does not say.

A sample is asked at each run; ``nox -s fuzz`` asks some twenty times as much.
"""

from pathlib import Path

import pytest

from tests.support.fuzzing import Found, fuzzing


def _said(found: list[Found]) -> str:
    return "\n".join(map(str, found))


@pytest.mark.slow
def test_a_sample_of_odd_requests_is_answered_as_documented(tmp_path: Path) -> None:
    """Every operation, under both kinds of token: nothing but documented answers, and 401 without a token."""
    with fuzzing(tmp_path) as asks:
        for operation in asks.operations():
            asks.bare(operation)
            asks.odd(operation, every=60)
            asks.cover(operation, most=3)
        assert _said(list(asks.found.values())) == ""
        assert len(asks.asked) == len(asks.operations())


@pytest.mark.fuzz
@pytest.mark.parametrize("methods", [("post",), ("get", "put", "patch", "delete")], ids="+".join)
def test_what_schemathesis_makes_up_is_answered_as_documented(methods: tuple[str, ...], tmp_path: Path) -> None:
    """Limits of every value, values of the wrong type, random ones, bodies that are none: thousands of each."""
    with fuzzing(tmp_path) as asks:
        for operation in asks.operations():
            if operation.method in methods:
                asks.odd(operation, every=4)
                asks.cover(operation, every=3)
                asks.fuzz(operation, examples=12)
        print(asks.figures())
        assert _said(list(asks.found.values())) == ""
