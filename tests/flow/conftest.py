"""The flows run over each way in which work can become durable."""

import pytest


@pytest.fixture(params=[False, True], ids=["one transaction", "in order"])
def in_order(request: pytest.FixtureRequest) -> bool:
    """Whether documents and events lie apart, as in a cluster, with no transaction over both."""
    return bool(request.param)
