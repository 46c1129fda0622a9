"""What of a text is a link, a mention or a tag, and at which bytes it is."""

import pytest
from chorally_bluesky.facets import facets, found_in
from hypothesis import given
from hypothesis import strategies as st

CAT = "\N{CAT FACE WITH TEARS OF JOY}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://example.com", ["https://example.com"]),
        ("see (https://example.com/a_(b)), ok", ["https://example.com/a_(b)"]),
        ("see https://example.com/?a=b&c=d#e.", ["https://example.com/?a=b&c=d#e"]),
        ("xhttps://example.com", []),
        ("@ada.bsky.social!", ["@ada.bsky.social"]),
        ("mail ada@example.com", []),
        ("@ada", []),
        (f"{CAT}@ada.test {CAT} @ada.test", ["@ada.test"]),
        ("#one #due, #3 #4ever #", ["#one", "#due", "#4ever"]),
        ("a#b https://example.com/#c", ["https://example.com/#c"]),
        ("#" + "x" * 65, []),
        ("HTTPS://EXAMPLE.COM", ["HTTPS://EXAMPLE.COM"]),
        ("it begins with https://, or http:///", []),
        ("https://example.com\ufeff ok", ["https://example.com"]),
        ("@ada.bsky.social_x or @ada.bsky.social- or @ada.bsky.social@x", []),
        ("(@ada.bsky.social), @bob.test's\r\n@eve.test.", ["@ada.bsky.social", "@bob.test", "@eve.test"]),
    ],
)
def test_parts_are_found_where_people_see_them(text: str, found: list[str]) -> None:
    """Without the punctuation around them."""
    assert [text[each.start : each.end] for each in found_in(text)] == found


def test_places_are_counted_in_bytes() -> None:
    """An emoji before takes four."""
    [mention, link] = facets(f"{CAT} @ada.test è https://example.com", {"ada.test": "did:plc:ada"})

    assert mention["index"] == {"byteStart": 5, "byteEnd": 14}
    assert mention["features"] == [{"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:ada"}]
    assert link["index"] == {"byteStart": 18, "byteEnd": 37}


def test_a_handle_of_nobody_stays_text() -> None:
    """There is no DID to lead to."""
    assert facets("@nobody.test", {}) == []


@given(st.text(alphabet=st.sampled_from("@#a.: /htps(é) \N{CAT FACE WITH TEARS OF JOY}"), max_size=60) | st.text())
def test_whatever_is_written_its_facets_are_whole_letters_in_order(text: str) -> None:
    """Each cuts out of the bytes what it stands for, none overlaps another, and none is empty."""
    made = facets(text, dict.fromkeys((each.value for each in found_in(text)), "did:plc:x"))
    raw, end = text.encode("utf-8", "surrogatepass"), 0
    for facet in made:
        start, stop = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        assert end <= start < stop <= len(raw)
        raw[start:stop].decode("utf-8", "surrogatepass")
        end = stop
