"""Documents, their log and an index, over each way in which work becomes durable and each kind of index."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .place import Place


@pytest.fixture(params=["embedded", "with an index elsewhere", "apart"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """A place on each back end."""
    kind = {"embedded": "embedded", "with an index elsewhere": "elsewhere", "apart": "apart"}[request.param]
    place = Place(tmp_path, kind)
    yield place
    place.close()


@pytest.fixture(params=["elsewhere", "apart"])
async def remote(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """A place whose index may be out of reach."""
    place = Place(tmp_path, request.param)
    yield place
    place.close()
