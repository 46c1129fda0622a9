"""The real command, killed with SIGKILL at any time, against the sandbox with faults: nothing lost, nothing twice.

What is promised of order: within an author's tickets, messages stand in the order in which they came to the bus;
those that came by webhook in the order of the journal, which is that in which webhooks were accepted.
"""

import asyncio
import dataclasses
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chorally_core.ports.parking import DeadLetter
from rich.console import Console

from tests.crash.agents import Accepted
from tests.crash.checks import findings
from tests.crash.evidence import Evidence
from tests.crash.harness import Run
from tests.crash.page import Made
from tests.crash.plan import Plan
from tests.crash.report import Report

SHORT = Plan(
    messages=200, kills=3, seed=7, authors=80, agents=2, posts=10, pull_every_s=1.0, longest_s=1.5, patience_s=60.0
)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Report]:
    """A run of a few kills, and its report."""
    run = Run(SHORT, tmp_path_factory.mktemp("crash"))
    report = asyncio.run(run.report())
    report.print(Console())
    return run, report


@pytest.mark.slow
def test_a_few_kills_lose_nothing_and_leave_nothing_twice(short: tuple[Run, Report]) -> None:
    """A few hundred comments with duplicates, echoes, edits and faults, and a few kills."""
    _, report = short

    assert [f"{finding.kind}: {finding.what}" for finding in report.findings] == []
    assert report.figures["kills"] == SHORT.kills
    assert report.figures["messages of people"] == SHORT.messages
    assert report.figures["duplicates sent"] > 0
    assert report.figures["answers accepted"] > 10


@pytest.mark.soak
def test_many_kills_lose_nothing_and_leave_nothing_twice(tmp_path: Path) -> None:
    """Thousands of comments and dozens of kills.

    CRASH_MESSAGES, CRASH_KILLS and CRASH_SEED say how many and which; CRASH_REPORT names a file for the report.
    """
    usual = Plan()
    plan = Plan(
        messages=int(os.environ.get("CRASH_MESSAGES", usual.messages)),
        kills=int(os.environ.get("CRASH_KILLS", usual.kills)),
        seed=int(os.environ.get("CRASH_SEED", usual.seed)),
    )
    report = asyncio.run(Run(plan, tmp_path).report())
    report.print(Console())
    if path := os.environ.get("CRASH_REPORT"):
        report.write(Path(path))

    assert [f"{finding.kind}: {finding.what}" for finding in report.findings] == []
    assert report.figures["kills"] == plan.kills


Doctored = Callable[[Evidence, list[Made], dict[str, Accepted]], Evidence]


def _without_a_comment(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    gone = next(message for message in evidence.messages if message.direction == "inbound")
    return dataclasses.replace(evidence, messages=[m for m in evidence.messages if m is not gone])


def _without_a_webhook(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    body = next(iter(evidence.hooks))
    return dataclasses.replace(evidence, hooks=Counter({b: n for b, n in evidence.hooks.items() if b != body}))


def _with_a_comment_twice(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    first = next(message for message in evidence.messages if message.direction == "inbound")
    return dataclasses.replace(evidence, messages=[*evidence.messages, msgspec.structs.replace(first, id="again")])


def _with_another_text(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    first = next(message for message in evidence.messages if message.direction == "inbound")
    others = [message for message in evidence.messages if message is not first]
    return dataclasses.replace(evidence, messages=[*others, msgspec.structs.replace(first, body="something else")])


def _with_an_answer_made_twice(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    made.append(dataclasses.replace(made[0], id="again"))
    return evidence


def _with_an_answer_never_made(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    sent = next(message for message in evidence.messages if message.status == "sent")
    made.remove(next(comment for comment in made if comment.id == sent.external_id))
    return evidence


def _with_an_answer_forgotten(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    name = next(iter(accepted))
    return dataclasses.replace(evidence, messages=[m for m in evidence.messages if m.id != name])


def _with_answers_mixed_up(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    one, two = [message for message in evidence.messages if message.status == "sent"][:2]
    swapped = [
        msgspec.structs.replace(one, external_id=two.external_id),
        msgspec.structs.replace(two, external_id=one.external_id),
    ]
    return dataclasses.replace(evidence, messages=[*[m for m in evidence.messages if m not in (one, two)], *swapped])


def _with_a_second_open_ticket(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    ticket = next(ticket for ticket in evidence.tickets if ticket.status != "resolved")
    other = msgspec.structs.replace(ticket, id="other", number=9999, message_count=0)
    return dataclasses.replace(evidence, tickets=[*evidence.tickets, other])


def _with_a_ticket_that_counts_wrong(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    first, *others = evidence.tickets
    counted = msgspec.structs.replace(first, message_count=first.message_count + 1)
    return dataclasses.replace(evidence, tickets=[counted, *others])


def _with_another_order(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    ticket = next(t for t in evidence.tickets if _told_in(evidence, t.id) > 1)
    one, two, *_ = [m for m in evidence.messages if m.ticket_id == ticket.id and m.direction == "inbound"]
    swapped = [
        msgspec.structs.replace(one, sequence=two.sequence), msgspec.structs.replace(two, sequence=one.sequence)
    ]  # fmt: skip
    return dataclasses.replace(evidence, messages=[*[m for m in evidence.messages if m not in (one, two)], *swapped])


def _told_in(evidence: Evidence, ticket_id: str) -> int:
    return sum(m.ticket_id == ticket_id and m.direction == "inbound" for m in evidence.messages)


def _without_a_fact(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    told = next(entry for entry in evidence.log if entry.what == "message_received")
    return dataclasses.replace(evidence, log=[entry for entry in evidence.log if entry is not told])


def _with_a_trigger_twice(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    heard = next(trigger for trigger in evidence.triggers if trigger.data.kind == "message_received")
    return dataclasses.replace(evidence, triggers=[*evidence.triggers, heard])


def _with_a_dead_letter(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    at = evidence.messages[0].received_at
    letter = DeadLetter(id="1", tenant="acme", at=at, source="messages", group="message", error="why", attempts=5)
    return dataclasses.replace(evidence, left_over=[letter])


def _with_a_damaged_file(evidence: Evidence, made: list[Made], accepted: dict[str, Accepted]) -> Evidence:
    return dataclasses.replace(evidence, integrity="row 1 missing from index")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("doctored", "kind"),
    [
        (_without_a_comment, "lost"),
        (_without_a_webhook, "lost"),
        (_with_a_comment_twice, "twice"),
        (_with_another_text, "wrong"),
        (_with_an_answer_made_twice, "answer twice"),
        (_with_an_answer_never_made, "answer lost"),
        (_with_an_answer_forgotten, "answer lost"),
        (_with_answers_mixed_up, "answer wrong"),
        (_with_a_second_open_ticket, "tickets"),
        (_with_a_ticket_that_counts_wrong, "tickets"),
        (_with_another_order, "order"),
        (_without_a_fact, "log"),
        (_with_a_trigger_twice, "triggers"),
        (_with_a_dead_letter, "left over"),
        (_with_a_damaged_file, "integrity"),
    ],
)
def test_whatever_is_wrong_is_found(short: tuple[Run, Report], doctored: Doctored, kind: str) -> None:
    """The checks see what they are for: the same evidence with one thing changed does not pass."""
    run, _ = short
    assert run.stored is not None
    made: list[Any] = run.page.made()
    evidence = doctored(run.stored, made, run.desk.accepted)

    assert kind in {found.kind for found in findings(evidence, run.page.said, made, run.desk.accepted, run.page.taken)}
