"""What the publishing API takes and gives: posts, their targets, and what was approved of them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NaiveDatetime, model_validator

from chorally_core.api.files_named import FileIds
from chorally_core.api.message_views import AttachmentView
from chorally_core.services.publishing.approval import Approval, Verdict
from chorally_core.services.publishing.model import Publication, PublicationState, Revision

MOST_TARGETS = 50
_MOST_TEXT = 100_000

Label = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Labels = Annotated[
    list[Label], Field(title="Labels", max_length=20, description="What workflows and people know posts by.")
]
Title = Annotated[str, Field(title="Title", max_length=200, description="What we call it among ourselves.")]
Text = Annotated[str, Field(title="Text", max_length=_MOST_TEXT)]
AccountId = Annotated[
    str, Field(title="Account", min_length=1, max_length=200, description="In whose name it is published.")
]
ChannelName = Annotated[
    str, Field(title="Channel", min_length=1, max_length=64, description="One that offers `publish`.")
]
Options = Annotated[dict[str, Any], Field(title="Options", description="What the channel takes besides.")]
ZoneName = Annotated[
    str, Field(title="Time zone", max_length=64, description="IANA, such as Europe/Rome; the tenant's where left out.")
]
PublishAt = Annotated[
    AwareDatetime,
    Field(
        title="Publish at",
        description="When people shall see it, ten years ahead at most; at once where left out, or past.",
    ),
]
PublishLocal = Annotated[
    NaiveDatetime,
    Field(
        title="Publish at, by the clock",
        description="The same as a clock in `time_zone` shows it, such as 2027-03-28T09:00. A time that clocks skip is "
        "taken an hour later, of one that they show twice the first.",
    ),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TargetAdd(_Strict):
    """One account and channel that a post goes to."""

    account_id: AccountId
    channel: ChannelName
    body: Text | None = Field(None, description="A text of its own; the post's where left out.")
    files: FileIds | None = None
    options: Options = {}


class _Content(_Strict):
    title: Title = ""
    body: Text = ""
    files: FileIds = []
    labels: Labels = []
    targets: list[TargetAdd] = Field(
        [], title="Targets", max_length=MOST_TARGETS,
        description="Where it goes, each with a text, files and options of its own if it likes.",
    )  # fmt: skip
    account_id: AccountId | None = Field(None, description="In place of `targets`, where there is only one.")
    channel: ChannelName | None = Field(None, description="With `account_id`.")
    options: Options = Field({}, description="With `account_id`.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        short = self.account_id is not None or self.channel is not None
        if short and self.targets:
            raise ValueError("name targets, or one account_id and channel, and not both")
        if (self.account_id is None) != (self.channel is None):
            raise ValueError("account_id and channel go together")
        if self.options and not short:
            raise ValueError("options belong to account_id and channel; give each target its own")
        return self

    @property
    def wanted(self) -> list[TargetAdd]:
        """Where it goes."""
        if self.account_id is None or self.channel is None:
            return self.targets
        return [TargetAdd(account_id=self.account_id, channel=self.channel, options=self.options)]

    def at(self, number: int) -> str:
        """Return where a request says something of a target."""
        return "" if self.account_id is not None else f"targets/{number}/"


class _Planned(_Content):
    publish_at: PublishAt | None = None
    publish_local: PublishLocal | None = None
    time_zone: ZoneName | None = None
    waits: bool = Field(
        False, title="Waits", description="Once approved it waits until somebody says that it shall be published."
    )

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.publish_at is not None and self.publish_local is not None:
            raise ValueError("name publish_at or publish_local, and not both")
        return self


class PreviewAsk(_Planned):
    """A post that is only to be looked at."""


class PublicationAdd(_Planned):
    """A post of our own."""

    submit: bool = Field(
        True, title="Submit",
        description="Hand it in at once: it goes out, or asks for approval. Otherwise it is a draft.",
    )  # fmt: skip


class PublicationChange(_Strict):
    """What of a post is to change; what is left out stays."""

    title: Title | None = None
    body: Text | None = None
    files: FileIds | None = None
    labels: Labels | None = None
    targets: list[TargetAdd] | None = Field(
        None, title="Targets", min_length=1, max_length=MOST_TARGETS, description="All of them."
    )
    publish_at: PublishAt | None = Field(None, description="Null publishes it as soon as it is approved.")
    publish_local: PublishLocal | None = None
    time_zone: ZoneName | None = None
    waits: bool | None = Field(None, title="Waits")

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.publish_at is not None and self.publish_local is not None:
            raise ValueError("name publish_at or publish_local, and not both")
        return self


class DecisionAdd(_Strict):
    """What somebody says of what they have seen."""

    verdict: Literal["approved", "rejected"] = Field(title="Verdict")
    content_hash: str = Field(
        title="Content hash", min_length=64, max_length=64,
        description="`content_hash` of what was looked at; if it is another by now, this is refused with 409.",
    )  # fmt: skip
    comment: str = Field("", title="Comment", max_length=2000)


class Remark(_Strict):
    """Why something is done."""

    comment: str = Field("", title="Comment", max_length=2000)


class RevisionAdd(_Strict):
    """New texts for what people see already."""

    body: Text | None = Field(None, description="For every target that is published, and has no text of its own here.")
    targets: dict[str, Text] = Field({}, title="Texts by target", max_length=MOST_TARGETS)


class StepView(BaseModel):
    """Whom one step asks; whoever may approve posts where nobody is named."""

    users: list[str] = Field(title="Users")
    teams: list[str] = Field(title="Teams")
    roles: list[str] = Field(title="Roles")
    rule: Literal["any", "all"] = Field(title="Rule")
    at_least: int = Field(title="At least", description="How many people must approve.")


class DecisionView(BaseModel):
    """What somebody said."""

    by: str = Field(title="By")
    at: datetime = Field(title="At")
    verdict: Verdict = Field(title="Verdict")
    comment: str = Field(title="Comment")
    round: int = Field(title="Round")
    step: int = Field(title="Step", description="From 0.")


class PostApprovalView(BaseModel):
    """How far an approval is."""

    round: int = Field(
        title="Round", description="How often it was asked for; decisions of earlier rounds do not count."
    )
    steps: list[StepView] = Field(title="Steps", description="One after the other.")
    step: int = Field(
        title="Step", description="The first that is not met, from 0; as many as there are steps where all are."
    )
    decisions: list[DecisionView] = Field(title="Decisions")
    submitted_by: str = Field(title="Submitted by")
    submitted_at: datetime | None = Field(title="Submitted")
    approved_at: datetime | None = Field(title="Approved")

    @classmethod
    def of(cls, approval: Approval) -> "PostApprovalView":
        """Return an approval as the API shows it."""
        return cls.model_validate(
            {
                **{
                    name: getattr(approval, name)
                    for name in ("round", "step", "submitted_by", "submitted_at", "approved_at")
                },
                "steps": [
                    {name: _list(getattr(step, name)) for name in StepView.model_fields} for step in approval.steps
                ],
                "decisions": [
                    {name: getattr(one, name) for name in DecisionView.model_fields} for one in approval.decisions
                ],
            }
        )


class RevisionView(BaseModel):
    """New texts for what people see already, and how far their approval is."""

    state: Literal["submitted", "rejected", "withdrawn", "approved"] = Field(title="State")
    targets: dict[str, str] = Field(title="Texts by target")
    content_hash: str = Field(title="Content hash")
    approval: PostApprovalView = Field(title="Approval")

    @classmethod
    def of(cls, revision: Revision, publication_id: str) -> "RevisionView":
        """Return new texts as the API shows them."""
        return cls(
            state=revision.state, targets=revision.bodies, content_hash=revision.content_hash(publication_id),
            approval=PostApprovalView.of(revision.approval),
        )  # fmt: skip


class PostTargetView(BaseModel):
    """One account and channel that a post goes to, and how far it got there."""

    id: str = Field(title="Id", description="Also that of its delivery, once it is on its way.")
    account_id: str = Field(title="Account")
    platform: str = Field(title="Platform")
    channel: str = Field(title="Channel")
    body: str = Field(title="Text", description="As it is published there; as people see it since an edit.")
    has_own_body: bool = Field(title="Has a text of its own")
    attachments: list[AttachmentView] = Field(title="Files")
    has_own_files: bool = Field(title="Has files of its own")
    options: dict[str, Any] = Field(title="Options")
    state: PublicationState = Field(title="State")
    sent_at: datetime | None = Field(title="Published")
    external_id: str | None = Field(title="External id")
    external_url: str | None = Field(title="Link")
    error: str = Field(title="Error", description="What went wrong last; empty if nothing did.")
    attempts: int = Field(title="Attempts")
    is_changing: bool = Field(title="Is changing", description="An edit or deletion is on its way there.")
    change_error: str = Field(title="Change error", description="Why the last edit or deletion was not done.")


class PublicationView(BaseModel):
    """A post of our own, what was approved of it, and how far it got."""

    id: str = Field(title="Id")
    version: int = Field(title="Version")
    title: str = Field(title="Title")
    body: str = Field(title="Text")
    attachments: list[AttachmentView] = Field(title="Files")
    labels: list[str] = Field(title="Labels")
    targets: list[PostTargetView] = Field(title="Targets")
    state: PublicationState = Field(
        title="State", description="Of all of it; once it is out, the worst of its targets'."
    )
    waits: bool = Field(title="Waits")
    publish_at: datetime | None = Field(title="Publish at")
    publish_local: str = Field(title="Publish at, by the clock", description="Of `time_zone`.")
    time_zone: str = Field(title="Time zone")
    content_hash: str = Field(
        title="Content hash", description="Tells this content from any other; what an approval is for."
    )
    approval: PostApprovalView = Field(title="Approval")
    revision: RevisionView | None = Field(title="Revision", description="New texts for what people see already.")
    series_id: str | None = Field(title="Series")
    occurrence: str = Field(title="Occurrence", description="Its time in its series, by the clock.")
    authors: list[str] = Field(
        title="Authors", description="Everybody who wrote any of it; none of them can approve it."
    )
    created_by: str = Field(title="Created by")
    created_at: datetime = Field(title="Created")

    @classmethod
    def of(cls, p: Publication) -> "PublicationView":
        """Return a post as the API shows it."""
        same = ("id", "version", "title", "body", "state", "waits", "publish_at", "time_zone", "series_id",
                "occurrence", "created_by", "created_at")  # fmt: skip
        told = ("id", "account_id", "platform", "channel", "options", "sent_at", "external_id", "external_url",
                "error", "attempts")  # fmt: skip
        return cls.model_validate(
            {
                **{name: getattr(p, name) for name in same},
                "publish_local": p.local_at,
                "attachments": attachment_views(p.attachments),
                "labels": list(p.labels),
                "authors": list(p.authors),
                "content_hash": p.content_hash(),
                "approval": PostApprovalView.of(p.approval),
                "revision": RevisionView.of(p.revision, p.id) if p.revision is not None else None,
                "targets": [
                    {
                        **{name: getattr(t, name) for name in told},
                        "body": p.text_for(t) if t.seen is None else t.seen,
                        "has_own_body": t.body is not None,
                        "attachments": attachment_views(p.files_for(t)),
                        "has_own_files": t.attachments is not None,
                        "state": p.state_of(t),
                        "is_changing": bool(t.asked),
                        "change_error": t.asked_error,
                    }
                    for t in p.targets
                ],
            }
        )  # fmt: skip


class FieldProblem(BaseModel):
    """What speaks against a target."""

    field: str = Field(title="Field", description="`body`, `files`, `options` or `channel`.")
    message: str = Field(title="Message", description="What is wrong, and what to do.")


class TargetPreview(BaseModel):
    """How a post would look on one target, by what the platform's connector declares."""

    account_id: str = Field(title="Account")
    channel: str = Field(title="Channel")
    length: int = Field(title="Length", description="Of the text, in `unit`; links count as the platform counts them.")
    unit: str = Field(
        title="Unit", description="`code_points`, `graphemes`, `utf16`, `bytes`, or the platform's `own`."
    )
    max_length: int | None = Field(
        title="Longest", description="Of one visible thing; null where the platform states none."
    )
    parts: int = Field(title="Parts", description="How many visible things it becomes.")
    max_parts: int = Field(title="Most parts")
    files: int = Field(title="Files")
    max_files: int = Field(title="Most files", description="Of one visible thing.")
    links: list[str] = Field(title="Links", description="As they stand in the text.")
    problems: list[FieldProblem] = Field(title="Problems", description="Empty where it can go out, as far as is known.")


class PreviewView(BaseModel):
    """How a post would look, target by target, and whose approval it would ask for."""

    is_fit: bool = Field(title="Is fit", description="Nothing speaks against handing it in.")
    targets: list[TargetPreview] = Field(title="Targets")
    publish_at: datetime | None = Field(title="Publish at")
    note: str = Field(
        title="Note", description="What is odd about its time, on a day on which clocks change; else empty."
    )
    steps: list[StepView] = Field(title="Steps", description="Whom it would ask; empty where it goes out at once.")


def attachment_views(files: Any) -> list[dict[str, Any]]:
    """Return files as views of attachments are made of."""
    return [{name: getattr(file, name) for name in AttachmentView.model_fields} for file in files]


def step_views(steps: Any) -> list[StepView]:
    """Return steps as the API shows them."""
    return [StepView(**{name: _list(getattr(step, name)) for name in StepView.model_fields}) for step in steps]


def _list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
