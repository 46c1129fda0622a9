"""What holds for every test of the workspace."""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test that needs real servers fail, not be skipped, where CI has to have started them."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("real") is not None:
        report.outcome = "failed"
        report.longrepr = f"skipped, but CI must run it: {report.longreprtext}"
    return report
