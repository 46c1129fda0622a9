"""Buttons, lists and links: their form, and their limits."""

from typing import Any

import pytest
from chorally_whatsapp.interactive import interactive

import chorally_sdk as sdk


def rows(count: int, start: int = 0) -> list[dict[str, str]]:
    """So many rows."""
    return [{"id": str(number), "title": f"Row {number}"} for number in range(start, start + count)]


def test_buttons_are_texts_or_have_ids() -> None:
    """A text is its own id."""
    made = interactive("Which?", {"buttons": ["Yes", {"id": "n", "title": "No"}], "footer": "Small"}, None)

    assert made == {
        "type": "button",
        "body": {"text": "Which?"},
        "footer": {"text": "Small"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "Yes", "title": "Yes"}},
                {"type": "reply", "reply": {"id": "n", "title": "No"}},
            ]
        },
    }


def test_a_list_has_sections_of_rows() -> None:
    """Behind one button."""
    told = {"button": "Choose", "sections": [{"rows": [{"title": "One", "description": "The first"}]}]}
    made = interactive("Which?", {"list": told, "header": "Title"}, None)

    assert made["header"] == {"type": "text", "text": "Title"}
    row = {"id": "One", "title": "One", "description": "The first"}
    assert made["action"] == {"button": "Choose", "sections": [{"rows": [row]}]}


def test_a_link_opens_a_page() -> None:
    """Below a file, where there is one."""
    header = {"type": "image", "image": {"id": "7"}}
    made = interactive("Look", {"url": {"text": "Open", "url": "https://example.org"}}, header)

    assert (made["type"], made["header"]) == ("cta_url", header)
    assert made["action"]["parameters"] == {"display_text": "Open", "url": "https://example.org"}


def test_any_other_object_is_passed_on() -> None:
    """With the text as its body."""
    told = {"type": "flow", "action": {"name": "flow"}}

    assert interactive("Fill in", {"interactive": told}, None) == {**told, "body": {"text": "Fill in"}}
    assert interactive("", {"interactive": told}, None) == told


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("Which?", {"buttons": ["1", "2", "3", "4"]}, "at most 3"),
    ("Which?", {"buttons": []}, "not empty"),
    ("Which?", {"buttons": "Yes"}, "is a list"),
    ("Which?", {"buttons": [7]}, "is an object"),
    ("Which?", {"buttons": ["Yes", "Yes"]}, "differ"),
    ("Which?", {"buttons": [{"id": "1", "title": "Yes"}, {"id": "2", "title": "Yes"}]}, "titles of buttons differ"),
    ("Which?", {"buttons": [{"id": "1", "title": "Yes"}, {"id": "1", "title": "No"}]}, "ids of buttons differ"),
    ("Which?", {"buttons": ["a" * 21]}, "at most 20"),
    ("Which?", {"buttons": [{"id": "a" * 257, "title": "b"}]}, "at most 256"),
    ("Which?", {"buttons": [" "]}, "write one"),
    ("Which?", {"buttons": ["Yes"], "header": "a" * 61}, "at most 60"),
    ("Which?", {"buttons": ["Yes"], "footer": "a" * 61}, "at most 60"),
    ("", {"buttons": ["Yes"]}, "below a text"),
    ("a" * 1025, {"buttons": ["Yes"]}, "at most 1024"),
    ("Which?", {"buttons": ["Yes"], "url": {"text": "a", "url": "https://a"}}, "not both"),
    ("Which?", {"list": {"button": "b", "sections": [{"title": f"{n}", "rows": rows(6, n)} for n in (0, 6)]}},
     "at most 10 rows"),
    ("Which?", {"list": {"button": "b", "sections": [{"rows": rows(1)}, {"rows": rows(1, 1)}]}}, "has a title"),
    ("Which?", {"list": {"button": "b", "sections": [{"rows": [*rows(1), *rows(1)]}]}}, "differ"),
    ("Which?", {"list": {"button": "b", "sections": [{"rows": [{"title": "a" * 25}]}]}}, "at most 24"),
    ("Which?", {"list": {"sections": [{"rows": rows(1)}]}}, "button is a text"),
    ("Which?", {"url": {"text": "Open", "url": "example.org"}}, "https://"),
    ("Which?", {"url": {"text": "a" * 21, "url": "https://example.org"}}, "at most 20"),
    ("Which?", {"interactive": {"action": {}}}, "says its type"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "options", "why"), WRONG)
def test_what_whatsapp_would_refuse_is_refused_with_a_reason(body: str, options: dict[str, Any], why: str) -> None:
    """Which says what to do."""
    with pytest.raises(sdk.Rejected, match=why):
        interactive(body, options, None)


def test_a_list_takes_no_file() -> None:
    """Only a title stands above it."""
    told = {"button": "b", "sections": [{"rows": rows(1)}]}

    with pytest.raises(sdk.Rejected, match="takes a title"):
        interactive("Which?", {"list": told}, {"type": "image", "image": {"id": "7"}})
