"""Answers to platforms whose messages are a text or a file, and never both."""

import pytest
from chorally_core.events.records import Attached
from chorally_core.services.io.parts import Piece, pieces

import chorally_sdk as sdk

APART = sdk.Limits(max_text=10, max_media=1, captions=False, parts=9)
FILES = tuple(Attached(kind="image", external_id=str(number)) for number in range(2))


def shown(found: list[Piece]) -> list[tuple[str, int]]:
    """The text of each call, and how many files it carries."""
    return [(piece.body, len(piece.attachments)) for piece in found]


@pytest.mark.parametrize(
    ("body", "files", "calls"),
    [
        ("Hello", FILES, [("Hello", 0), ("", 1), ("", 1)]),
        ("Hello you there", FILES[:1], [("Hello you", 0), ("there", 0), ("", 1)]),
        ("", FILES, [("", 1), ("", 1)]),
        ("Hello", (), [("Hello", 0)]),
    ],
)
def test_a_text_goes_before_its_files(body: str, files: tuple[Attached, ...], calls: list[tuple[str, int]]) -> None:
    """Each call carries one or the other, in the order in which people read them."""
    assert shown(pieces(body, files, APART, len)) == calls


def test_where_they_go_together_they_do() -> None:
    """As on most platforms."""
    together = APART.model_copy(update={"captions": True})
    assert shown(pieces("Hello", FILES, together, len)) == [("Hello", 1), ("", 1)]


def test_without_parts_it_takes_more_than_the_platform_does() -> None:
    """So it is refused before the platform is asked, as by any other limit."""
    assert len(pieces("Hello", FILES[:1], APART.model_copy(update={"parts": 1}), len)) == 2
