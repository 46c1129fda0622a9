"""What holds for every test of the workspace."""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test that lacks its real server fail, not be skipped, where CI has to have started that.

    A test that asks a server for what this one does not have may still skip itself, once it runs.
    """
    report = yield
    is_real = item.get_closest_marker("real") is not None
    if report.skipped and call.when == "setup" and is_real and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but CI must run it: {report.longreprtext}"
    return report
