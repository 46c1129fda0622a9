"""Copies a data folder while its owner runs: ``python backup.py DATA COPY``; COPY must not exist."""

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path


def backup(data: Path, copy: Path) -> None:
    """Copy a data folder: the database as it is at one instant, then the objects, then the keys.

    The order matters: an object is stored before the record that names it, so a copy of the database taken
    first never names an object that is not in the copy.

    Raises:
        FileExistsError: The copy is there already.
        FileNotFoundError: The folder holds no database.
    """
    if not (data / "chorally.db").exists():
        raise FileNotFoundError(f"{data} holds no chorally.db")
    copy.mkdir(mode=0o700)
    with closing(sqlite3.connect(data / "chorally.db")) as source, closing(sqlite3.connect(copy / "chorally.db")) as to:
        source.backup(to, pages=10_000)
    if (data / "objects").exists():
        shutil.copytree(data / "objects", copy / "objects")
    for name in ("secret-keys", "signing-keys.json"):
        if (data / name).exists():
            shutil.copy2(data / name, copy / name)


if __name__ == "__main__":
    backup(Path(sys.argv[1]), Path(sys.argv[2]))
