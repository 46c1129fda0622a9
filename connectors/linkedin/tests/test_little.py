"""Little text: what is reserved shows itself, hashtags and mentions lead somewhere."""

import pytest
from chorally_linkedin.little import escaped, plain, written
from hypothesis import given
from hypothesis import strategies as st

ODD = st.text(st.sampled_from("\\|{}@[]()<>#*_~aé1 \n\uff03\N{CAT FACE WITH TEARS OF JOY}"), max_size=40)


@given(st.text(max_size=60) | ODD)
def test_people_see_what_was_written(text: str) -> None:
    """Whatever it is, with its hashtags."""
    assert plain(written(text)) == text
    assert plain(escaped(text)) == text


@given(ODD)
def test_mentions_change_nothing_of_what_people_see(text: str) -> None:
    """They are shown with the @ that they are written with."""
    assert plain(written(text, {"a": "urn:li:organization:1", "aé": "urn:li:organization:2"})) == text


@given(st.text(max_size=60) | ODD)
def test_whatever_comes_is_read(little: str) -> None:
    """What LinkedIn writes of others' posts need not be well formed."""
    assert len(plain(little)) <= len(little)


@pytest.mark.parametrize(
    ("text", "little"),
    [
        ("5 < 6 (really) *not* a_b ~ [x] {y} a|b c\\d", r"5 \< 6 \(really\) \*not\* a\_b \~ \[x\] \{y\} a\|b c\\d"),
        ("We love #Ümläute!", r"We love {hashtag|\#|Ümläute}!"),
        ("Take #1, C# and foo#bar", r"Take \#1, C\# and foo\#bar"),
        ("#snake_case", r"\#snake\_case"),
        ("ada@example.com", r"ada\@example.com"),
    ],
)
def test_what_is_reserved_is_escaped(text: str, little: str) -> None:
    """And a # is a hashtag only where a word of letters follows it."""
    assert written(text) == little


def test_a_mention_is_made_of_a_name_that_is_known() -> None:
    """The longest one first, and as a whole word."""
    names = {"Acme": "urn:li:organization:1", "Acme (Italy)": "urn:li:organization:2"}

    assert written("@Acme (Italy) and @Acme, not @Acmes", names) == (
        r"@[Acme \(Italy\)](urn:li:organization:2) and @[Acme](urn:li:organization:1), not \@Acmes"
    )


def test_a_name_within_an_address_is_no_mention() -> None:
    """Whoever writes how to be reached mentions nobody."""
    assert written("info@Acme.com", {"Acme": "urn:li:organization:1"}) == "info\\@Acme.com"
