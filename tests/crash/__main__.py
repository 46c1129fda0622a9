"""Runs the crash test by hand: ``python -m tests.crash --messages 3000 --kills 25 --seed 1``."""

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console

from tests.crash.harness import Run
from tests.crash.plan import Plan


def main() -> int:
    """Run once, show the report, and return 0 if nothing was found."""
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--messages", type=int, default=usual.messages, help="comments of people (%(default)s)")
    parser.add_argument("--kills", type=int, default=usual.kills, help="how often the process is killed (%(default)s)")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of all that is left to chance (%(default)s)")
    parser.add_argument("--authors", type=int, default=usual.authors, help="people (%(default)s)")
    parser.add_argument("--report", type=Path, help="file to write the report to, as JSON")
    parser.add_argument("--folder", type=Path, help="empty folder for data and output; a temporary one if left out")
    asked = parser.parse_args()
    folder = asked.folder or Path(mkdtemp(prefix="crash-"))
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(messages=asked.messages, kills=asked.kills, seed=asked.seed, authors=asked.authors)
    report = asyncio.run(Run(plan, folder).report())
    report.print(Console())
    if asked.report:
        report.write(asked.report)
    if not report.is_clean:
        sys.stdout.write(f"data and output are kept in {folder}\n")
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
