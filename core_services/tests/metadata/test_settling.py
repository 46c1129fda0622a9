"""Tags and fields are settled as the tenant has declared them, whatever is written."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from chorally_core.ports.custom_fields import CustomField, FieldSet, InvalidValue, Option
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.refused import Refused
from chorally_core.ports.tags import Tag, TagSet, UnknownTag, label
from chorally_core.services.metadata import tags as commands
from hypothesis import given
from hypothesis import strategies as st

AT = datetime(2026, 11, 23, tzinfo=UTC)
WHO: dict[str, Any] = {"created_at": AT, "created_by": "a", "changed_at": AT, "changed_by": "a"}
_names = st.sampled_from(("a", "B", "b", "ß", "ss", "x y", "X  Y"))
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
_types = st.sampled_from(("text", "number", "boolean", "date", "select", "multi_select", "url"))


def a_field(of_type: Any, **more: Any) -> CustomField:
    """Return a field with two options."""
    given: dict[str, Any] = {"options": (Option("a"), Option("b", archived=True)), **more}
    return CustomField(id="f", key="f", of="ticket", type=of_type, title="F", **given, **WHO)


@given(of_type=_types, value=_json)
def test_a_value_is_stored_as_its_type_or_refused_and_settling_again_changes_nothing(of_type: Any, value: Any) -> None:
    """Any JSON value: what is refused says why with the field's key; what is stored can be stored again."""
    fields = FieldSet(id="acme", tenant="acme", fields=(a_field(of_type),))
    refused: InvalidValue | None = None
    stored: dict[str, Any] = {}
    try:
        stored = fields.settled("ticket", {"f": value}, {})
    except InvalidValue as error:
        refused = error
    if refused is not None:
        assert (refused.field, bool(refused.why)) == ("f", True)
        return
    assert fields.settled("ticket", stored, {}) == stored
    assert msgspec.json.decode(msgspec.json.encode(stored)) == stored
    kinds = {"text": str, "url": str, "date": str, "select": str, "multi_select": list, "boolean": bool}
    assert value is None or isinstance(stored["f"], kinds.get(of_type, (int, float)))


@pytest.mark.parametrize("of_type", ["select", "multi_select"])
def test_what_was_chosen_stays_good_after_its_option_is_archived(of_type: Any) -> None:
    """It cannot be chosen anew."""
    fields = FieldSet(id="acme", tenant="acme", fields=(a_field(of_type),))
    value = "b" if of_type == "select" else ["b"]
    assert fields.settled("ticket", {"f": value}, {"f": value}) == {"f": value}
    with pytest.raises(InvalidValue, match="must be one of a"):
        fields.settled("ticket", {"f": value}, {})


def test_a_default_is_given_once_and_may_be_emptied() -> None:
    """What was emptied stays empty."""
    fields = FieldSet(id="acme", tenant="acme", fields=(a_field("text", default="x"),))
    assert fields.settled("ticket", {}, {}) == {"f": "x"}
    assert fields.settled("ticket", {"other": 1}, {"f": None}) == {"other": 1}
    assert fields.settled("author", {}, {}) == {}


@given(
    acts=st.lists(st.tuples(st.sampled_from(("add", "rename", "merge")), _names, _names), max_size=12),
    wanted=st.lists(_names, max_size=4),
)
def test_a_name_means_one_tag_and_every_former_name_leads_to_one(acts: Any, wanted: list[str]) -> None:
    """Any sequence of additions, renamings and merges; what is settled is settled, and no name is lost."""
    tags = TagSet(id="acme", tenant="acme")
    used: set[str] = set()
    for number, (what, one, other) in enumerate(acts):
        found = Found({(TagSet, "id", "acme"): tags}, lambda of, tenant: 0)
        tag, into = tags.called(one), tags.called(other)
        change: Change | None = None
        try:
            if what == "add":
                new = Tag(id=f"t{number}", name=one, **WHO)
                change = commands.add(found, "acme", new, actor=("agent", "a"), cause=str(number))
                used.add(one)
            elif what == "rename" and tag is not None:
                new = commands.revised(tag, {"name": other}, "a", AT)
                if new is not tag:
                    change = commands.change(found, "acme", new, actor=("agent", "a"), cause=str(number))
                    used.add(other)
            elif what == "merge" and tag is not None and into is not None:
                change = commands.merge(
                    found, "acme", tag.id, into.id, actor=("agent", "a"), at=AT, cause=str(number)
                )  # fmt: skip
        except Refused:
            continue
        if change is not None and change.writes:
            written = change.writes[-1]
            assert isinstance(written, TagSet)
            tags = written
        assert len({label(each.name) for each in tags.tags}) == len(tags.tags)
        assert all(tags.called(name) is not None for name in used)
    settled = tags.settled(wanted)
    assert tags.settled(settled) == settled
    closed = msgspec.structs.replace(tags, free=False)
    for name in wanted:
        if tags.called(name) is None:
            with pytest.raises(UnknownTag, match="there is no tag"):
                closed.settled([name])


@pytest.mark.parametrize("empty", [None, []])
def test_a_required_selection_is_not_emptied_by_choosing_nothing(empty: Any) -> None:
    """And one with nothing chosen is missing when the ticket is resolved."""
    fields = FieldSet(id="acme", tenant="acme", fields=(a_field("multi_select", required=True),))
    with pytest.raises(InvalidValue):
        fields.settled("ticket", {"f": empty}, {"f": ["a"]})
    with pytest.raises(InvalidValue):
        fields.settled("ticket", {}, {"f": empty}, complete=True)
