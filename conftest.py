"""What holds for every test of the workspace."""

import gc
import os
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.set_exc_info,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
"""As structlog is by itself, without every local variable of a traceback, which takes it seconds to draw."""


def pytest_configure() -> None:
    """Let the kit judge by the platforms' own descriptions where they lie beside the checkout."""
    beside = Path(__file__).parents[1] / "shared" / "specs"
    if beside.is_dir():
        os.environ.setdefault("CHORALLY_SPECS", str(beside))


@pytest.fixture(scope="session")
def specs() -> Path:
    """The folder of platform samples; without it the tests that need it are skipped, and fail in CI."""
    folder = Path(os.environ.get("CHORALLY_SPECS", Path(__file__).parents[1] / "shared" / "specs"))
    if not folder.is_dir():
        told = f"no platform samples in {folder}; set CHORALLY_SPECS"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return folder


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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests over a real Kafka pass although aiokafka 0.14 forgets connections whose opening is cancelled."""
    for item in items:
        if "kafka" in item.nodeid and item.get_closest_marker("real"):
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(autouse=True)
def _forgotten_connections(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect them before another test would be told of them."""
    yield
    if "kafka" in request.node.nodeid and request.node.get_closest_marker("real"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
