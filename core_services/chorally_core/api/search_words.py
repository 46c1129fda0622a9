"""What people ask for in words, for every route that takes them, and what they are told where that cannot be done."""

from chorally_core.api.problem import Problem
from chorally_core.ports.words import InvalidWords, Wanted, read_words


def words(text: str, *, last_may_go_on: bool = False) -> Wanted:
    """Return what somebody asks for.

    Raises:
        Problem: 422; it cannot be read.
    """
    try:
        return read_words(text, last_may_go_on=last_may_go_on)
    except InvalidWords as error:
        mistake = [{"field": "/query/text", "message": str(error)}]
        raise Problem(422, f"the text cannot be read: {error}", code="invalid-text", errors=mistake) from None


def unavailable() -> Problem:
    """Return what a caller is told while the index cannot be reached."""
    detail = "the search index cannot be reached at the moment; everything else goes on, try again soon"
    return Problem(503, detail, code="search-unavailable", headers={"Retry-After": "10"})
