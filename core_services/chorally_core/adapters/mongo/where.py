"""Where the documents are: the URL that an operator sets."""

from typing import NamedTuple
from urllib.parse import urlsplit

from pymongo import uri_parser
from pymongo.errors import PyMongoError

_DATABASE = "chorally"


class InvalidUrl(ValueError):
    """The URL cannot be used; the message says why, and shows nothing of it that may be secret."""


class Place(NamedTuple):
    """A URL as the driver takes it, and the database in it."""

    url: str
    database: str

    def __repr__(self) -> str:
        return f"Place(database={self.database!r})"


def place_of(url: str) -> Place:
    """Return the place that a ``mongodb://`` or ``mongodb+srv://`` URL names; the database is ``chorally`` by default.

    Raises:
        InvalidUrl: It is not such a URL, or the driver refuses one of its options.
    """
    scheme = urlsplit(url).scheme
    if scheme not in ("mongodb", "mongodb+srv"):
        raise InvalidUrl("the documents' URL must begin with mongodb:// or mongodb+srv://")
    if scheme == "mongodb+srv":
        return Place(url, urlsplit(url).path.strip("/") or _DATABASE)
    try:
        parsed = uri_parser.parse_uri(url, validate=True, warn=False)
    except (PyMongoError, ValueError) as error:
        raise InvalidUrl(f"the documents' URL cannot be used: {type(error).__name__}") from None
    return Place(url, parsed["database"] or _DATABASE)
