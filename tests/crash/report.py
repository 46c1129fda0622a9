"""The report of a run, as a table for people and as JSON for programs."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.crash.agents import Desk
from tests.crash.checks import KINDS, Finding
from tests.crash.evidence import Evidence
from tests.crash.page import Page
from tests.crash.plan import Plan


@dataclass(kw_only=True)
class Report:
    """What happened, and what was found."""

    plan: Plan
    figures: dict[str, int | float] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    last_words: str = ""
    """The end of what the system printed, all its lives together."""

    def count(self, page: Page, desk: Desk, stored: Evidence, counts: Counter[str]) -> None:
        """Fill in the figures."""
        published = len(stored.said)
        self.figures |= {
            "kills": counts["kills"],
            "messages of people": len(page.said),
            "authors": len({said.author_id for said in page.said.values()}),
            "tickets": len(stored.tickets),
            "webhooks accepted": stored.hooks.total(),
            "changes in them": len(stored.journal),
            "duplicates sent": len(stored.journal) - len({arrival.same for arrival in stored.journal}),
            "messages published again": published - len(set(stored.said)),
            "answers accepted": len(desk.accepted),
            "answers visible": len(page.made()),
            "answers failed, their comment was removed": sum(m.status == "failed" for m in stored.messages),
            "answers tried more than once": sum(delivery.attempts > 1 for delivery in stored.deliveries),
            **dict(sorted(page.counts.items())),
            **dict(sorted(desk.counts.items())),
            **dict(sorted(counts.items())),
        }
        self.faults = page.faults()

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def print(self, console: Console) -> None:
        """Show the table, and what was found."""
        found = Counter(finding.kind for finding in self.findings)
        table = Table(title=f"Crash test, seed {self.plan.seed}", show_header=False)
        for name, count in self.figures.items():
            table.add_row(name, f"{count:.1f}" if isinstance(count, float) else str(count))
        table.add_section()
        for name, count in sorted(self.faults.items()):
            table.add_row(f"fault of a {name}", str(count))
        table.add_section()
        for kind in KINDS:
            table.add_row(kind, str(found[kind]), style="red" if found[kind] else "green")
        console.print(table)
        for finding in self.findings[:40]:
            console.print(f"{finding.kind}: {finding.what[:600]}", style="red", highlight=False, markup=False)

    def write(self, path: Path) -> None:
        """Keep everything in a file."""
        found = Counter(finding.kind for finding in self.findings)
        told = {
            "seed": self.plan.seed,
            **self.figures,
            "faults": dict(self.faults),
            **{kind: found[kind] for kind in KINDS},
            "findings": [f"{finding.kind}: {finding.what}" for finding in self.findings],
        }
        path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
