"""The report of a run, as tables for people and as JSON for programs."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.crash.checks import KINDS
from tests.crash.report import Report as CrashReport
from tests.soak.timing import Trouble, figures_of


@dataclass(kw_only=True)
class Report(CrashReport):
    """What happened, what was found, and how long each trouble was felt."""

    began: float = 0.0
    troubles: list[Trouble] = field(default_factory=list)
    usual_s: float = 0.0

    def rows(self) -> list[dict[str, Any]]:
        """Return what is told of each trouble."""
        return [figures_of(trouble, self.began) for trouble in self.troubles]

    def print(self, console: Console) -> None:
        """Show the tables, and what was found."""
        super().print(console)
        table = Table(title=f"Time to recover: until no ticket comes more than {self.usual_s:.1f} s after its 200")
        for name in (
            "what",
            "at, s",
            "away, s",
            "recovered after, s",
            "first 200, s",
            "first ticket, s",
            "longest wait, s",
            "slow",
        ):
            table.add_column(name, justify="left" if name == "what" else "right")
        for row in self.rows():
            table.add_row(*(str(value) for value in row.values()))
        console.print(table)

    def write(self, path: Path) -> None:
        """Keep everything in a file."""
        found = Counter(finding.kind for finding in self.findings)
        told = {
            "plan": asdict(self.plan),
            "figures": self.figures,
            "faults of the platform": dict(self.faults),
            "usual_s": self.usual_s,
            "troubles": self.rows(),
            "found": {kind: found[kind] for kind in KINDS},
            "findings": [f"{finding.kind}: {finding.what}" for finding in self.findings],
        }
        path.write_text(json.dumps(told, indent=2, ensure_ascii=False, default=str) + "\n", "utf-8")
