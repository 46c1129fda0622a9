"""What there is: accounts, their locations, reviews, replies, and where notifications go."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

STARS = ("ONE", "TWO", "THREE", "FOUR", "FIVE")
OWN, GROUP = "accounts/101", "accounts/102"
PLACES: dict[str, dict[str, str]] = {
    GROUP: {"2001": "Via Roma 1", "2002": "Via Garibaldi 12", "2003": "Corso Dante 5"},
    OWN: {"2004": "Piazza Vittorio 9", "2001": "Via Roma 1"},
}
"""The street of each location by account; one is listed under both."""
LOCATION = "locations/2001"


@dataclass(frozen=True)
class Written:
    """A review, in the order in which reviews changed."""

    id: str
    location: str
    author: str | None
    text: str
    stars: int
    created_at: datetime
    changed_at: datetime
    place: int


@dataclass(frozen=True)
class Answered:
    """A reply."""

    text: str
    at: datetime
    state: str = ""
    policy: str = ""


@dataclass
class Setting:
    """Where an account's notifications go."""

    kinds: list[str] = field(default_factory=list)
    topic: str = ""


@dataclass
class World:
    """Everything that there is."""

    now: Callable[[], datetime]
    reviews: dict[str, Written] = field(default_factory=dict)
    replies: dict[str, Answered] = field(default_factory=dict)
    settings: dict[str, Setting] = field(default_factory=lambda: {account: Setting() for account in PLACES})
    made: int = 0
    moved: int = 0

    def review(
        self, text: str, author: str | None, *, stars: int = 4, location: str = LOCATION, at: datetime | None = None
    ) -> Written:
        """Let somebody write a review."""
        self.made += 1
        self.moved += 1
        when = at or self.now()
        new = Written(f"AbFvOq-{self.made:04}_x", location, author, text, stars, when, when, self.moved)
        self.reviews[new.id] = new
        return new

    def change(self, review: str, **changes: Any) -> Written:
        """Let its author change a review."""
        self.moved += 1
        new = replace(self.reviews[review], changed_at=self.now(), place=self.moved, **changes)
        self.reviews[review] = new
        return new

    def remove(self, review: str) -> None:
        """Take a review down, and its reply with it."""
        del self.reviews[review]
        self.replies.pop(review, None)

    def of(self, locations: Iterable[str]) -> list[Written]:
        """Return the reviews of some locations, the last changed first."""
        wanted = set(locations)
        return sorted((r for r in self.reviews.values() if r.location in wanted), key=lambda r: -r.place)

    def shown(self, review: Written, account: str) -> dict[str, Any]:
        """Return a review as Google shows it."""
        told: dict[str, Any] = {
            "name": f"{account}/{review.location}/reviews/{review.id}",
            "reviewId": review.id,
            "reviewer": _reviewer(review.author),
            "starRating": STARS[review.stars - 1],
            "createTime": stamp(review.created_at),
            "updateTime": stamp(review.changed_at),
        }
        if review.text:
            told["comment"] = review.text
        if reply := self.replies.get(review.id):
            told["reviewReply"] = shown_reply(reply)
        return told


def shown_reply(reply: Answered) -> dict[str, Any]:
    """Return a reply as Google shows it."""
    told = {"comment": reply.text, "updateTime": stamp(reply.at)}
    more = {"reviewReplyState": reply.state, "policyViolation": reply.policy}
    return {**told, **{name: value for name, value in more.items() if value}}


def location(number: str, street: str) -> dict[str, Any]:
    """Return a location as Google shows it."""
    return {
        "name": f"locations/{number}",
        "title": "Caffè Aurora",
        "storeCode": f"aurora-{number}",
        "storefrontAddress": {"regionCode": "IT", "locality": "Torino", "addressLines": [street]},
        "metadata": {"mapsUri": f"https://maps.example/{number}", "hasVoiceOfMerchant": True},
    }


def stamp(at: datetime) -> str:
    """Return a time as Google writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _reviewer(author: str | None) -> dict[str, Any]:
    if author is None:
        return {"displayName": "A Google user", "isAnonymous": True}
    photo = f"https://photos.example/a/{author}=s120-c"
    return {"displayName": author.title(), "profilePhotoUrl": photo, "isAnonymous": False}
