"""The matcher finds what judging rule by rule finds, and no user's text becomes code."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from chorally_core.services.rule_engine.compiling import compiled
from chorally_core.services.rule_engine.conditions import Conditions, Node
from chorally_core.services.rule_engine.facts import CHANGED, NOW, WAS, Facts, facts_of, fold
from chorally_core.services.rule_engine.fields import Catalogue, Field, Type
from chorally_core.services.rule_engine.judging import Tree, prepared
from chorally_core.services.rule_engine.operators import OPERATORS
from hypothesis import given, settings
from hypothesis import strategies as st

KEYS = ("red", "green", 'it\'s "quoted"', "{e}", "\\n", "\ud7ff")
WORDS = ("refund", "late", "straße", "ça", "İstanbul", "__import__")
NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, -1.5, 2.0]))
CATALOGUE = Catalogue(
    [
        *(Field(name, Type.KEYWORD, name) for name in ("colour", "account", "status")),
        *(Field(name, Type.TEXT, name) for name in ("text", "subject")),
        *(Field(name, Type.NUMBER, name) for name in ("followers", "rating")),
        Field("edited", Type.BOOLEAN, "edited"),
        Field("tags", Type.SET, "tags"),
        Field("seen", Type.TIME, "seen"),
    ]
)
KNOWN = facts_of(CATALOGUE.missing)
INSTANTS = st.sampled_from(["1970-01-01T00:00:10Z", "1970-01-01T00:00:20Z", "1970-01-01T01:00:15+01:00"])
VALUES: Mapping[Type, st.SearchStrategy[Any]] = {
    Type.KEYWORD: st.sampled_from(KEYS),
    Type.TEXT: st.sampled_from(WORDS),
    Type.NUMBER: NUMBERS,
    Type.BOOLEAN: st.booleans(),
    Type.SET: st.sampled_from(KEYS),
    Type.TIME: INSTANTS,
}


@st.composite
def a_test(draw: st.DrawFn) -> dict[str, Any]:
    """Any operator on any field that it fits, with a value that fits both."""
    field = draw(st.sampled_from(list(CATALOGUE)))
    operator = draw(st.sampled_from([each for each in OPERATORS.values() if field.type in each.types]))
    value: Any = None
    match operator.operand.value:
        case "one":
            value = draw(VALUES[field.type])
        case "many":
            value = draw(st.lists(VALUES[field.type], min_size=1, max_size=3))
        case "range":
            value = sorted(draw(st.tuples(NUMBERS, NUMBERS)))
        case "duration":
            value = draw(st.sampled_from([0, 5, "PT10S", "PT1H"]))
        case "pattern":
            value = draw(st.sampled_from(["^r", "(?:a|b)+", r"\bLATE\b", "e$"]))
    return {"field": field.name, "op": operator.name, "value": value}


def grouped(parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Groups of what there is."""
    return st.builds(lambda how, of: {how: of}, st.sampled_from(["all", "any", "none"]), st.lists(parts, max_size=3))


conditions = st.recursive(a_test(), grouped, max_leaves=6)
facts = st.fixed_dictionaries(
    {NOW: st.just(20.0)},
    optional={
        "colour": st.sampled_from(KEYS), "account": st.sampled_from(KEYS), "status": st.sampled_from(KEYS),
        "text": st.lists(st.sampled_from(WORDS), max_size=4).map(lambda words: fold(" ".join(words))),
        "subject": st.sampled_from(WORDS).map(fold), "followers": NUMBERS, "rating": NUMBERS, "edited": st.booleans(),
        "tags": st.frozensets(st.sampled_from(KEYS), max_size=3),
        "seen": st.sampled_from([0.0, 10.0, 15.0, 20.0, 25.0]),
        CHANGED: st.frozensets(st.sampled_from([field.name for field in CATALOGUE]), max_size=4),
        "status" + WAS: st.sampled_from(KEYS), "rating" + WAS: NUMBERS,
    },
)  # fmt: skip


def trees(rules: Sequence[Any]) -> list[Tree]:
    """Rules ready to be judged."""
    return [prepared(node(rule), CATALOGUE) for rule in rules]


def node(rule: Any) -> Node:
    """Conditions as the API takes them."""
    return Conditions.model_validate({"root": rule}).root


def found(rules: Sequence[Any], known: Mapping[str, Any]) -> list[int]:
    """What the matcher finds."""
    return sorted(compiled(trees(rules))(KNOWN(known)))


@settings(max_examples=300, deadline=None)
@given(rules=st.lists(conditions, max_size=40), known=st.lists(facts, min_size=1, max_size=10))
def test_it_finds_what_judging_finds(rules: list[Any], known: list[dict[str, Any]]) -> None:
    """Whatever the rules and the facts are."""
    judged = trees(rules)
    matcher = compiled(judged)

    for one in known:
        expected = [place for place, tree in enumerate(judged) if tree.holds(KNOWN(one))]
        assert sorted(matcher(KNOWN(one))) == expected


@settings(max_examples=100, deadline=None)
@given(
    bounds=st.lists(st.tuples(st.sampled_from(["gt", "ge", "lt", "le"]), NUMBERS), min_size=8, max_size=40),
    value=NUMBERS,
)
def test_many_bounds_are_searched(bounds: list[tuple[str, float]], value: float) -> None:
    """Rules that differ in a bound only, with a value on a bound, between them, beyond all, and unknown."""
    rules = [{"field": "followers", "op": op, "value": bound} for op, bound in bounds]
    judged = trees(rules)

    assert found(rules, {"followers": value}) == [
        place for place, tree in enumerate(judged) if tree.holds(KNOWN({"followers": value}))
    ]
    assert found(rules, {}) == []


def test_what_is_unknown_fits_nothing_positive() -> None:
    """A missing number is neither more nor less than any."""
    rules = [{"field": "rating", "op": op, "value": 0} for op in ("gt", "ge", "lt", "le", "eq", "ne")]

    assert found(rules, {}) == [5]
    assert found([{"field": "rating", "op": "set"}, {"none": [{"field": "rating", "op": "set"}]}], {}) == [1]
    assert found(rules, {"rating": math.nan}) == [5]


def test_texts_are_compared_without_regard_to_case_and_form() -> None:
    """Also where a language folds letters unlike English."""
    rules = [{"field": "text", "op": op, "value": value} for op, value in (("contains", "STRASSE"), ("words", ["ÇA"]))]

    assert found(rules, {"text": fold("Nella Straße")}) == [0]
    assert found(rules, {"text": fold("c\u0327a va?")}) == [1]


@pytest.mark.parametrize("word", ["हिन्दी", "İstanbul", "l'amico", "שָׁלוֹם"])
def test_marks_of_a_letter_belong_to_its_word(word: str) -> None:
    """In scripts that write vowels beside letters, too."""
    assert found([{"field": "text", "op": "words", "value": [word]}], {"text": fold(f"({word}!) {word}s")}) == [0]
    assert found([{"field": "text", "op": "words", "value": [word]}], {"text": fold(f"{word}s")}) == []


def test_a_rule_that_is_filed_in_several_places_is_found_once() -> None:
    """A message with both tags, and both alternatives of a choice."""
    either = [{"field": "colour", "op": "eq", "value": "red"}, {"field": "account", "op": "eq", "value": "green"}]
    rules = [{"field": "tags", "op": "has_any", "value": ["red", "green"]}, {"any": either}] * 8

    known = KNOWN({"tags": frozenset(["red", "green"]), "colour": "red", "account": "green"})

    assert sorted(compiled(trees(rules))(known)) == list(range(16))


@pytest.mark.parametrize("text", ["' + __import__('os').abort() + '", '"""', "\\", "{0}", "\n  o.append(9)", "\u2028"])
def test_nobodys_text_becomes_code(text: str) -> None:
    """Whatever stands in a value is compared, and nothing else."""
    rules = [
        {"field": "colour", "op": op, "value": value} for op, value in (("eq", text), ("in", [text]), ("starts", text))
    ]

    assert found(rules, {"colour": text}) == [0, 1, 2]
    assert found(rules, {"colour": "red"}) == []


def test_a_pattern_that_would_hang_others_takes_no_time() -> None:
    """It is matched in time proportional to the text."""
    assert found([{"field": "text", "op": "regex", "value": "(a+)+$"}], {"text": "a" * 20_000 + "!"}) == []


def test_what_is_costly_is_computed_once_and_only_when_asked_for() -> None:
    """A field made of others is not made for rules that do not look at it."""
    made: list[str] = []

    def busy(known: Facts) -> float:
        made.append("busy")
        return float(known["followers"]) * 2

    lazily = facts_of(CATALOGUE.missing, {"rating": busy})
    cheap = compiled(trees([{"field": "colour", "op": "eq", "value": "red"}]))
    costly = compiled(trees([{"field": "rating", "op": "gt", "value": bound} for bound in (1, 2)]))
    known = lazily({"colour": "red", "followers": 2})

    assert cheap(known) == [0]
    assert made == []
    assert sorted(costly(known)) == [0, 1]
    assert made == ["busy"]
