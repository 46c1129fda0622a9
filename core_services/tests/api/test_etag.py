"""Entity tags and If-Match."""

import pytest
from chorally_core.api.etag import check_match, etag
from chorally_core.api.problem import Problem


@pytest.mark.parametrize("if_match", [None, '"3"', "*", '"1", "3"', ' "3" '])
def test_a_change_of_the_version_seen_goes_on(if_match: str | None) -> None:
    """Also of any version, or where nothing is said."""
    check_match(if_match, 3)


@pytest.mark.parametrize("if_match", ['"2"', "3", 'W/"3"', "", '"33"', '"*"'])
def test_a_change_of_another_version_is_refused(if_match: str) -> None:
    """Tags are compared strongly, so that a weak one matches nothing."""
    with pytest.raises(Problem) as problem:
        check_match(if_match, 3)
    assert problem.value.status == 412


def test_where_a_version_must_be_named_its_absence_is_told() -> None:
    """428, which says what to send."""
    with pytest.raises(Problem) as problem:
        check_match(None, 3, required=True)
    assert problem.value.status == 428


def test_a_tag_is_the_version_in_quotes() -> None:
    """As RFC 9110 writes it."""
    assert etag(7) == '"7"'
