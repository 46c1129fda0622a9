"""Texts are as long as the platform says that they are."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk import text as measuring
from chorally_sdk.connector.parity import mismatches
from tests.sdk.test_parity import a_connector

FAMILY = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
COMBINED = "e\N{COMBINING ACUTE ACCENT}"
FLAG = "\N{REGIONAL INDICATOR SYMBOL LETTER I}\N{REGIONAL INDICATOR SYMBOL LETTER T}"


@pytest.mark.parametrize(
    ("text", "code_points", "graphemes", "utf16", "size"),
    [
        ("", 0, 0, 0, 0),
        ("hello", 5, 5, 5, 5),
        ("caffè", 5, 5, 5, 6),
        (COMBINED, 2, 1, 2, 3),
        ("\N{PARROT}", 1, 1, 2, 4),
        ("\N{WAVING HAND SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-5}", 2, 1, 4, 8),
        (FAMILY, 5, 1, 8, 18),
        (FLAG * 2, 4, 2, 8, 16),
        ("\u1100\u1161\u11a8", 3, 1, 3, 9),
        ("நி", 2, 1, 2, 6),
        ("a\r\nb", 4, 3, 4, 4),
        ("\ud800", 1, 1, 1, 3),
    ],
)
def test_a_text_is_counted_in_each_unit(text: str, code_points: int, graphemes: int, utf16: int, size: int) -> None:
    """What people see as one character is one grapheme, whatever it is made of."""
    counted = {unit: sdk.length(text, unit) for unit in ("code_points", "graphemes", "utf16", "bytes")}
    assert counted == {"code_points": code_points, "graphemes": graphemes, "utf16": utf16, "bytes": size}


def test_a_platform_may_measure_for_itself() -> None:
    """By its own rule."""
    assert sdk.length("see https://parrot.example", "own", lambda text: 7) == 7


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_the_units_are_in_their_order(text: str) -> None:
    """No text is too odd, and none has more graphemes than code points, nor more of those than bytes."""
    lengths = [sdk.length(text, unit) for unit in ("graphemes", "code_points", "utf16", "bytes")]
    assert lengths == sorted(lengths)


def test_without_what_counts_graphemes_the_connector_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is discovered, and with what to install."""
    graphemes: Any = {"reply": sdk.Limits(max_text=300, unit="graphemes")}
    connector = a_connector(sdk.Replies, actions=graphemes)
    assert mismatches(connector) == ()
    monkeypatch.setitem(sys.modules, "regex", None)
    measuring._grapheme.cache_clear()
    try:
        (told,) = mismatches(connector)
        assert "pip install chorally-sdk[graphemes]" in told
        with pytest.raises(sdk.Unsupported, match=r"chorally-sdk\[graphemes\]"):
            sdk.length("è", "graphemes")
    finally:
        measuring._grapheme.cache_clear()
