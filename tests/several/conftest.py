"""Several processes of the I/O service over one store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.several import Several


@pytest.fixture
async def several(tmp_path: Path) -> AsyncIterator[Several]:
    """A store without processes."""
    several = Several(tmp_path)
    yield several
    await several.close()
