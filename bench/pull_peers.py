"""The peers that ``bench.pull`` measures beside: each pulls the same comments, as a command of its own.

Their programs are those of the shared comparisons (``bench/pull`` there); ``--peers`` names a folder with a virtual
environment for each that is to be measured: ``dlt-env`` (dlt), ``singer-env`` (singer-sdk), ``airbyte-env``
(airbyte-cdk). What is not there is left out and said.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.common import took

NAMES = ("dlt extract", "dlt", "singer", "airbyte")
"""``dlt extract`` only walks, as ``sdk`` does; ``dlt`` stores files, as its users do."""


class Task(NamedTuple):
    """What is to be pulled."""

    shared: Path
    url: str
    records: int
    accounts: int
    """0 for one account."""
    variant: str
    """Of the platform: ``fast``, ``lat20`` or ``rl``."""

    @property
    def listing(self) -> str:
        """Where the comments are, ``ACCOUNT`` standing for the account."""
        each = self.records // max(self.accounts, 1)
        return f"{self.url}/{self.variant}/{each}/{'ACCOUNT' if self.accounts else 0}/comments"


def installed(peers: Path | None) -> list[str]:
    """Return the peers that can be measured, and say which cannot."""
    found = [name for name in NAMES if peers is not None and _python(peers, name).exists()]
    if absent := [name for name in NAMES if name not in found]:
        print(f"not installed, left out: {', '.join(absent)}", flush=True)
    return found


def pull(name: str, peers: Path, task: Task, folder: Path) -> dict[str, Any]:
    """Have a peer pull, and return what it took and how many records it says it has."""
    said, figures = took(_command(name, peers, task, folder), errors=subprocess.DEVNULL)
    return {**figures, "records": _counted(name, task, said)}


def _python(peers: Path, name: str) -> Path:
    return peers / f"{name.split()[0]}-env/bin/python"


def _command(name: str, peers: Path, task: Task, folder: Path) -> list[str]:
    program, python = task.shared / "bench/pull", str(_python(peers, name))
    accounts = ["--accounts", str(task.accounts)] if task.accounts else []
    if name.startswith("dlt"):
        way = "extract" if name == "dlt extract" else "filesystem"
        return [python, str(program / "dlt_comments.py"), task.listing, way, str(folder / "dlt"), *accounts]
    config = folder / "config.json"
    config.write_text(json.dumps({"url": task.listing, **({"accounts": task.accounts} if task.accounts else {})}))
    if name == "singer":
        return [python, str(program / "tap_comments.py"), "--config", str(config)]
    if not task.accounts:
        run: Sequence[object] = (program / "airbyte_py.py", "read")
    elif task.accounts == 20:  # as many as its manifest names
        declared = ("--manifest-path", program / "airbyte_manifest_accounts.yaml")
        run = (_python(peers, name).with_name("source-declarative-manifest"), "read", *declared)
    else:
        raise SystemExit("airbyte's manifest names 20 accounts; give --accounts 20")
    catalog = program / "airbyte_catalog.json"
    return [python, *(str(each) for each in (*run, "--config", config, "--catalog", catalog))]


def _counted(name: str, task: Task, said: str) -> int:
    if name == "dlt":
        return int(said.split()[-1]) * max(task.accounts, 1)  # it tells of its first table
    if name == "dlt extract":
        return int(said.split()[-1])
    return said.count('"type":"RECORD"') + said.count('"type": "RECORD"')
