"""The pytest plugin of the conformance kit: ``--chorally-report FILE``, and a summary at the end.

Installed with the SDK (entry point ``pytest11``), so pytest loads it everywhere: it imports nothing of the extra
``dev``, and does nothing where no connector is checked.
"""

import json
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the report."""
    group = parser.getgroup("chorally", "conformance of Chorally connectors")
    group.addoption(
        "--chorally-report",
        metavar="FILE",
        default=None,
        help="write the quality tier of each connector to a JSON file",
    )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell the tier of every connector that was checked, what it is exempt from and why; write the report."""
    tests = [test for outcome in ("passed", "failed", "skipped") for test in terminalreporter.stats.get(outcome, ())]
    properties = [each for test in tests for each in getattr(test, "user_properties", ())]
    if not any(name == "chorally" for name, _ in properties):
        return
    from chorally_sdk.testing.report import reports

    found = reports(properties)
    terminalreporter.section("connectors")
    for report in found:
        for line in report.lines():
            terminalreporter.line(line)
    path = config.getoption("--chorally-report")
    if path:
        told = {"connectors": [report.as_json() for report in found]}
        Path(path).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
        terminalreporter.line(f"written to {path}")
