"""The checkout that the tests look at."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
UNTRACKED = frozenset({"__pycache__", "dist", "build", "data"})


def tracked() -> list[Path]:
    """Return the files under version control, those of a plain copy where git does not know it."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return sorted(path for path in ROOT.rglob("*") if path.is_file() and not _is_made(path.relative_to(ROOT)))
    return sorted(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def _is_made(path: Path) -> bool:
    return any(part in UNTRACKED or (part.startswith(".") and part != ".ci") for part in path.parts)


def modules() -> list[Path]:
    """Return the Python files."""
    return [path for path in tracked() if path.suffix == ".py" and "cookiecutter-connector" not in path.parts]


def name_of(path: Path) -> str:
    """Return a file's name as people write it."""
    return path.relative_to(ROOT).as_posix()


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the test functions of a file, those of its test classes too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node
