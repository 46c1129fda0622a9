"""Renews ``requirements.lock`` from the requirements of every package here, or says whether it is up to date.

python tools/lock.py            renew: what is locked stays as it is where the requirements still allow it
python tools/lock.py --upgrade  renew with the newest versions allowed
python tools/lock.py --check    exit status 1 if a requirement was changed since; needs no network
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
MARK = "# Locks the requirements with this digest: "
HEAD = f"""\
# The versions that everything here is developed, tested and shown with, for Python 3.11 to 3.13.
# Made by `nox -s lock` from the pyproject.toml files; not changed by hand.
{MARK}"""


def projects(root: Path = ROOT) -> list[Path]:
    """Return the pyproject.toml files, the SDK's first."""
    return [
        root / "pyproject.toml",
        root / "core_services/pyproject.toml",
        *sorted(root.glob("connectors/*/pyproject.toml")),
    ]


def digest(root: Path = ROOT) -> str:
    """Return what stands for all requirements: the same as long as none was changed."""
    requirements = [_requirements(tomllib.loads(path.read_text("utf-8"))) for path in projects(root)]
    return hashlib.sha256(json.dumps(requirements, sort_keys=True).encode()).hexdigest()


def _requirements(project: dict[str, Any]) -> dict[str, Any]:
    meta = project["project"]
    return {
        "name": meta["name"],
        "python": meta["requires-python"],
        "dependencies": sorted(meta.get("dependencies", [])),
        "extras": {name: sorted(needs) for name, needs in meta.get("optional-dependencies", {}).items()},
        "groups": project.get("dependency-groups", {}),
        "build": sorted(project["build-system"]["requires"]),
    }


def stale(root: Path = ROOT) -> str:
    """Return why the lock file must be renewed; an empty text where it is up to date."""
    lock = root / "requirements.lock"
    if not lock.exists():
        return "requirements.lock is missing; make it with: nox -s lock"
    if MARK + digest(root) not in lock.read_text("utf-8").splitlines():
        return (
            "a pyproject.toml has other requirements than requirements.lock was made from; renew it with: nox -s lock"
        )
    return ""


def renew(upgrade: bool) -> None:
    """Write the lock file anew.

    Raises:
        subprocess.CalledProcessError: uv found no versions that go together; it has said why.
    """
    names = [tomllib.loads(path.read_text("utf-8"))["project"]["name"] for path in projects()]
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version=3.11"]
    command += ["--generate-hashes", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--all-extras", "--group=dev", f"--output-file={LOCK.name}", *(["--upgrade"] if upgrade else [])]
    command += [f"--no-emit-package={name}" for name in names]
    command += [path.relative_to(ROOT).as_posix() for path in projects()]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"UV_PYTHON_DOWNLOADS": "never"}, check=True)
    LOCK.write_text(f"{HEAD}{digest()}\n\n{LOCK.read_text('utf-8')}", "utf-8")


def main() -> int:
    """Do what the command line asks for and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="only say whether it is up to date")
    how.add_argument("--upgrade", action="store_true", help="take the newest versions that are allowed")
    options = parser.parse_args()
    if not options.check:
        renew(options.upgrade)
    reason = stale()
    sys.stdout.write(f"{reason or 'requirements.lock is up to date'}\n")
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
