"""What is shown of a text that was found."""

from chorally_core.ports.words import read_words, said, words_of
from chorally_core.services.search.excerpts import MOST, WIDTH, excerpts
from hypothesis import given
from hypothesis import strategies as st


def marked(text: str, words: str, language: str = "") -> list[str]:
    """Return the marked parts."""
    found = excerpts(text, read_words(words), language)
    return [part.text[begin:end] for part in found for begin, end in part.marks]


def test_the_words_are_marked_as_they_were_written() -> None:
    """Whatever their case, accents and form; elisions are no part of a word."""
    assert marked("Dov'è l’ORDINE? Gli ordini, perché", "ordine perche", "it") == ["ORDINE", "ordini", "perché"]
    assert marked("Two orders", "order", "en") == ["orders"]
    assert marked("Two orders", "order") == []
    assert marked("Straße, STRASSE", "strasse") == ["Straße", "STRASSE"]


def test_phrases_and_beginnings_are_marked_as_a_whole() -> None:
    """And words that are left out are not."""
    assert marked("a late parcel, and late", '"late parcel"') == ["late parcel"]
    assert marked("delivery delivered", "deliv* -delivered") == ["delivery", "delivered"]
    assert marked("a late parcels", '"late parc"*') == ["late parcels"]


def test_of_a_long_text_the_parts_around_the_words_are_shown() -> None:
    """A few of them, none cut within a word that is marked."""
    text = " ".join(["nothing here"] * 60 + ["parcel"] + ["nothing there"] * 60 + ["parcel"] + ["end"] * 99)
    found = excerpts(text, read_words("parcel"), "")
    assert len(found) == 2
    assert all("parcel" in part.text and len(part.text) <= WIDTH + 40 for part in found)
    assert len(excerpts("parcel " + "x " * 300 + ("parcel " + "x " * 300) * 9, read_words("parcel"), "")) == MOST


_TEXTS = st.text(st.sampled_from("ab àé'’ß\u0301 .-\n😀"), max_size=400)


@given(_TEXTS, st.sampled_from(["a", "b OR a", '"a b"', "ab*", "àé", "ss"]))
def test_marks_are_always_words_of_the_text_in_order(text: str, words: str) -> None:
    """By property."""
    begins = {word.begin for word in words_of(text)}
    place = 0
    for part in excerpts(text, read_words(words), "it"):
        place = text.index(part.text, place)
        last = 0
        for begin, end in part.marks:
            assert last <= begin < end <= len(part.text)
            assert place + begin in begins or text.count(part.text) > 1
            last = end


@given(st.text(max_size=60) | _TEXTS)
def test_words_are_the_same_however_they_are_read(text: str) -> None:
    """With their places, or without: by property."""
    assert said(text) == [word for word, _, _ in words_of(text)]
