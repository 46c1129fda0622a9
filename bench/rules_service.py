"""The rule engine as a service beside its bare matcher: consume, judge, act, record, on SQLite.

Needs ``bench/rules`` of the shared comparisons, as ``bench.rules`` does: the same rules and messages, whose fields are
those of a message, its author and its ticket here. ``all`` has every rule fire that holds, about ten on each message;
``first`` only the first of them, which is how people write rules that exclude each other.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.ports.documents import Write
from chorally_core.runner import Runner
from chorally_core.services.rule_engine import handlers
from chorally_core.services.rule_engine.engine import by_event, usable
from chorally_core.services.rule_engine.happened import happened
from chorally_core.services.rule_engine.model import Listed, Mode, Person, Rule, Ruleset

from bench.common import ROOT, Spent

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
OURS = {
    "account": "message.account", "network": "message.platform", "kind": "message.kind",
    "language": "message.language", "country": "ticket.custom.country", "tier": "ticket.custom.tier",
    "followers": "ticket.custom_number.followers", "likes": "ticket.custom_number.likes",
    "sentiment": "ticket.custom_number.sentiment", "hour": "ticket.custom_number.hour", "text": "message.text",
}  # fmt: skip
"""What the fields of the comparison are here."""


def a_rule(number: int, told: Mapping[str, Any], mode: Mode) -> Rule:
    """Return a rule of the comparison; it tags the ticket."""
    tests = [{**test, "field": OURS[test["field"]]} for test in told["all"]]
    return Rule(
        id=f"r{number}.1", tenant="t", rule_id=f"r{number}", number=1, name=f"r{number}", events=("message_received",),
        conditions={"all": tests}, actions=({"type": "add_tags", "tags": ["x"]},), mode=mode, created_at=AT,
        created_by="b", changed_at=AT, changed_by="b",
    )  # fmt: skip


def an_event(number: int, told: Mapping[str, Any]) -> Event[TriggerEvaluate]:
    """Return a message of the comparison as the log hands it on: each of a person of its own."""
    own = {name: told[name] for name in ("country", "tier", "followers", "likes", "sentiment", "hour") if name in told}
    snapshot = {
        "direction": "inbound", "channel": "wall_note", "platform": told["network"], "kind": told["kind"],
        "language": told["language"], "body": told["text"], "sequence": 1,
        "ticket": {"version": 1, "number": number, "status": "open", "priority": "normal", "messages": 1,
                   "created": AT.timestamp(), "custom": own},
    }  # fmt: skip
    data = TriggerEvaluate(
        log_id=f"l{number}", kind="message_received", ticket_id=f"k{number}", message_id=f"m{number}",
        author_id=f"a{number}", account_id=told["account"], snapshot=snapshot, version=1, actor_kind="author",
    )  # fmt: skip
    return Event(
        topic=topics.RULE_TRIGGERS, issuer="log-service", name="evaluate", data=data, id=f"e{number}", tenant="t",
        key=f"t/a{number}", occurred_at=AT + timedelta(seconds=number),
    )  # fmt: skip


def judged(rules: Sequence[Rule], events: Sequence[Event[TriggerEvaluate]]) -> tuple[float, float]:
    """Return messages per CPU second of the bare matcher, and with the making of its facts."""
    found = by_event(usable(rules))["message_received"]
    bare, whole = Spent(), Spent()
    for event in events:
        person = Person(id=event.data.author_id or "", tenant="t")
        with whole:
            facts = happened(found.facts, event, person)
            found.matcher(facts)
    ready = [happened(found.facts, event, Person(id="a", tenant="t")) for event in events]
    with bare:
        for facts in ready:
            found.matcher(facts)
    return len(events) / bare.cpu_s, len(events) / whole.cpu_s


async def served(folder: Path, rules: Sequence[Rule], events: Sequence[Event[TriggerEvaluate]]) -> float:
    """Return messages per CPU second of the service, from the bus to what is durable."""
    ledger = SqliteLedger(Database(folder / "chorally.db"))
    listed = tuple(Listed(rule.rule_id, 1, rule.id) for rule in rules)
    await ledger.documents.write([*(Write(rule, 0) for rule in rules)])
    await ledger.documents.write([Write(Ruleset(id="t", tenant="t", version=1, rules=listed), 0)])
    first, *others = events
    runner = Runner(handlers.GROUP, handlers.handlers(), ledger, now=lambda: AT)
    await runner.start()
    await ledger.bus.publish([first])
    await runner.step()  # compiles
    await ledger.bus.publish(others)
    spent = Spent()
    with spent:
        while await runner.step():
            pass
    return len(others) / spent.cpu_s


def main() -> None:
    """Measure, and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--shared", type=Path, default=Path(os.environ.get("CHORALLY_SHARED", ROOT.parent / "shared")))
    options.add_argument("--rules", type=int, default=1000)
    options.add_argument("--messages", type=int, default=3000)
    asked = options.parse_args()
    print("| fires | matcher | with its facts | service | of the matcher |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        command = [sys.executable, asked.shared / "bench" / "rules" / "gen.py", made, str(asked.rules)]
        subprocess.run(command, check=True)
        told = json.loads((Path(made) / "rules.json").read_text("utf-8"))
        lines = (Path(made) / "events.jsonl").read_text("utf-8").splitlines()[: asked.messages]
        events = [an_event(number, json.loads(line)) for number, line in enumerate(lines)]
        modes: tuple[Literal["all", "first"], ...] = ("all", "first")
        for mode in modes:
            rules = [a_rule(number, each, mode) for number, each in enumerate(told)]
            bare, whole = judged(rules, events)
            with tempfile.TemporaryDirectory() as folder:
                service = asyncio.run(served(Path(folder), rules, events))
            print(f"| {mode} | {bare:,.0f} | {whole:,.0f} | {service:,.0f} | {service / bare:.2%} |")


if __name__ == "__main__":
    main()
