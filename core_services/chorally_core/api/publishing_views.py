"""What the publishing API takes and gives."""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chorally_core.api.files_named import FileIds
from chorally_core.api.message_views import AttachmentView
from chorally_core.services.publishing.model import Publication, PublicationState


class PublicationAdd(BaseModel):
    """A post of our own."""

    model_config = ConfigDict(extra="forbid")

    account_id: str = Field(title="Account", min_length=1, max_length=200, description="In whose name it is published.")
    channel: str = Field(title="Channel", min_length=1, max_length=64, description="One that offers `publish`.")
    body: str = Field("", title="Text", max_length=100_000)
    files: FileIds = []
    options: dict[str, Any] = Field({}, title="Options", description="What the channel takes besides.")
    publish_at: AwareDatetime | None = Field(
        None,
        title="Publish at",
        description="When people shall see it, ten years ahead at most; at once where left out, or past.",
    )


class PublicationView(BaseModel):
    """A post of our own, and how far it got."""

    id: str = Field(title="Id", description="Also that of its delivery, once it is on its way.")
    version: int = Field(title="Version")
    account_id: str = Field(title="Account")
    platform: str = Field(title="Platform")
    channel: str = Field(title="Channel")
    body: str = Field(title="Text")
    attachments: list[AttachmentView] = Field(title="Files")
    options: dict[str, Any] = Field(title="Options")
    state: PublicationState = Field(title="State", description="`scheduled` waits for its time.")
    publish_at: datetime | None = Field(title="Publish at")
    created_by: str = Field(title="Written by")
    created_at: datetime = Field(title="Created")
    sent_at: datetime | None = Field(title="Published")
    external_id: str | None = Field(title="External id")
    external_url: str | None = Field(title="Link")
    error: str = Field(title="Error", description="What went wrong last; empty if nothing did.")
    attempts: int = Field(title="Attempts")

    @classmethod
    def of(cls, publication: Publication) -> "PublicationView":
        """Return a post as the API shows it."""
        values = {name: getattr(publication, name) for name in cls.model_fields}
        values["attachments"] = [
            {name: getattr(attached, name) for name in AttachmentView.model_fields}
            for attached in publication.attachments
        ]
        return cls.model_validate(values)
