"""A connector that was just made, its served sandbox, and the command in a process of its own."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from chorally_sdk.cli import making

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("CHORALLY_")}


@dataclass(frozen=True)
class Ran:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Ran]


def run(*arguments: str | Path, **variables: str) -> Ran:
    """Run the command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "chorally_sdk.cli", *map(str, arguments)],
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A connector that pulls, takes webhooks, answers and moderates; tests leave it as it is."""
    abilities = ("pull", "webhooks", "reply", "moderate")
    return making.make(making.wanted("wall", "", abilities, "token"), tmp_path_factory.mktemp("made"))


@pytest.fixture
def checkout(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "checkout"))


@dataclass(frozen=True)
class Served:
    """A sandbox that is served, and what the command told about it."""

    url: str
    told: str

    @property
    def token(self) -> str:
        """The token that the hints name."""
        found = re.search(r"CHORALLY_TOKEN=(\S+)", self.told)
        assert found, self.told
        return found[1]


@pytest.fixture
def served(made: Path) -> Iterator[Served]:
    """Its sandbox, served by the command until the test ends."""
    with serving(made) as served:
        yield served


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Serve the sandbox of a checkout by the command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-u", "-m", "chorally_sdk.cli", "sandbox", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT, text=True)
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        told.append(line)
        if "/_sandbox/state" in line and "GET" in line:
            break
    with process.stdout:
        _until_it_listens(port)
        yield Served(f"http://127.0.0.1:{port}", "".join(told))
        process.terminate()
        process.wait(10)


def _until_it_listens(port: int) -> None:
    for _ in range(2000):
        with socket.socket() as tried:
            tried.settimeout(0.05)
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
            tried.settimeout(None)
        subprocess.run([sys.executable, "-c", "pass"], check=True)  # a little time, without a sleep
    raise AssertionError(f"nothing listens on port {port}")
