"""Conditions that cannot be used are refused, with the place and with what would do."""

from typing import Any

import pytest
from chorally_core.services.rule_engine.conditions import Conditions
from chorally_core.services.rule_engine.facts import facts_of
from chorally_core.services.rule_engine.fields import Catalogue, Field, Type
from chorally_core.services.rule_engine.judging import BadConditions, prepared
from pydantic import ValidationError

CATALOGUE = Catalogue(
    [
        Field("message.text", Type.TEXT, "Text"),
        Field("message.rating", Type.NUMBER, "Rating"),
        Field("message.edited", Type.BOOLEAN, "Edited"),
        Field("ticket.status", Type.KEYWORD, "Status", values=("open", "waiting", "resolved")),
        Field("ticket.created", Type.TIME, "Created"),
    ]
)


def refused(conditions: Any) -> dict[str, str]:
    """What is wrong with them, by the place."""
    with pytest.raises(BadConditions) as caught:
        prepared(Conditions.model_validate({"root": conditions}).root, CATALOGUE)
    return caught.value.faults


def test_every_wrong_place_is_named_at_once() -> None:
    """With the field that was meant, the operators that fit, and the values there are."""
    faults = refused(
        {
            "all": [
                {"field": "mesage.text", "op": "contains", "value": "x"},
                {"field": "message.rating", "op": "contains", "value": "x"},
                {"any": [{"field": "ticket.status", "op": "eq", "value": "closed"}]},
            ]
        }
    )

    assert list(faults) == ["all.0.field", "all.1.op", "all.2.any.0.value"]
    assert "did you mean 'message.text'" in faults["all.0.field"]
    assert "it takes eq, ne, in" in faults["all.1.op"]
    assert "one of open, waiting, resolved" in faults["all.2.any.0.value"]


@pytest.mark.parametrize(
    ("field", "op", "value", "says"),
    [
        ("message.text", "regex", "(", "missing )"),
        ("message.text", "regex", r"(a)\1", "cannot be used"),
        ("message.text", "contains", "", "1 to 2000 characters"),
        ("message.text", "contains", 5, "not with 5"),
        ("message.text", "words", ["two words"], "'contains' finds phrases"),
        ("message.text", "contains_any", [], "1 to 1000 values"),
        ("message.text", "empty", "x", "takes no value"),
        ("message.rating", "gt", True, "numbers"),
        ("message.rating", "gt", float("nan"), "numbers"),
        ("message.rating", "between", [3, 1], "the lower number first"),
        ("message.rating", "between", [3], "two numbers"),
        ("message.edited", "is", "yes", "true or false"),
        ("ticket.created", "within_last", "soon", "PT2H"),
        ("ticket.created", "within_last", -5, "not negative"),
        ("ticket.created", "before", "2026-11-23T09:00:00", "time zone"),
        ("ticket.created", "before", "noon", "is no time"),
    ],
)
def test_a_value_that_does_not_fit_says_what_does(field: str, op: str, value: Any, says: str) -> None:
    """For every kind of operand."""
    (what,) = refused({"field": field, "op": op, "value": value}).values()
    assert says in what


def test_groups_are_bounded_in_depth_and_number() -> None:
    """Nobody's rule can exhaust the engine."""
    nested: Any = {"field": "message.text", "op": "empty"}
    for _ in range(9):
        nested = {"all": [nested]}
    with pytest.raises(ValidationError, match="more than 8 levels"):
        Conditions.model_validate({"root": nested})
    many = {"all": [{"any": [{"field": "message.text", "op": "empty"}] * 150}] * 2}
    with pytest.raises(ValidationError, match="at most 200 tests"):
        Conditions.model_validate({"root": many})


def test_a_misspelt_key_is_refused() -> None:
    """Nothing is passed over in silence."""
    with pytest.raises(ValidationError, match="operator"):
        Conditions.model_validate({"root": {"field": "message.text", "operator": "empty", "op": "empty"}})
    with pytest.raises(ValidationError, match="Extra inputs"):
        Conditions.model_validate({"root": {"all": [], "any": []}})


def test_an_explanation_shows_every_test_with_its_value() -> None:
    """Also of those that no longer mattered."""
    tree = prepared(
        Conditions.model_validate(
            {
                "root": {
                    "all": [
                        {"field": "message.rating", "op": "lt", "value": 3},
                        {"none": [{"field": "message.text", "op": "contains", "value": "Thanks"}]},
                    ]
                }
            }
        ).root,
        CATALOGUE,
    )

    told = tree.explained(facts_of(CATALOGUE.missing)({"message.rating": 5, "message.text": "thanks a lot"}))

    assert not told.holds
    assert [(part.holds, part.value) for part in told.parts] == [(False, 5), (False, None)]
    assert [(part.holds, part.value) for part in told.parts[1].parts] == [(True, "thanks a lot")]
