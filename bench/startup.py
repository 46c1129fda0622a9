"""What starting costs: ``chorally up`` until it has served a request, the command's help, and importing the SDK.

    python -m bench.startup [--rounds 5]

CPU seconds are those of the whole process. ``chorally up`` is asked for ``/readyz`` once it listens; its seconds are
read when the answer 200 is there, on a new folder and on the same one again. Python itself, which does nothing,
stands beside. A round before the first, which does not count, compiles all modules.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from bench.common import cpu_s_of, machine, peak_mib, scratch, show, spread, with_bytecode
from bench.running import CHORALLY, up

ENDING = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "python -c 'import chorally_sdk'": (sys.executable, "-c", "import chorally_sdk"),
    "chorally --help": (CHORALLY, "--help"),
}


def ended(command: Sequence[str | Path], environment: Mapping[str, str]) -> tuple[float, float]:
    """Run a command to its end; return its CPU and wall seconds."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return used.ru_utime + used.ru_stime, time.perf_counter() - begun


def served(folder: Path, environment: Mapping[str, str]) -> tuple[float, float, float]:
    """Start a system; return the CPU and wall seconds until it has served a request, and its peak MiB then."""
    begun = time.perf_counter()
    with up(folder, environment) as system:
        httpx.get(f"{system.url}/readyz").raise_for_status()
        return cpu_s_of(system.pid), time.perf_counter() - begun, peak_mib(system.pid)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where files go; the system's temporary folder otherwise")
    options = parser.parse_args()
    folders = ("chorally up, new folder", "chorally up, used folder")
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in (*ENDING, *folders)}
    with scratch(options.folder) as outer:
        print(machine(outer, "chorally-sdk", "chorally-core", "fastapi", "pydantic"), flush=True)
        environment = with_bytecode(outer)
        for number in range(options.rounds + 1):
            seen: dict[str, tuple[float, ...]] = {name: ended(line, environment) for name, line in ENDING.items()}
            with scratch(options.folder) as place, contextlib.chdir(place):
                seen.update({name: served(place / "data", environment) for name in folders})
            for name, run in seen.items() if number else ():
                found[name].append(run)
    rows = []
    for name, runs in found.items():
        peak = spread([run[2] for run in runs]) if name in folders else "-"
        rows.append((name, spread([run[0] for run in runs], 2), spread([run[1] for run in runs], 2), peak))
    show(("", "CPU s", "wall s", "peak RSS MiB"), rows)


if __name__ == "__main__":
    main()
