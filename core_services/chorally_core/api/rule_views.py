"""What the rule service's API takes and gives."""

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chorally_core.ports.calendars import Calendar, Interval, Weekday
from chorally_core.ports.variables import unknown_in
from chorally_core.services.rule.answering import VARIABLES
from chorally_core.services.rule.hours import Country, Exceptional, Festivity, Intervals, OpeningHours, clock
from chorally_core.services.rule.model import Condition, Reply

SourceName = Literal["chatbot", "rule-engine", "rule"]

Language = Annotated[
    str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", description="BCP 47, such as `it` or `pt-BR`.")
]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Ids = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=200)]
_Languages = Annotated[tuple[Language, ...], Field(max_length=50)]
_Text = Annotated[str, Field(min_length=1, max_length=5000)]

_ACCOUNTS = "Ids of the accounts that it is for; empty for all."
_CHANNELS = "Channels that it is for, such as `facebook_comment`; empty for all."
_LANGUAGES = "Languages of those who write that it is for; empty for all."


class CalendarAdd(OpeningHours):
    """A calendar: when somebody is there, by the clock of its time zone, and for which messages that holds."""

    name: _Name = Field(title="Name")
    accounts: _Ids = Field(default=(), title="Accounts", description=_ACCOUNTS)
    channels: _Ids = Field(default=(), title="Channels", description=_CHANNELS)
    languages: _Languages = Field(default=(), title="Languages", description=_LANGUAGES)


class CalendarChange(BaseModel):
    """What of a calendar is to change; what is left out stays, what is named takes the place of what it was."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name | None = Field(None, title="Name")
    time_zone: str | None = Field(None, title="Time zone", description="IANA, such as Europe/Rome.")
    weekly: dict[Weekday, Intervals] | None = Field(None, title="Opening hours by weekday")
    countries: tuple[Country, ...] | None = Field(None, title="Public holidays of")
    festivities: tuple[Festivity, ...] | None = Field(None, title="Closed dates")
    exceptions: tuple[Exceptional, ...] | None = Field(None, title="Dates with hours of their own")
    accounts: _Ids | None = Field(None, title="Accounts", description=_ACCOUNTS)
    channels: _Ids | None = Field(None, title="Channels", description=_CHANNELS)
    languages: _Languages | None = Field(None, title="Languages", description=_LANGUAGES)


class IntervalView(BaseModel):
    """Hours in which it is open; what closes no later than it opens, closes on the next day."""

    opens: str = Field(title="Opens", description="A time of day such as 09:00.")
    closes: str = Field(title="Closes", description="A time of day, up to 24:00.")

    @classmethod
    def of(cls, interval: Interval) -> "IntervalView":
        """Return an interval as people write it."""
        return cls(opens=clock(interval.opens), closes=clock(interval.closes))


class CountryView(BaseModel):
    """A country, or a part of it, whose public holidays are kept."""

    country: str = Field(title="Country")
    region: str = Field(title="Region")


class FestivityView(BaseModel):
    """A closed date of the calendar's own."""

    on: str = Field(title="On", description="2026-12-24 for once, 12-24 for each year.")
    name: str = Field(title="Name")


class ExceptionView(BaseModel):
    """A date with hours of its own; closed without any."""

    on: date = Field(title="On")
    open: list[IntervalView] = Field(title="Open")
    name: str = Field(title="Name")


class CalendarView(BaseModel):
    """A calendar as it holds."""

    id: str = Field(title="Id")
    version: int = Field(title="Version")
    name: str = Field(title="Name")
    time_zone: str = Field(title="Time zone")
    weekly: dict[Weekday, list[IntervalView]] = Field(title="Opening hours by weekday")
    countries: list[CountryView] = Field(title="Public holidays of")
    festivities: list[FestivityView] = Field(title="Closed dates")
    exceptions: list[ExceptionView] = Field(title="Dates with hours of their own")
    accounts: list[str] = Field(title="Accounts", description=_ACCOUNTS)
    channels: list[str] = Field(title="Channels", description=_CHANNELS)
    languages: list[str] = Field(title="Languages", description=_LANGUAGES)
    created_at: datetime = Field(title="Created")
    created_by: str = Field(title="Created by")
    changed_at: datetime = Field(title="Changed")
    changed_by: str = Field(title="Changed by")

    @classmethod
    def of(cls, calendar: Calendar) -> "CalendarView":
        """Return a calendar as the API shows it."""
        hours = calendar.hours
        return cls(
            id=calendar.calendar_id, version=calendar.number, name=calendar.name, time_zone=hours.time_zone,
            weekly={day: [IntervalView.of(each) for each in open_] for day, open_ in hours.weekly.items()},
            countries=[CountryView(country=each.country, region=each.region) for each in hours.countries],
            festivities=[FestivityView(on=each.on, name=each.name) for each in hours.festivities],
            exceptions=[
                ExceptionView(on=each.on, open=[IntervalView.of(one) for one in each.open], name=each.name)
                for each in hours.exceptions
            ],
            accounts=list(calendar.accounts), channels=list(calendar.channels), languages=list(calendar.languages),
            created_at=calendar.created_at, created_by=calendar.created_by, changed_at=calendar.changed_at,
            changed_by=calendar.changed_by,
        )  # fmt: skip


class ReplyAdd(BaseModel):
    """A reply by the calendar: when it is given, and what it says in each language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name = Field(title="Name")
    condition: Condition = Field(title="Condition", description="When it is given; `GET /rule/v1/schema` explains.")
    calendar_id: str | None = Field(
        None, title="Calendar", description="The only calendar by which it is given; any where it is left out."
    )
    language: Language | None = Field(
        None,
        title="Language",
        description="Of the text for whoever speaks none of the languages; may be left out where there is one text.",
    )
    texts: dict[Language, _Text] = Field(
        title="Texts",
        min_length=1,
        max_length=50,
        description="By language, with variables such as `{{calendar.opens|soon}}`; `GET /rule/v1/schema` lists them.",
    )
    enabled: bool = Field(True, title="Enabled")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.language is None and len(self.texts) > 1:
            raise ValueError("say in language which of the texts is for whoever speaks none of the languages")
        if self.language is not None and self.language not in self.texts:
            raise ValueError(f"there is no text in {self.language!r}, which language names")
        for language, text in self.texts.items():
            if unknown := unknown_in(text, VARIABLES):
                known = ", ".join(VARIABLES)
                raise ValueError(f"the text in {language} has no variable {unknown[0]!r} to fill in; there are {known}")
            if not text.strip():
                raise ValueError(f"the text in {language} is empty")
        return self


class ReplyChange(BaseModel):
    """What of a reply is to change; what is left out stays, what is named takes the place of what it was."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name | None = Field(None, title="Name")
    condition: Condition | None = Field(None, title="Condition")
    calendar_id: str | None = Field(None, title="Calendar", description="Null for any calendar.")
    language: Language | None = Field(None, title="Language")
    texts: dict[Language, _Text] | None = Field(None, title="Texts", min_length=1, max_length=50)
    enabled: bool | None = Field(None, title="Enabled")


class ReplyView(BaseModel):
    """A reply as it holds."""

    id: str = Field(title="Id")
    version: int = Field(title="Version")
    name: str = Field(title="Name")
    condition: Condition = Field(title="Condition")
    calendar_id: str | None = Field(title="Calendar", description="Null for any.")
    language: str = Field(title="Language")
    texts: dict[str, str] = Field(title="Texts")
    enabled: bool = Field(title="Enabled")
    created_at: datetime = Field(title="Created")
    created_by: str = Field(title="Created by")
    changed_at: datetime = Field(title="Changed")
    changed_by: str = Field(title="Changed by")

    @classmethod
    def of(cls, reply: Reply) -> "ReplyView":
        """Return a reply as the API shows it."""
        values = {name: getattr(reply, name) for name in cls.model_fields}
        return cls.model_validate({**values, "id": reply.reply_id, "version": reply.number})
