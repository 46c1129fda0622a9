"""What the kit found about a connector, and the tier of quality that follows."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from chorally_sdk.connector.base import Connector
from chorally_sdk.testing.checks.registry import Check
from chorally_sdk.testing.running import NO_STAND_IN

PROPERTY = "chorally"
"""Name of the property of a test's report that holds a finding."""

REAL_SERVER = "real-server"
"""Rule of ``Manifest.quality`` by which a connector says that tests of a real server hold."""

Tier = Literal["failing", "untried", "documented", "specified", "proven"]
TIERS: dict[Tier, str] = {
    "failing": "a check fails",
    "untried": "no check fails, and no stand-in of the platform shows what it does",
    "documented": "no check fails; neither an official description nor a real server has checked it",
    "specified": "what it and its sandbox say has been checked by the platform's official description",
    "proven": "tests of a real server hold besides (`quality`: real-server done)",
}
"""What each tier means, the lowest first."""


@dataclass(frozen=True)
class Finding:
    """What came of one check of one connector."""

    platform: str
    version: str
    check: str
    group: str
    title: str
    outcome: Literal["passed", "failed", "exempt", "unable", "gap"]
    """``unable``: the connector has no such ability. ``gap``: it has, and its stand-in cannot show it."""
    why: str = ""
    is_real: bool = False
    """Whether the manifest says that a real server has checked it."""


@dataclass(frozen=True)
class Report:
    """All findings about one connector."""

    platform: str
    version: str
    findings: Sequence[Finding]

    def of(self, outcome: str) -> list[Finding]:
        """Return the findings of an outcome."""
        return [finding for finding in self.findings if finding.outcome == outcome]

    @property
    def tier(self) -> Tier:
        """The tier of quality."""
        if self.of("failed"):
            return "failing"
        if any(finding.why == NO_STAND_IN for finding in self.findings):
            return "untried"
        if any(finding.is_real for finding in self.findings):
            return "proven"
        if any(finding.group == "specification" for finding in self.of("passed")):
            return "specified"
        return "documented"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        counts = Counter(finding.outcome for finding in self.findings)
        found = [
            {name: value for name, value in asdict(each).items() if name not in {"platform", "version", "is_real"}}
            for each in self.findings
        ]
        about = {"platform": self.platform, "version": self.version, "tier": self.tier, "means": TIERS[self.tier]}
        return {**about, "counts": dict(sorted(counts.items())), "checks": found}

    def lines(self) -> list[str]:
        """Return it as people read it: the tier, what is exempt and why, and what could not be shown."""
        counts = Counter(finding.outcome for finding in self.findings)
        head = (
            f"{self.platform} {self.version}: tier {self.tier} ({TIERS[self.tier]}); "
            f"{counts['passed']} checks passed, {counts['failed']} failed, {counts['exempt']} exempt, "
            f"{counts['unable']} of other abilities, {counts['gap']} that the stand-in cannot show"
        )
        exempt = [
            f"  exempt from {each.group}-{each.check}: {each.why.partition(':')[2].strip()}"
            for each in self.of("exempt")
        ]
        notes = [f"  {each.group}-{each.check}: {each.why}" for each in self.of("passed") if each.why]
        gaps = Counter(finding.why for finding in self.of("gap"))
        return [head, *notes, *exempt, *(f"  not shown, {count} checks: {why}" for why, count in sorted(gaps.items()))]


def finding(connector: type[Connector], check: Check, outcome: str, why: str) -> str:
    """Return a finding as it travels with a test's report."""
    manifest = connector.manifest
    about = {"platform": manifest.platform, "version": manifest.version, "outcome": outcome, "why": why}
    is_real = manifest.quality.get(REAL_SERVER) == "done"
    return json.dumps({**about, "check": check.id, "group": check.group, "title": check.title, "is_real": is_real})


def reports(properties: Iterable[tuple[str, object]]) -> list[Report]:
    """Return what was found, by connector, of the properties of many tests."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for name, value in properties:
        if name == PROPERTY:
            each = Finding(**json.loads(str(value)))
            found.setdefault((each.platform, each.version), []).append(each)
    return [Report(platform, version, findings) for (platform, version), findings in sorted(found.items())]
