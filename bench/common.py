"""What the benches share: processor time, child processes, spreads over rounds, tables.

Speed is work per CPU second of the process that does it (all its threads), because that holds on a busy
machine; wall-clock figures are shown beside it and do not. Peers run in the same rounds, one after the other.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""


class Spent:
    """Adds up the wall and CPU seconds of what runs within it; may be entered many times."""

    def __init__(self) -> None:
        self.wall_s = 0.0
        self.cpu_s = 0.0

    def __enter__(self) -> "Spent":
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wall_s += time.perf_counter() - self._wall
        self.cpu_s += time.process_time() - self._cpu


def child(module: str, *arguments: object, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a module of ours in a process of its own and return the JSON object that it prints, with what it took.

    ``environment`` replaces that of this process. See ``took``.
    """
    command = [sys.executable, "-m", module, *(str(argument) for argument in arguments)]
    said, figures = took(command, environment=environment)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return {**figures, **found}


def took(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, errors: int | None = None
) -> tuple[str, dict[str, float]]:
    """Run a command and return what it prints, and what it took, its start included.

    ``peak_mib`` is the largest resident set as the operating system counted it (Linux counts the parent's before the
    program was loaded), ``process_cpu_s`` all CPU seconds of the process, ``process_wall_s`` those until it ended.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT, env=environment, text=True)
    assert process.stdout is not None
    with process.stdout:
        said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[1:])} ended with {process.returncode}")
    cpu_s = used.ru_utime + used.ru_stime
    return said, {"peak_mib": used.ru_maxrss / 1024, "process_cpu_s": cpu_s, "process_wall_s": wall_s}


def with_bytecode(folder: Path) -> dict[str, str]:
    """Return an environment in which modules are compiled once, into a folder, as installing a package does it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def cpu_s_of(pid: int) -> float:
    """Return the CPU seconds that a running process and its threads have used; Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib() -> float:
    """Return this process's resident set now, in MiB; Linux only."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mib(process: int | str = "self") -> float:
    """Return a running process's largest resident set since its program was loaded, in MiB; Linux only."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return ``median [least-most]``."""
    return f"{statistics.median(values):,.{digits}f} [{min(values):,.{digits}f}-{max(values):,.{digits}f}]"


def show(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    print(f"| {' | '.join(heads)} |")
    print(f"|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")
    print(flush=True)


@contextmanager
def scratch(folder: Path | None) -> Iterator[Path]:
    """Give an empty folder that is removed afterwards; on the file system of ``folder`` where one is named."""
    with tempfile.TemporaryDirectory(prefix="chorally-bench-", dir=folder) as name:
        yield Path(name)


def sync_ms(folder: Path, times: int = 101) -> float:
    """Return the median milliseconds of appending 8 KiB and ``fdatasync`` on a folder's file system."""
    taken = []
    with (folder / "sync").open("wb") as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(b"\0" * 8192)
            file.flush()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


def machine(folder: Path, *packages: str) -> str:
    """Return a line that says on what was measured."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    disk = f"fdatasync {sync_ms(folder):.2f} ms median, load {os.getloadavg()[0]:.1f}"
    return (
        f"{os.cpu_count()} x {model}, {platform.system()} {platform.release()}, {disk}, "
        f"Python {platform.python_version()}, {versions}; {time.strftime('%Y-%m-%d')}"
    )
