"""The shapes that Google documents, as far as they are read; what is new is let through.

Sources: discovery documents of mybusinessaccountmanagement v1 (20261026), mybusinessbusinessinformation v1 (20261026)
and mybusinessnotifications v1 (20261102), that of mybusiness v4, and its reference pages (read 2026-11-23).
"""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator


class Shape(BaseModel):
    """Fields we read; unknown ones are let through, and one that is null is one that is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, told: Any) -> Any:
        return {name: value for name, value in told.items() if value is not None} if isinstance(told, dict) else told


class Reviewer(Shape):
    """Who wrote a review; Google gives people no id."""

    displayName: str = ""
    profilePhotoUrl: str = ""
    isAnonymous: bool = False


class Reply(Shape):
    """The one reply of the location to a review."""

    comment: str = ""
    updateTime: AwareDatetime | None = None
    reviewReplyState: str = ""
    policyViolation: Any = None


class Review(Shape):
    """A review, edited in place by who wrote it."""

    name: str = Field(min_length=1)
    reviewer: Reviewer = Reviewer()
    starRating: str = ""
    comment: str = ""
    createTime: AwareDatetime
    updateTime: AwareDatetime | None = None
    reviewReply: Reply | None = None
    reviewMediaItems: list[dict[str, Any]] = []
    reviewReplyUrl: str = ""


class Named(Shape):
    """A review of which nothing but its name can be read."""

    name: str = Field(min_length=1)


class Reviews(Shape):
    """A page of a location's reviews."""

    reviews: list[Any] = []
    """Each still as it came: one that cannot be read must not hold up the others."""
    nextPageToken: str = ""


class LocationReview(Shape):
    """A review with the location that it is about."""

    review: Any = None


class BatchOfReviews(Shape):
    """A page of the reviews of several locations."""

    locationReviews: list[LocationReview] = []
    nextPageToken: str = ""


class Account(Shape):
    """A container of locations: a person's own, or a group."""

    name: str = Field(min_length=1)
    accountName: str = ""


class Accounts(Shape):
    """A page of the accounts that a person may use."""

    accounts: list[Account] = []
    nextPageToken: str = ""


class Address(Shape):
    """Where a location is."""

    addressLines: list[str] = []
    locality: str = ""


class Metadata(Shape):
    """What Google says of a location."""

    mapsUri: str = ""
    hasVoiceOfMerchant: bool | None = None


class Location(Shape):
    """A shop, an office, a restaurant."""

    name: str = Field(min_length=1)
    title: str = ""
    storeCode: str = ""
    storefrontAddress: Address = Address()
    metadata: Metadata = Metadata()


class Locations(Shape):
    """A page of an account's locations."""

    locations: list[Location] = []
    nextPageToken: str = ""


class NotificationSetting(Shape):
    """What an account's notifications are about and where they go; one for each account."""

    name: str = ""
    notificationTypes: list[str] = []
    pubsubTopic: str = ""
