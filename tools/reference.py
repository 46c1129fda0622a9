"""Writes ``docs/reference`` from the code, or says which page the code has left behind.

python -m tools.reference           write the pages
python -m tools.reference --check   exit status 1 if a page is not what it would write
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.pages import access, checks, commands, connectors, contract, errors, events, settings

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MARK = "<!-- Made by `python -m tools.reference`; not changed by hand. -->\n\n"
PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings.page,
    "events.md": events.page,
    "errors.md": errors.page,
    "cli.md": commands.page,
    "connector-cli.md": commands.connector_page,
    "hooks.md": contract.hooks,
    "contract.md": contract.page,
    "connectors.md": connectors.page,
    "checks.md": checks.page,
    "api.md": access.operations,
    "permissions.md": access.permissions,
}


def written() -> dict[str, str]:
    """Return the pages as they must be, by file name."""
    return {name: f"{MARK}{page().rstrip()}\n" for name, page in PAGES.items()}


def stale(folder: Path = FOLDER) -> list[str]:
    """Return the pages of a folder that the code has left behind, and those that nothing makes."""
    pages = written()
    found = [name for name, text in pages.items() if not _is(folder / name, text)]
    return found + sorted(path.name for path in folder.glob("*.md") if path.name not in pages)


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text("utf-8") == text


def main() -> int:
    """Do what the command line asks for and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say which pages are out of date")
    if not parser.parse_args().check:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name, text in written().items():
            (FOLDER / name).write_text(text, "utf-8")
    found = stale()
    sys.stdout.write("".join(f"docs/reference/{name} is out of date; python -m tools.reference\n" for name in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
