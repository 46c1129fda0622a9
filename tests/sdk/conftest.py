"""What the SDK's tests share."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def specs() -> Path:
    """The folder of platform samples; without it the tests that need it are skipped, and fail in CI."""
    folder = Path(os.environ.get("CHORALLY_SPECS", REPOSITORY.parent / "shared" / "specs"))
    if not folder.is_dir():
        told = f"no platform samples in {folder}; set CHORALLY_SPECS"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return folder
