"""The decision about one trigger, without a store: what fires, what follows, and that it ends."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from chorally_core.events import Event, TicketUpdate, TriggerEvaluate, topics
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import Found
from chorally_core.services.rule_engine.engine import Engine
from chorally_core.services.rule_engine.handlers import DEPTH, Evaluate
from chorally_core.services.rule_engine.model import Execution, Listed, Person, Rule, Ruleset
from hypothesis import given, settings
from hypothesis import strategies as st

AT = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)
TICKET: dict[str, Any] = {
    "version": 7, "number": 3, "status": "open", "priority": "normal", "platform": "wall", "channel": "wall_note",
    "messages": 1, "created": (AT - timedelta(hours=3)).timestamp(), "custom": {"level": 2, "vip": True},
}  # fmt: skip


def a_rule(name: str, *actions: dict[str, Any], when: dict[str, Any] | None = None, **more: Any) -> Rule:
    """Return a rule on every message, or on those of which ``when`` holds."""
    given: dict[str, Any] = {"events": ("message_received", "ticket_changed"), **more}
    return Rule(
        id=f"{name}.1", tenant="acme", rule_id=name, number=1, name=name, conditions=when or {"all": []},
        actions=actions or ({"type": "emit_event", "name": "seen"},), created_at=AT, created_by="a", changed_at=AT,
        changed_by="a", **given,
    )  # fmt: skip


def found(*documents: Document) -> Found:
    """Return documents as a handler finds them."""
    return Found({Key.by_id(type(document), document.id): document for document in documents}, lambda *_: 0)


def with_rules(*rules: Rule) -> list[Document]:
    """Return rules with their list."""
    return [
        Ruleset(id="acme", tenant="acme", version=1, rules=tuple(Listed(r.rule_id, 1, r.id) for r in rules)),
        *rules,
    ]


def said(text: str = "hello", *, ticket: dict[str, Any] | None = None, **more: Any) -> Event[TriggerEvaluate]:
    """Return the trigger of a message that came in."""
    snapshot = {"direction": "inbound", "body": text, "sequence": 1, "ticket": {**TICKET, **(ticket or {})}}
    given: dict[str, Any] = {"snapshot": snapshot, "message_id": "m1", **more}
    return trigger("message_received", **given)


def changed(was: dict[str, Any], changes: dict[str, Any], **more: Any) -> Event[TriggerEvaluate]:
    """Return the trigger of a ticket that was changed."""
    return trigger("ticket_changed", snapshot={**TICKET, **changes, "changes": changes, "was": was}, **more)


def trigger(
    kind: str, *, event_id: str = "e1", at: datetime = AT, depth: int = 0, **data: Any
) -> Event[TriggerEvaluate]:
    """Return a trigger of Ada's ticket."""
    told = TriggerEvaluate(log_id="l1", kind=kind, ticket_id="t1", author_id="ada", account_id="a1", **data)
    return Event(
        topic=topics.RULE_TRIGGERS, issuer="log-service", name="evaluate", data=told, id=event_id, tenant="acme",
        key="acme/ada", occurred_at=at, depth=depth,
    )  # fmt: skip


def holds(when: dict[str, Any], event: Event[TriggerEvaluate], *known: Document) -> bool:
    """Whether a rule with this condition fires."""
    change = Evaluate(Engine()).decide(event, found(*with_rules(a_rule("r", when=when)), *known))
    return any(isinstance(written, Execution) for written in change.writes)


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("time.hour", "eq", 22), ("time.weekday", "eq", "monday"), ("time.date", "eq", "2026-11-23"),
        ("time.hour@Europe/Rome", "eq", 23), ("time.weekday@Asia/Tokyo", "eq", "tuesday"),
        ("time.date@Asia/Tokyo", "eq", "2026-11-24"), ("ticket.created_at", "older_than", "PT2H"),
        ("ticket.custom.vip", "eq", "true"), ("ticket.custom_number.level", "ge", 2),
        ("ticket.custom.level", "eq", "2"), ("ticket.custom_number.other", "ge", 2),
        ("message.hashtags", "has", "late"), ("message.mentions", "has", "acme"),
        ("message.has_link", "is", True), ("message.length", "gt", 10), ("message.first", "is", True),
        ("message.has_attachment", "is", False), ("ticket.window_open", "is", True), ("author.followers", "gt", 1000),
        ("author.country", "eq", "IT"), ("author.handle", "eq", "@Ada"), ("author.name", "starts", "Ada L"),
        ("author.blocked", "is", False), ("message.account", "eq", "a1"), ("actor.kind", "eq", "author"),
        ("author.previous_tickets", "eq", 2), ("message.rating", "set", None),
    ],
)  # fmt: skip
def test_a_condition_sees_what_the_trigger_and_the_person_tell(field: str, op: str, value: Any) -> None:
    """Each field has the value that the event gave it; what nothing tells is unknown."""
    ada = Person(id="ada", tenant="acme", name="Ada Lovelace", handle="@ada", country="IT", followers=5000, tickets=2)
    event = said("Where is it? #late @acme https://acme.example", actor_kind="author", actor_id="ada")

    unknown = field in ("ticket.custom_number.other", "message.rating")
    assert holds({"field": field, "op": op, "value": value}, event, ada) is not unknown


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("ticket.status", "changed_to", "resolved"), ("ticket.status", "changed_from", "open"),
        ("ticket.tags", "changed", None), ("ticket.custom.level", "changed", None),
    ],
)  # fmt: skip
def test_a_change_is_seen_with_what_was_before(field: str, op: str, value: Any) -> None:
    """The field that changed, from what, to what; no other has."""
    changes = {"status": "resolved", "tags": ["x"], "custom_fields": {"level": 3}}
    event = changed({"status": "open", "tags": [], "custom_fields": {}}, changes)

    assert holds({"field": field, "op": op, "value": value}, event)
    assert not holds({"field": "ticket.priority", "op": "changed", "value": None}, event)


def test_the_same_trigger_and_documents_give_the_same_change() -> None:
    """Nothing but the event and what was found decides (G6); who has judged it decides nothing again."""
    rule = a_rule(
        "r", {"type": "reply", "text": "hi"}, {"type": "add_tags", "tags": ["x"]}, {"type": "note", "text": "n"}
    )
    one, two = (Evaluate(Engine()).decide(said(), found(*with_rules(rule))) for _ in range(2))
    assert msgspec.json.encode(one) == msgspec.json.encode(two)

    person = one.writes[-1]
    assert isinstance(person, Person)
    assert Evaluate(Engine()).decide(said(), found(*with_rules(rule), person)).writes == ()


def test_a_closed_window_is_not_answered() -> None:
    """The reply is skipped with its reason, and nothing is asked for."""
    rule = a_rule("r", {"type": "reply", "text": "hi"})
    change = Evaluate(Engine()).decide(said(ticket={"window": AT.timestamp()}), found(*with_rules(rule)))

    execution = change.writes[0]
    assert isinstance(execution, Execution)
    assert [(o.result, "window" in o.detail) for o in execution.outcomes] == [("skipped", True)]
    assert change.events == ()


def test_what_is_too_deep_fires_nothing() -> None:
    """However rules follow from each other, there is an end."""
    rules = with_rules(a_rule("r"))
    assert Evaluate(Engine()).decide(said(depth=DEPTH - 1), found(*rules)).events != ()
    assert Evaluate(Engine()).decide(said(depth=DEPTH), found(*rules)).events == ()


def test_a_tenant_without_rules_costs_one_look() -> None:
    """Its list of rules is all that is read, and nothing is written."""
    evaluate = Evaluate(Engine())
    assert list(evaluate.reads(said())) == [Key.by_id(Ruleset, "acme")]
    assert list(evaluate.follows(said(), found())) == []
    assert evaluate.decide(said(), found()).writes == ()


def test_rules_are_read_again_only_when_they_have_changed() -> None:
    """While the list has its version, what was compiled is used."""
    evaluate = Evaluate(Engine())
    documents = with_rules(a_rule("r"))
    assert list(evaluate.follows(said(), found(*documents))) == [Key.by_id(Person, "ada"), Key.by_id(Rule, "r.1")]
    evaluate.decide(said(), found(*documents))
    assert list(evaluate.follows(said(), found(*documents))) == [Key.by_id(Person, "ada")]
    assert list(evaluate.reads(said())) == [Key.by_id(Ruleset, "acme"), Key.by_id(Person, "ada")]


def test_a_rule_that_vanished_while_it_was_read_is_read_again() -> None:
    """The trigger waits for the next try instead of being judged by half of the rules."""
    documents = with_rules(a_rule("one"), a_rule("two"))
    with pytest.raises(LookupError):
        Evaluate(Engine()).decide(said(), found(*documents[:-1]))


def test_a_rule_that_can_no_longer_be_used_leaves_the_others() -> None:
    """What another release stored does not keep a tenant's rules from working."""
    odd = a_rule("odd", when={"field": "message.smell", "op": "eq", "value": "x"})
    change = Evaluate(Engine()).decide(said(), found(*with_rules(odd, a_rule("good"))))

    assert [written.rule_id for written in change.writes if isinstance(written, Execution)] == ["good"]


def test_facts_about_an_author_are_kept_in_the_order_of_their_versions() -> None:
    """What is told late changes nothing; an erased person is forgotten."""
    evaluate, rules = Evaluate(Engine()), Ruleset(id="acme", tenant="acme", version=1)

    def told(version: int, kind: str = "author_changed", **snapshot: Any) -> Event[TriggerEvaluate]:
        return trigger(kind, version=version, snapshot=snapshot)

    assert evaluate.decide(told(2, name="Ada"), found()).writes == (), "a tenant without rules pays nothing"
    (ada,) = evaluate.decide(told(2, name="Ada", followers=5), found(rules)).writes
    assert isinstance(ada, Person)
    assert (ada.name, ada.followers, ada.author_version) == ("Ada", 5, 2)
    assert evaluate.decide(told(1, name="Eve"), found(rules, ada)).writes == ()
    (blocked,) = evaluate.decide(told(9, "author_blocked"), found(rules, ada)).writes
    assert isinstance(blocked, Person)
    assert (blocked.blocked, blocked.name, blocked.author_version) == (True, "Ada", 2)
    (erased,) = evaluate.decide(told(3, "author_erased", name="", handle=""), found(rules, ada)).writes
    assert isinstance(erased, Person)
    assert (erased.name, erased.followers) == ("", None)


PRIORITIES = ("low", "normal", "high", "urgent")


@given(
    st.lists(
        st.tuples(st.sampled_from(PRIORITIES), st.sampled_from(PRIORITIES), st.booleans()), min_size=1, max_size=6
    ),
    st.sampled_from(PRIORITIES),
)
@settings(max_examples=100, deadline=None)
def test_rules_that_feed_each_other_end(pairs: Sequence[tuple[str, str, bool]], first: str) -> None:
    """Whatever rules make of each other's changes, no rule fires twice in a chain, and the chain ends (G12)."""
    rules = [
        a_rule(f"r{number}", {"type": "set_priority", "priority": to}, mode="first" if is_first else "all",
               when={"field": "ticket.priority", "op": "changed_to", "value": of})
        for number, (of, to, is_first) in enumerate(pairs)
    ]  # fmt: skip
    evaluate, documents = Evaluate(Engine()), with_rules(*rules)
    event = changed({"priority": "none"}, {"priority": first})
    known: list[Document] = []
    fired: list[str] = []
    for _ in range(len(rules) + 1):
        change = evaluate.decide(event, found(*documents, *known))
        fired += [written.rule_id for written in change.writes if isinstance(written, Execution)]
        updates = [asked for asked in change.events if isinstance(asked.data, TicketUpdate)]
        if not updates:
            break
        known = [written for written in change.writes if isinstance(written, Person)]
        (update,) = updates
        assert update.depth == event.depth + 1
        event = changed({"priority": "?"}, dict(update.data.changes), event_id=update.id, depth=update.depth,
                        rules=update.data.rules)  # fmt: skip
    else:
        pytest.fail("it goes on")
    assert len(fired) == len(set(fired))
