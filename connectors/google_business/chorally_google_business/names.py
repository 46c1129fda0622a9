"""Names of channels and streams, and how Google's resource names become ids of ours.

A location is known as ``locations/2``, a review by its own id, and the one reply to a review as ``ID/reply``. The
account above is left out: a location may be listed under several, and moves from one to another.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote

import chorally_sdk as sdk

PLATFORM = "google_business"
REVIEW = "google_review"
POST = "google_post"
REVIEWS = "reviews"
"""The stream of reviews, by when they were last changed."""
REPLIES = "replies"
"""The stream of what changes without renewing a review: its reply, and its removal."""

_REPLY = "/reply"
_LOCATION = re.compile(r"(?:(?P<account>accounts/[^/]+)/)?(?P<location>locations/[^/]+)")
_REVIEW = re.compile(r"(?:(?:accounts/[^/]+/)?(?P<location>locations/[^/]+)/)?(?:reviews/)?(?P<review>[^/]+)")


@dataclass(frozen=True)
class Place:
    """A location within the account that manages it."""

    account: str
    """``accounts/1``"""
    location: str
    """``locations/2``"""

    @property
    def path(self) -> str:
        """As a part of a URL's path."""
        return f"/v4/{quote(self.account)}/{quote(self.location)}"

    @property
    def name(self) -> str:
        """As Google writes it."""
        return f"{self.account}/{self.location}"

    @property
    def batch(self) -> str:
        """The path of a batch of the account's locations."""
        return f"/v4/{quote(self.account)}/locations:batchGetReviews"

    def review(self, external_id: str) -> str:
        """Return the path of a review, by its own id or its reply's.

        Raises:
            Rejected: The id is a path to somewhere else.
        """
        review = review_of(external_id)
        if review in ("", ".", ".."):
            raise sdk.Rejected("this is no id of a review")
        return f"{self.path}/reviews/{quote(review, safe='')}"


def place_of(account: sdk.Account) -> Place:
    """Return where a connected location is.

    Raises:
        Rejected: Nothing says which account manages it.
    """
    named = getattr(account.settings, "location", "") or ""
    above = account.data.get("account")
    if account.external_id and isinstance(above, str) and above:
        return Place(above, account.external_id)
    found = _LOCATION.fullmatch(named)
    if found is None or found["account"] is None or account.external_id not in ("", found["location"]):
        raise sdk.Rejected("it is not known which location this is; connect it by consent, or name it in the settings")
    return Place(found["account"], found["location"])


def location_of(name: object) -> str | None:
    """Return the location that a resource name is about, as ``locations/2``; None where it names none."""
    if not isinstance(name, str):
        return None
    found = _LOCATION.match(name)
    return found["location"] if found else None


def review_in(name: object) -> str | None:
    """Return the id of the review that a resource name is about; None where it names none."""
    found = _REVIEW.fullmatch(name) if isinstance(name, str) else None
    return found["review"] if found else None


def reply_id(review: str) -> str:
    """Return the id of a review's reply: Google gives it none, as there is at most one."""
    return review + _REPLY


def is_reply(external_id: str) -> bool:
    """Whether an id is of a reply."""
    return external_id.endswith(_REPLY)


def review_of(external_id: str) -> str:
    """Return the id of the review, of its own or of its reply's."""
    return external_id.removesuffix(_REPLY)
