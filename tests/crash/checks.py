"""What must be true in the end, each as a list of what is not."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from chorally_core.services.message.model import Message, Ticket

from tests.crash.agents import Accepted
from tests.crash.evidence import Evidence
from tests.crash.page import Made, Said


class Finding(NamedTuple):
    """Something that is not as it must be."""

    kind: str
    what: str


def findings(
    evidence: Evidence,
    said: Mapping[str, Said],
    made: list[Made],
    accepted: Mapping[str, Accepted],
    taken: Counter[bytes],
) -> list[Finding]:
    """Return everything that is not as it must be.

    Args:
        evidence: What the core has stored.
        said: The comments of people, by id.
        made: The comments of the page itself.
        accepted: The answers that the API took, by message id.
        taken: Bodies of webhooks that were answered 200, and how often.
    """
    return [
        *_stored(evidence),
        *_journal(evidence, taken),
        *_messages(evidence, said),
        *_answers(evidence, said, made, accepted),
        *_tickets(evidence),
        *_order(evidence),
        *_facts(evidence),
        *_api(evidence),
    ]


KINDS = (
    "lost", "twice", "wrong", "answer lost", "answer twice", "answer wrong", "tickets", "order", "log", "triggers",
    "left over", "integrity", "api",
)  # fmt: skip
"""The kinds of findings."""


def _stored(evidence: Evidence) -> Iterator[Finding]:
    if evidence.integrity != "ok":
        yield Finding("integrity", evidence.integrity)
    for document in evidence.left_over:
        yield Finding("left over", f"{document.kind} {document}"[:500])
    for delivery in evidence.deliveries:
        if delivery.state not in ("sent", "failed"):
            yield Finding("left over", f"delivery {delivery.id} is {delivery.state}: {delivery.error}")


def _journal(evidence: Evidence, taken: Counter[bytes]) -> Iterator[Finding]:
    """Each webhook that was answered 200 is in the journal; one whose answer was lost may be there as well."""
    for body, count in (taken - evidence.hooks).items():
        yield Finding("lost", f"{count} of the webhooks that were taken are not stored: {body[:200]!r}")


def _messages(evidence: Evidence, said: Mapping[str, Said]) -> Iterator[Finding]:
    """Each comment is one message, as it was last."""
    copies: dict[str, list[Message]] = defaultdict(list)
    for message in evidence.messages:
        if message.direction == "inbound":
            copies[message.external_id or ""].append(message)
    for comment in said.values():
        known = copies.pop(comment.id, [])
        if not known:
            yield Finding("lost", f"comment {comment}")
        if len(known) > 1:
            yield Finding("twice", f"comment {comment.id}")
        for message in known:
            want = ("", True) if comment.is_removed else (comment.text, False)
            if (message.body, message.deleted_at is not None) != want or message.hidden != comment.is_hidden:
                yield Finding("wrong", f"{comment} is {message}")
    for external_id in copies:
        yield Finding("wrong", f"the message {external_id} was never said")


def _answers(
    evidence: Evidence, said: Mapping[str, Said], made: list[Made], accepted: Mapping[str, Accepted]
) -> Iterator[Finding]:
    """Each answer that was taken is on the page once, and known under the page's id."""
    by_id = {message.id: message for message in evidence.messages}
    on_page = {comment.id: comment for comment in made}
    holders: Counter[str] = Counter()
    for answer in accepted.values():
        message, asked = by_id.get(answer.message_id), by_id.get(answer.answers)
        if message is None or asked is None:
            yield Finding("answer lost", f"{answer} is not stored")
            continue
        target = said[asked.external_id or ""]
        if message.status == "sent":
            holders[message.external_id or ""] += 1
            there = on_page.get(message.external_id or "")
            if there is None:
                yield Finding("answer lost", f"{answer} was never visible, and is said to be {message.external_id}")
            elif (there.answers, there.text) != (target.id, answer.text):
                yield Finding("answer wrong", f"{answer} is taken for {there}")
        elif message.status != "failed" or not target.is_removed:
            yield Finding("answer lost", f"{answer} is {message.status}: {message.error}")
    for comment in made:
        if holders[comment.id] > 1:
            yield Finding("answer wrong", f"{comment} is taken for {holders[comment.id]} answers")
        if not holders[comment.id] and not (comment.answers in said and said[comment.answers].is_removed):
            yield Finding("answer twice", f"{comment} belongs to no answer")
    asked_for = Counter((_target(by_id, answer), answer.text) for answer in accepted.values())
    for place, count in Counter((comment.answers, comment.text) for comment in made).items():
        if count > asked_for[place]:
            yield Finding("answer twice", f"{place} was visible {count} times, asked for {asked_for[place]} times")
    for message in evidence.messages:
        if message.origin == "external_echo":
            yield Finding("answer twice", f"an echo was taken for an answer made elsewhere: {message}")
        elif message.direction == "outbound" and message.id not in accepted:
            yield Finding("answer wrong", f"nobody has asked for {message}")


def _target(by_id: Mapping[str, Message], answer: Accepted) -> str:
    asked = by_id.get(answer.answers)
    return asked.external_id or "" if asked else ""


def _by_ticket(evidence: Evidence) -> dict[str, list[Message]]:
    within: dict[str, list[Message]] = defaultdict(list)
    for message in sorted(evidence.messages, key=lambda message: message.sequence):
        within[message.ticket_id or ""].append(message)
    return within


def _tickets(evidence: Evidence) -> Iterator[Finding]:
    """One unresolved ticket for each author, counting its messages without a gap."""
    unresolved = Counter((t.account_id, t.conversation_key) for t in evidence.tickets if t.status != "resolved")
    for place, count in unresolved.items():
        if count > 1:
            yield Finding("tickets", f"{place} has {count} unresolved tickets")
    within = _by_ticket(evidence)
    for ticket in evidence.tickets:
        sequences = [message.sequence for message in within.pop(ticket.id, [])]
        if sequences != list(range(1, ticket.message_count + 1)):
            yield Finding("tickets", f"ticket {ticket.id} counts {ticket.message_count}, its messages are {sequences}")
    for name in within:
        yield Finding("tickets", f"messages of a ticket that is not there: {name or 'none'}")
    for number, count in Counter(ticket.number for ticket in evidence.tickets).items():
        if count > 1:
            yield Finding("tickets", f"{count} tickets have the number {number}")


def _order(evidence: Evidence) -> Iterator[Finding]:
    """An author's messages are in the order of the bus, and those that came by webhook in that of the journal."""
    on_bus: dict[str, int] = {}
    for place, name in enumerate(evidence.said):
        on_bus.setdefault(name, place)
    in_journal: dict[tuple[str, object], int] = {}
    for arrival in evidence.journal:
        if arrival.verb in ("add", "edited"):
            in_journal.setdefault((arrival.comment_id, arrival.received_at), arrival.place)
    within = _by_ticket(evidence)
    of_author: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in sorted(evidence.tickets, key=lambda ticket: ticket.number):
        of_author[ticket.conversation_key].append(ticket)
    for author, tickets in of_author.items():
        told = [m for ticket in tickets for m in within[ticket.id] if m.direction == "inbound"]
        bus = [on_bus.get(message.id, -1) for message in told]
        if bus != sorted(bus):
            yield Finding("order", f"author {author}: places on the bus {bus}")
        places = [(message.external_id or "", message.received_at) for message in told]
        journal = [in_journal[place] for place in places if place in in_journal]
        if journal != sorted(journal):
            yield Finding("order", f"author {author}: places in the journal {journal}")


def _facts(evidence: Evidence) -> Iterator[Finding]:
    """Each thing that happened is told once, and rules hear of each message once."""
    expected: Counter[tuple[str, str]] = Counter()
    for message in evidence.messages:
        if message.direction == "inbound":
            expected["message_received", message.id] = 1
            expected["message_deleted", message.id] = int(message.deleted_at is not None)
        else:
            expected["reply_written", message.id] = 1
            expected["message_sent", message.id] = int(message.status == "sent")
    expected.update(("ticket_opened", ticket.id) for ticket in evidence.tickets)
    expected.update(("author_added", author.id) for author in evidence.authors)
    gone_at_once = {e.subject_id for e in evidence.log if e.what == "message_received" and not e.snapshot["body"]}
    for name in gone_at_once:  # the removal had come first: the message is told of without its text
        expected["message_deleted", name] = 0
    whats = {what for what, _ in expected}
    told = Counter((entry.what, entry.subject_id) for entry in evidence.log if entry.what in whats)
    for fact in expected.keys() | told.keys():
        if expected[fact] != told[fact]:
            yield Finding("log", f"{fact} is told {told[fact]} times instead of {expected[fact]}")
    repeated = len(evidence.triggers) - len({trigger.id for trigger in evidence.triggers})
    if repeated:
        yield Finding("triggers", f"{repeated} have an id that came before")
    heard = Counter(t.data.message_id for t in evidence.triggers if t.data.kind == "message_received")
    inbound = Counter(message.id for message in evidence.messages if message.direction == "inbound")
    for name in heard.keys() | inbound.keys():
        if heard[name] != inbound[name]:
            yield Finding("triggers", f"rules heard of the message {name} {heard[name]} times")


def _api(evidence: Evidence) -> Iterator[Finding]:
    """The API shows what is stored."""
    stored = {m.id: (m.ticket_id, m.sequence, m.body, m.status, m.external_id) for m in evidence.messages}
    names = ("ticket_id", "sequence", "body", "status", "external_id")
    shown = {name: tuple(view[field] for field in names) for name, view in evidence.shown.items()}
    for name in stored.keys() | shown.keys():
        if stored.get(name) != shown.get(name):
            yield Finding("api", f"message {name} is {stored.get(name)}, shown as {shown.get(name)}")
