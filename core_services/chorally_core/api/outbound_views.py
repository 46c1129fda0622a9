"""What the outbound API takes and gives."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from chorally_core.api.files_named import FileIds
from chorally_core.api.message_views import TemplateUse
from chorally_core.services.outbound.model import (
    Consent,
    Mailing,
    MailingState,
    Opening,
    OpeningState,
    OutboundSettings,
    Wish,
)

Values = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=64)], Annotated[str, Field(max_length=1000)]],
    Field(title="Values", max_length=50, description="What fills the variables of the text, such as `{{order}}`."),
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _To(_In):
    to: str = Field(
        "", title="To", max_length=512, description="A mail address, a phone number, an id: as the channel takes it."
    )
    author_id: str = Field("", title="Author", max_length=64, description="Somebody who is known, in place of `to`.")

    @model_validator(mode="after")
    def _one_of_them(self) -> "_To":
        if bool(self.to.strip()) == bool(self.author_id):
            raise ValueError("name one of to and author_id")
        return self


class _Said(_In):
    body: str = Field("", title="Text", max_length=100_000, description="May be left out where there is a template.")
    files: FileIds = []
    template: TemplateUse | None = Field(
        None, title="Template", description="An approved text in place of `body`, where the platform asks for one."
    )
    options: dict[str, Any] = Field({}, title="Options", description="What the channel takes, such as a `subject`.")


class ConversationAdd(_To, _Said):
    """A conversation to begin."""

    account_id: str = Field(title="Account", max_length=64, description="In whose name.")
    channel: str = Field("", title="Channel", max_length=100, description="May be left out where there is but one.")
    name: str = Field("", title="Name", max_length=200, description="The person's, where it is known.")
    conversation_id: str = Field(
        "", title="Thread", max_length=512, description="The platform's place for it, such as a room, where it has one."
    )


class ConversationView(BaseModel):
    """A conversation that we began, or are about to."""

    id: str = Field(title="Id", description="Also of its first message.")
    ticket_id: str | None = Field(None, title="Ticket", description="Null until it is there, and in lists.")
    account_id: str = Field(title="Account")
    platform: str = Field(title="Platform")
    channel: str = Field(title="Channel")
    author_id: str | None = Field(title="Author")
    to: str = Field(title="To", description="The platform's id of the person.")
    name: str = Field(title="Name")
    mailing_id: str | None = Field(title="List", description="The list that it is of.")
    state: OpeningState = Field(title="State")
    error: str = Field(title="Error", description="Why it was skipped, or failed.")
    external_id: str | None = Field(title="External id", description="The platform's, once it is there.")
    created_by: str = Field(title="Begun by")
    created_at: datetime = Field(title="Created")
    changed_at: datetime = Field(title="Changed")

    @classmethod
    def of(cls, opening: Opening, ticket_id: str | None = None) -> "ConversationView":
        """Return a conversation as the API shows it."""
        values = {name: getattr(opening, name) for name in cls.model_fields if name != "ticket_id"}
        return cls(**values, ticket_id=ticket_id)


class ConsentSet(_To):
    """What somebody wishes."""

    account_id: str = Field(title="Account", max_length=64, description="Through which the person is reached.")
    channel: str = Field("", title="Channel", max_length=100, description="Every channel where it is `*`.")
    state: Wish = Field(title="Wish", description="`in`: they want to hear from us; `out`: they do not.")
    source: str = Field(
        title="Source", min_length=1, max_length=500, description="How we know: a form, a call, a link."
    )
    at: AwareDatetime | None = Field(None, title="When", description="When they said so; now where left out.")


class WishBefore(BaseModel):
    """What somebody wished before."""

    state: Wish = Field(title="Wish")
    source: str = Field(title="Source")
    at: datetime = Field(title="When")
    by: str = Field(title="Written down by")


class ConsentView(BaseModel):
    """What somebody wishes."""

    id: str = Field(title="Id")
    author_id: str = Field(title="Author")
    channel: str = Field(title="Channel", description="`*` for every channel.")
    state: Wish = Field(title="Wish")
    source: str = Field(title="Source")
    at: datetime = Field(title="When")
    by: str = Field(title="Written down by")
    earlier: list[WishBefore] = Field(title="Before", description="What they wished before, the last 20.")

    @classmethod
    def of(cls, consent: Consent) -> "ConsentView":
        """Return a wish as the API shows it."""
        before = [WishBefore(state=e.state, source=e.source, at=e.at, by=e.by) for e in consent.earlier]
        values = {name: getattr(consent, name) for name in cls.model_fields if name != "earlier"}
        return cls(**values, earlier=before)


class OutboundSettingsSet(_In):
    """How conversations are begun."""

    consent_required: bool = Field(
        title="Consent required", description="Whether only who has agreed is written to. Who declined never is."
    )
    per_minute: int = Field(
        60, title="Per minute", ge=1, le=6000, description="What a list sends, unless it says less."
    )


class OutboundSettingsView(OutboundSettingsSet):
    """How conversations are begun."""

    @classmethod
    def of(cls, settings: OutboundSettings) -> "OutboundSettingsView":
        """Return the settings as the API shows them."""
        return cls(consent_required=settings.consent_required, per_minute=settings.per_minute)


class MailingAdd(_Said):
    """A list of people who each get a message of their own."""

    name: str = Field(title="Name", min_length=1, max_length=200)
    account_id: str = Field(title="Account", max_length=64)
    channel: str = Field("", title="Channel", max_length=100, description="May be left out where there is but one.")
    per_minute: int | None = Field(
        None,
        title="Per minute",
        ge=1,
        le=6000,
        description="How many go out in a minute; as the settings say if left out.",
    )


class MailingStart(_In):
    """When a list begins."""

    at: AwareDatetime | None = Field(None, title="When", description="Now where left out.")


class Counts(BaseModel):
    """How many of a list's messages are where."""

    waiting: int = Field(title="Waiting")
    on_the_way: int = Field(title="On the way", description="Asked for, queued, or being sent.")
    sent: int = Field(title="Sent", description="Also delivered, or read.")
    failed: int = Field(title="Failed")
    unconfirmed: int = Field(title="Unconfirmed")
    skipped: int = Field(title="Skipped", description="Not sent; each says why.")
    cancelled: int = Field(title="Cancelled")


class MailingView(BaseModel):
    """A list, and how far it has come."""

    id: str = Field(title="Id")
    version: int = Field(title="Version", description="Grows with each change; also the ETag.")
    name: str = Field(title="Name")
    account_id: str = Field(title="Account")
    platform: str = Field(title="Platform")
    channel: str = Field(title="Channel")
    body: str = Field(title="Text")
    template: TemplateUse | None = Field(title="Template")
    options: dict[str, Any] = Field(title="Options")
    state: MailingState = Field(title="State")
    recipients: int = Field(title="Recipients")
    per_minute: int | None = Field(title="Per minute")
    created_by: str = Field(title="Created by")
    created_at: datetime = Field(title="Created")
    started_at: datetime | None = Field(title="Started")
    ended_at: datetime | None = Field(title="Ended")
    counts: Counts | None = Field(None, title="Counts", description="Only where one list is shown.")

    @classmethod
    def of(cls, mailing: Mailing, counts: Counts | None = None) -> "MailingView":
        """Return a list as the API shows it."""
        values = {name: getattr(mailing, name) for name in cls.model_fields if name not in ("counts", "template")}
        used = mailing.template
        template = TemplateUse(name=used.name, language=used.language, values=list(used.values)) if used else None
        return cls(**values, template=template, counts=counts)


class RecipientAdd(_To):
    """Somebody on a list."""

    name: str = Field("", title="Name", max_length=200, description="Fills `{{name}}`.")
    values: Values = {}


class RecipientsTaken(BaseModel):
    """What became of recipients that were uploaded."""

    added: int = Field(title="Added")
    merged: int = Field(title="Merged", description="Were named twice, or are on the list already.")
    recipients: int = Field(title="Recipients", description="How many the list has now.")


Duplicates = Literal["refuse", "merge"]
