"""What the API of recurring posts takes and gives."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, NaiveDatetime

from chorally_core.api.files_named import FileIds
from chorally_core.api.message_views import AttachmentView
from chorally_core.api.problem import Problem
from chorally_core.api.publishing_views import (
    MOST_TARGETS,
    Labels,
    PostApprovalView,
    PublishLocal,
    TargetAdd,
    Text,
    Title,
    ZoneName,
    attachment_views,
)
from chorally_core.services.publishing.series import Series, SeriesState

Rule = Annotated[
    str,
    Field(
        title="Rule",
        min_length=1,
        max_length=400,
        description="A recurrence rule of RFC 5545, daily at most often, such as `FREQ=WEEKLY;BYDAY=MO;COUNT=10`.",
    ),
]
Starts = Annotated[
    NaiveDatetime,
    Field(
        title="Starts",
        description="The first time that it may be, by the clock of `time_zone`; its time of day is that of all.",
    ),
]


class SeriesAdd(BaseModel):
    """A post that recurs."""

    model_config = ConfigDict(extra="forbid")

    title: Title = ""
    body: Text = ""
    files: FileIds = []
    labels: Labels = []
    targets: list[TargetAdd] = Field(title="Targets", min_length=1, max_length=MOST_TARGETS)
    rule: Rule
    starts: Starts
    time_zone: ZoneName | None = None
    submit: bool = Field(True, title="Submit", description="Hand it in at once; otherwise it is a draft.")


class SeriesChange(BaseModel):
    """What of a series is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    body: Text | None = None
    files: FileIds | None = None
    labels: Labels | None = None
    targets: list[TargetAdd] | None = Field(None, title="Targets", min_length=1, max_length=MOST_TARGETS)
    rule: Rule | None = None
    starts: Starts | None = None
    time_zone: ZoneName | None = None


class OccurrenceChange(BaseModel):
    """What is different about one occurrence; what is left out is as in its series."""

    model_config = ConfigDict(extra="forbid")

    body: Text | None = None
    files: FileIds | None = None
    targets: list[TargetAdd] | None = Field(None, title="Targets", min_length=1, max_length=MOST_TARGETS)
    publish_local: PublishLocal | None = Field(None, description="Another time, by the clock of the series' time zone.")


class SeriesTargetView(BaseModel):
    """One account and channel that a series goes to."""

    account_id: str = Field(title="Account")
    channel: str = Field(title="Channel")
    body: str = Field(title="Text")
    attachments: list[AttachmentView] = Field(title="Files")
    options: dict[str, Any] = Field(title="Options")


class SeriesView(BaseModel):
    """A post that recurs, and what was approved of it."""

    id: str = Field(title="Id")
    version: int = Field(title="Version")
    title: str = Field(title="Title")
    body: str = Field(title="Text")
    attachments: list[AttachmentView] = Field(title="Files")
    labels: list[str] = Field(title="Labels")
    targets: list[SeriesTargetView] = Field(title="Targets")
    rule: str = Field(title="Rule")
    starts: str = Field(title="Starts")
    time_zone: str = Field(title="Time zone")
    state: SeriesState = Field(title="State", description="`approved` goes on; `ended` has no occurrence left.")
    next_at: datetime | None = Field(title="Next")
    skipped: list[str] = Field(title="Skipped")
    changed: list[str] = Field(title="Changed", description="Occurrences that are posts of their own.")
    published: int = Field(title="Published")
    missed: int = Field(title="Missed", description="Occurrences that nobody was there to publish in time.")
    content_hash: str = Field(title="Content hash", description="What an approval is for; it covers all occurrences.")
    approval: PostApprovalView = Field(title="Approval")
    authors: list[str] = Field(title="Authors")
    created_by: str = Field(title="Created by")
    created_at: datetime = Field(title="Created")

    @classmethod
    def of(cls, s: Series) -> "SeriesView":
        """Return a series as the API shows it."""
        same = ("id", "version", "title", "body", "rule", "time_zone", "state", "next_at", "published", "missed",
                "created_by", "created_at")  # fmt: skip
        return cls.model_validate(
            {
                **{name: getattr(s, name) for name in same},
                **{name: list(getattr(s, name)) for name in ("labels", "skipped", "changed", "authors")},
                "starts": s.starts_at,
                "attachments": attachment_views(s.attachments),
                "content_hash": s.content_hash(),
                "approval": PostApprovalView.of(s.approval),
                "targets": [
                    {
                        "account_id": t.account_id, "channel": t.channel, "body": s.text_for(t),
                        "attachments": attachment_views(s.files_for(t)), "options": t.options,
                    }
                    for t in s.targets
                ],
            }
        )  # fmt: skip


class OccurrenceView(BaseModel):
    """One time of a series that is to come."""

    local: str = Field(title="Time by the clock", description="Names the occurrence.")
    at: datetime = Field(title="Time")
    note: str = Field(title="Note", description="What is odd about its time, on a day on which clocks change.")
    skipped: bool = Field(title="Skipped")
    publication_id: str | None = Field(title="Post", description="Where it is a post of its own.")


def local_named(text: str) -> str:
    """Return the name of an occurrence, with its seconds.

    Raises:
        Problem: 404; there is no such time.
    """
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        raise Problem(404, "there is no such time; see the list of occurrences") from None
