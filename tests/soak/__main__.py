"""Runs the soak test by hand: ``nox -s soak -- --messages 10000 --seed 1 --faults kill,broker,redis``."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console

from tests.soak.plan import FAULTS, MEMBERS, Plan
from tests.soak.report import Report
from tests.soak.run import SoakRun


def _faults(text: str) -> tuple[str, ...]:
    chosen = tuple(name for name in text.replace(",", " ").split() if name)
    if unknown := [name for name in chosen if name not in FAULTS]:
        raise argparse.ArgumentTypeError(f"there is no fault {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    return chosen


def _copies(text: str) -> dict[str, int]:
    chosen = {kind: int(count) for kind, _, count in (part.partition("=") for part in text.split(","))}
    if unknown := [kind for kind in chosen if kind not in MEMBERS]:
        raise argparse.ArgumentTypeError(f"there are no processes {', '.join(unknown)}; there are {', '.join(MEMBERS)}")
    return chosen


async def _to_its_end(run: SoakRun) -> Report:
    """Run; whoever asks to end (SIGTERM) gets everything stopped too."""
    task = asyncio.ensure_future(run.report())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _said() -> str:
    return ",".join(f"{kind}={count}" for kind, count in Plan().copies.items())


def main() -> int:
    """Run once, show the report, and return 0 if nothing was found."""
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--messages", type=int, default=usual.messages, help="comments of people (%(default)s)")
    parser.add_argument("--kills", type=int, default=usual.kills, help="processes that are killed (%(default)s)")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of all that is left to chance (%(default)s)")
    parser.add_argument("--authors", type=int, default=usual.authors, help="people (%(default)s)")
    rate = 1 / usual.pause_s
    parser.add_argument("--rate", type=float, default=rate, help="comments a second (%(default).0f)")
    parser.add_argument("--faults", type=_faults, default=usual.faults, help=f"of {','.join(FAULTS)} (all)")
    parser.add_argument("--copies", type=_copies, default={}, help=f"processes of each kind, such as io=1 ({_said()})")
    parser.add_argument("--report", type=Path, help="file to write the report to, as JSON")
    parser.add_argument("--folder", type=Path, help="empty folder for data and output; a temporary one if left out")
    asked = parser.parse_args()
    folder = (asked.folder or Path(mkdtemp(prefix="soak-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(
        messages=asked.messages, kills=asked.kills, seed=asked.seed, authors=asked.authors, faults=asked.faults,
        pause_s=1 / asked.rate, copies={**usual.copies, **asked.copies},
    )  # fmt: skip
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what the servers are made to do is no news here
    _tell(f"data and output are in {folder}")
    report = asyncio.run(_to_its_end(SoakRun(plan, folder, _tell)))
    report.print(Console(width=160))
    if asked.report:
        report.write(asked.report)
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
