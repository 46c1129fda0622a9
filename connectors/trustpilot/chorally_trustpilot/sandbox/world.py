"""What exists in the sandbox: one business unit, its reviews, and who wrote them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

UNIT = "5a0000000000000000000001"
DOMAIN = "bakery.example"
NAME = "Sandbox Bakery"
USER = "5b0000000000000000000001"
Value = dict[str, Any]


class World:
    """Reviews by id, in the order in which they were written."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.reviews: dict[str, Value] = {}
        self.people: dict[str, str] = {}
        self._made = 0

    def write(self, text: str, *, author: str | None, stars: int, at: datetime | None, **more: Any) -> Value:
        """Let a person write a review, and return it."""
        self._made += 1
        review: Value = {
            "links": [],
            "id": f"62{self._made:022x}",
            "consumer": self._consumer(author) if author else None,
            "businessUnit": {"id": UNIT, "identifyingName": DOMAIN, "displayName": NAME, "links": []},
            "stars": stars,
            "title": text[:40],
            "text": text,
            "language": "en",
            "createdAt": written(at or self._now()),
            "updatedAt": None,
            "companyReply": None,
            "isVerified": True,
            "status": "active",
            "reportData": None,
            "complianceLabels": [],
            "numberOfLikes": 0,
            "tags": [],
            "referenceId": None,
            **more,
        }
        self.reviews[review["id"]] = review
        return review

    def edit(self, review_id: str, text: str) -> Value:
        """Let the person change the text.

        Raises:
            KeyError: There is no such review.
        """
        review = self.reviews[review_id]
        review |= {"text": text, "title": text[:40], "updatedAt": written(self._now())}
        return review

    def reply(self, review_id: str, text: str) -> None:
        """Put a reply under a review, in the place of the one before.

        Raises:
            KeyError: There is no such review.
        """
        review, at = self.reviews[review_id], written(self._now())
        before = review["companyReply"]
        created = before["createdAt"] if before else at
        review["companyReply"] = {"text": text, "createdAt": created, "updatedAt": at if before else None}

    def listed(self) -> list[Value]:
        """Return the reviews by their time."""
        return sorted(self.reviews.values(), key=lambda review: (review["createdAt"], review["id"]))

    def _consumer(self, name: str) -> Value:
        known = self.people.setdefault(name, f"5c{len(self.people) + 1:022x}")
        return {"id": known, "displayName": name, "displayLocation": "Aarhus, DK", "numberOfReviews": 3, "links": []}


def written(at: datetime) -> str:
    """Return a time as Trustpilot writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
