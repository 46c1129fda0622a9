"""Trustpilot's objects as far as they are read; what is not named here is kept as it came (Service Reviews API)."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

import chorally_sdk as sdk


def _in_utc(at: datetime) -> datetime:
    """Read a time without a zone as UTC: the documentation's own samples have none (assumed).

    So is one that no zone can shift, as the first of all times, which some programs write in place of none.
    """
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        return at.replace(tzinfo=UTC)


def _text(value: object) -> object:
    return "" if value is None else value


Instant = Annotated[datetime, AfterValidator(_in_utc)]
Text = Annotated[str, BeforeValidator(_text)]


class Shape(BaseModel):
    """A part of an answer; new fields harm nothing."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Consumer(Shape):
    """Who wrote a review."""

    id: Text = ""
    displayName: Text = ""


class Unit(Shape):
    """A business unit: a domain with its reviews."""

    id: Annotated[str, Field(min_length=1)]
    displayName: Text = ""


class Reply(Shape):
    """What the business answered; a review has one at most, which has no id of its own."""

    text: Text = ""
    createdAt: Instant
    updatedAt: Instant | None = None

    @property
    def changed_at(self) -> datetime:
        """When it was last written."""
        return max(self.createdAt, self.updatedAt or self.createdAt)


class Report(Shape):
    """That a review was reported, and whether people see it meanwhile."""

    createdAt: Instant | None = None
    reviewVisibility: Text = ""


class Review(Shape):
    """What somebody wrote about a business unit, as the business reads it."""

    id: Annotated[str, Field(min_length=1)]
    createdAt: Instant
    updatedAt: Instant | None = None
    stars: int | None = None
    title: Text = ""
    text: Text = ""
    language: Text = ""
    consumer: Consumer | None = None
    businessUnit: Unit | None = None
    companyReply: Reply | None = None
    reportData: Report | None = None

    @property
    def changed_at(self) -> datetime:
        """When it, its reply or its report was last written."""
        times = (
            self.updatedAt,
            self.companyReply.changed_at if self.companyReply else None,
            self.reportData.createdAt if self.reportData else None,
        )
        return max([self.createdAt, *(at for at in times if at)])


class Listing(Shape):
    """A page of reviews, each still as it came: one that cannot be read must not hold up the others."""

    reviews: list[Any]


T = TypeVar("T", bound=BaseModel)


def read(shape: type[T], raw: bytes, what: str) -> T:
    """Return an answer in its documented shape.

    Raises:
        Malformed: It is not; the message names the first field that is wrong, never a person's words.
    """
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        raise _malformed(error, what, raw) from error


def understood(shape: type[T], value: object, what: str, raw: bytes) -> T:
    """Return a part of an answer in its documented shape; ``raw`` is what it came in.

    Raises:
        Malformed: It is not.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise _malformed(error, what, raw) from error


def _malformed(error: ValidationError, what: str, raw: bytes) -> sdk.Malformed:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole"
    return sdk.Malformed(f"{what}: {where}: {first['msg']}", raw)
