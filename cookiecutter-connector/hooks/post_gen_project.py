"""Removes the files of what was not chosen: they are empty."""

from pathlib import Path

for path in sorted(Path().rglob("*")):
    if path.is_file() and path.name != "py.typed" and not path.read_text("utf-8").strip():
        path.unlink()
for folder in sorted((path for path in Path().rglob("*") if path.is_dir()), reverse=True):
    if not any(folder.iterdir()):
        folder.rmdir()
