"""``check``: what the kit finds about a connector, and its tier of quality."""

import json
import logging
from pathlib import Path

from chorally_sdk.cli.finding import Found
from chorally_sdk.cli.telling import progress
from chorally_sdk.testing.checks import CHECKS, Check
from chorally_sdk.testing.checks.registry import NotApplied
from chorally_sdk.testing.report import PROPERTY, Report, finding, reports
from chorally_sdk.testing.running import Platform, run_once


def checked(found: Found, platform: Platform | None) -> Report:
    """Run every check that applies and return what they found."""
    told = []
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # what a stand-in leaves undone at its end is no finding
    with progress(f"checking {found.platform}", len(CHECKS)) as step:
        for check in CHECKS.values():
            step(f"{check.group}-{check.id}")
            outcome, why = _outcome(check, found, platform)
            told.append((PROPERTY, finding(found.connector, check, outcome, why)))
    (report,) = reports(told)
    return report


def _outcome(check: Check, found: Found, platform: Platform | None) -> tuple[str, str]:
    try:
        run_once(check, found.connector, platform, found.package)
    except NotApplied as reason:
        return "exempt" if reason.is_exempt else "gap" if reason.is_gap else "unable", str(reason)
    except Exception as error:  # whatever a connector does wrong, the other checks go on
        return "failed", f"{error}" if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
    return "passed", ""


def lines(report: Report) -> list[str]:
    """Return a report as people read it: what failed and what that would cause, then the tier."""
    told = []
    for each in report.of("failed"):
        proves = CHECKS[each.check].proves
        told += [f"FAILED {each.group}-{each.check}: {each.title}", f"  {each.why}", f"  why it matters: {proves}", ""]
    return [*told, *report.lines()]


def save(report: Report, path: Path) -> None:
    """Write a report as the pytest plugin does."""
    told = {"connectors": [report.as_json()]}
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
