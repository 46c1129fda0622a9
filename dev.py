"""Sets this checkout up and starts what is asked for, with nothing but Python 3.11 or newer and pip.

    python3 dev.py demo [OPTIONS]   the command ``chorally demo``, in the present folder
    python3 dev.py test [OPTIONS]   pytest over the whole project; paths start at the project's folder
    python3 dev.py setup            only the set-up

The set-up is a folder ``.venv`` with the versions of ``requirements.lock``, checked by their hashes, and
the packages of this checkout on top. It is done anew only when one of its inputs has changed. The syntax of
this file is that of older Pythons, so that they can say what they lack.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
DISCARDED = ROOT / ".venv.old"
LOCK = ROOT / "requirements.lock"
EVERY_CORE = ["-n", "auto", "--maxprocesses", "8", "--dist", "worksteal"]
"""How pytest runs all tests; a few that are named start quicker in one process."""
STATE = VENV / "set-up.json"
"""What the folder was made from; ``{}`` from before the installation until it is complete."""


class Failed(Exception):
    """The set-up cannot go on; the message says why and what to do."""


def say(text: str) -> None:
    """Tell what happens, apart from the output of what is started."""
    sys.stderr.write(f"dev.py: {text}\n")
    sys.stderr.flush()


def packages() -> list[Path]:
    """Return the folders of the packages of this checkout, the SDK first."""
    connectors = sorted(path.parent for path in ROOT.glob("connectors/*/pyproject.toml"))
    return [ROOT, ROOT / "core_services", *connectors]


def wanted() -> dict[str, Any]:
    """Return what a complete set-up would have been made from."""
    digest = hashlib.sha256()
    for path in [Path(__file__), LOCK, *(folder / "pyproject.toml" for folder in packages())]:
        digest.update(path.read_bytes() + b"\0")
    return {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]} at {sys.base_prefix}",
        "packages": [folder.relative_to(ROOT).as_posix() for folder in packages()],
        "inputs": digest.hexdigest(),
    }


def found() -> dict[str, Any] | None:
    """Return what the set-up was made from: ``{}`` if it is incomplete, None if something else made the folder."""
    try:
        state: dict[str, Any] = json.loads(STATE.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return state


def python() -> Path:
    """Return the interpreter of the set-up."""
    return VENV / "bin" / "python"


def pip() -> list[str]:
    """Return the pip to call: that of the set-up, or else (Debian without python3-venv) the one outside."""
    inside = [str(python()), "-m", "pip"]
    if subprocess.run([*inside, "--version"], capture_output=True, check=False).returncode == 0:
        return inside
    return [base(), "-m", "pip", "--python", str(python())]


def base() -> str:
    """Return the interpreter that runs this, outside of any virtual environment."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let one process at a time look at the set-up and change it."""
    import fcntl

    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start sets the folder up, waiting for it")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def quietly(*command: str) -> None:
    """Run a command and show its output only if it fails, without the passwords of any address.

    Raises:
        Failed: It ended with another status than 0.
    """
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.stderr.write(re.sub(r"(?<=://)[^/@\s]+@", "***@", done.stdout.decode("utf-8", "replace")))
        raise Failed(f"this command failed, its output is above: {' '.join(command)}")


def discard() -> None:
    """Put the folder aside and remove it; an interruption in between leaves nothing that looks complete."""
    shutil.rmtree(DISCARDED, ignore_errors=True)
    if VENV.exists():
        VENV.rename(DISCARDED)
        shutil.rmtree(DISCARDED, ignore_errors=True)


def create() -> None:
    """Make the folder, without any package.

    Raises:
        Failed: Python could not make it.
    """
    say(f"making .venv with Python {platform.python_version()}")
    VENV.mkdir()
    STATE.write_text("{}", "utf-8")
    has_pip = importlib.util.find_spec("ensurepip") is not None
    quietly(base(), "-m", "venv", *([] if has_pip else ["--without-pip"]), str(VENV))


def install() -> None:
    """Install the locked versions, checked by their hashes, then the packages of this checkout.

    Raises:
        Failed: pip did not succeed.
    """
    started = time.monotonic()
    say("installing requirements.lock (a minute or two the first time)")
    options = ("--disable-pip-version-check", "--no-input")
    quietly(*pip(), "install", *options, "--no-deps", "--require-hashes", "--requirement", str(LOCK))
    local = [part for folder in packages() for part in ("--editable", str(folder))]
    say("installing the packages of this checkout")
    quietly(*pip(), "install", *options, "--no-deps", "--no-index", "--no-build-isolation", *local)
    say(f"ready after {time.monotonic() - started:.0f} s")


def set_up() -> None:
    """Bring ``.venv`` up to date.

    Raises:
        Failed: It could not be brought up to date; the next start begins anew.
    """
    with alone():
        want, have = wanted(), found()
        if have == want and python().exists():
            return
        is_usable = have != {} and python().exists()
        if have and is_usable:
            is_usable = have["python"] == want["python"] and set(have["packages"]) <= set(want["packages"])
        if not is_usable:
            discard()
            create()
        STATE.write_text("{}", "utf-8")
        install()
        STATE.write_text(json.dumps(want), "utf-8")


def start(command: str, arguments: list[str]) -> NoReturn:
    """Become the command that was asked for."""
    if command == "demo":
        program = str(VENV / "bin" / "chorally")
        os.execv(program, [program, "demo", *arguments])
    os.chdir(ROOT)
    os.execv(python(), [str(python()), "-m", "pytest", *(arguments or EVERY_CORE)])


def main(arguments: list[str]) -> int:
    """Do what the command line asks for and return the exit status."""
    if sys.version_info < (3, 11):
        return fail(f"needs Python 3.11 or newer, this is {platform.python_version()}; start it with another python3")
    if not arguments or arguments[0] not in ("demo", "test", "setup"):
        sys.stderr.write(__doc__ or "")
        return 0 if arguments in (["--help"], ["-h"], ["help"]) else 2
    try:
        set_up()
    except (Failed, OSError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return fail("interrupted; the next start begins the set-up anew") + 129
    if arguments[0] == "setup":
        return 0
    start(arguments[0], arguments[1:])


def fail(reason: str) -> int:
    """Say why it cannot go on and return the exit status."""
    say(reason)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
