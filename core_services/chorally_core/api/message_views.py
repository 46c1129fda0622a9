"""What the message API takes and gives."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chorally_core.api.files_named import FileIds
from chorally_core.services.message.model import Message, Ticket


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TicketView(BaseModel):
    """A ticket: what an author and we say to each other until it is resolved."""

    id: str = Field(title="Id")
    number: int = Field(title="Number", description="Counts the tenant's tickets, for people.")
    version: int = Field(title="Version", description="Grows with each change; also the ETag.")
    account_id: str = Field(title="Account")
    platform: str = Field(title="Platform")
    channel: str = Field(title="Channel")
    author_id: str | None = Field(title="Author", description="Null where the platform does not tell who it is.")
    author_name: str = Field(title="Author's name")
    subject: str = Field(title="Subject")
    status: Literal["open", "waiting", "resolved"] = Field(
        title="Status", description="`waiting` means that the author has been answered."
    )
    snoozed_until: datetime | None = Field(title="Snoozed until")
    priority: Literal["low", "normal", "high", "urgent"] = Field(title="Priority")
    assignee_id: str | None = Field(title="Assignee")
    team_id: str | None = Field(title="Team")
    tags: list[str] = Field(title="Tags")
    custom_fields: dict[str, Any] = Field(title="Custom fields")
    language: str = Field(title="Language")
    created_at: datetime = Field(title="Created")
    updated_at: datetime = Field(title="Updated")
    first_response_at: datetime | None = Field(title="First answered")
    last_author_message_at: datetime | None = Field(title="Author's last message")
    last_agent_message_at: datetime | None = Field(title="Our last message")
    waiting_since: datetime | None = Field(title="Waiting since", description="Since when the author waits for us.")
    resolved_at: datetime | None = Field(title="Resolved")
    reopened_count: int = Field(title="Times reopened")
    message_count: int = Field(title="Messages")
    unread_count: int = Field(title="Unread messages")
    reply_window_expires_at: datetime | None = Field(title="Reply window ends")
    source_post_id: str | None = Field(title="Post", description="The platform's id of the thread it began in.")
    created_by: str = Field(title="Created by")
    merged_into: str | None = Field(title="Merged into", description="The ticket that goes on for it.")
    merged: list[str] = Field(title="Merged", description="Tickets that it goes on for, listed with its own messages.")
    split_from: str | None = Field(title="Split from", description="The ticket that its first messages came from.")
    blocked: bool = Field(False, title="Blocked", description="Whether the author is blocked.")

    @classmethod
    def of(cls, ticket: Ticket, *, blocked: bool = False) -> "TicketView":
        """Return a ticket as the API shows it."""
        values = {name: getattr(ticket, name) for name in cls.model_fields if hasattr(ticket, name)}
        own = {"tags": list(ticket.tags), "merged": list(ticket.merged), "message_count": ticket.all_messages}
        return cls.model_validate({**values, **own, "blocked": blocked})


class Presence(BaseModel):
    """An agent who has the ticket before them."""

    agent_id: str = Field(title="Agent")
    name: str = Field(title="Name")
    state: Literal["viewing", "answering"] = Field(title="State")


class TicketDetail(TicketView):
    """A ticket with who else is at it."""

    viewers: list[Presence] = Field(title="Viewers", description="Agents who view or answer it at the moment.")
    awaiting_approval: int = Field(0, title="Awaiting approval", description="Answers that somebody must approve.")


class AttachmentView(BaseModel):
    """A file that came or goes with a message."""

    kind: str = Field(title="Kind")
    external_id: str | None = Field(None, title="External id")
    url: str | None = Field(None, title="URL")
    media_type: str | None = Field(None, title="Media type")
    name: str | None = Field(None, title="Name")
    size_bytes: int | None = Field(None, title="Size in bytes")


class EarlierView(BaseModel):
    """A text that an edit replaced."""

    body: str = Field(title="Text")
    until: datetime = Field(title="Until")


class TemplateUse(_In):
    """An approved text, with what fills its placeholders."""

    name: str = Field(title="Name", min_length=1, max_length=512, description="As `/io/v1/accounts/{id}/templates`.")
    language: str = Field("", title="Language", max_length=20, description="May be left out where there is but one.")
    values: list[Annotated[str, Field(max_length=4096)]] = Field(
        [], title="Values", max_length=100, description="What fills the placeholders, in their order."
    )


class AnswerApprovalView(BaseModel):
    """Whether an answer may go out, as somebody else than its authors decides."""

    asked_at: datetime = Field(title="Asked")
    content: str = Field(title="Content", description="Hash of what may go out; named when it is approved.")
    written_by: list[str] = Field(title="Written by", description="Who wrote and edited it; they cannot approve it.")
    decided_by: str = Field(title="Decided by")
    decided_at: datetime | None = Field(title="Decided")
    reason: str = Field(title="Reason", description="Why it was rejected.")


class MessageView(BaseModel):
    """One thing said."""

    id: str = Field(title="Id")
    ticket_id: str | None = Field(title="Ticket")
    sequence: int = Field(title="Sequence", description="Its place in the ticket, from 1.")
    version: int = Field(title="Version")
    account_id: str = Field(title="Account")
    platform: str = Field(title="Platform")
    channel: str = Field(title="Channel")
    direction: Literal["inbound", "outbound", "internal"] = Field(title="Direction")
    visibility: Literal["public", "internal"] = Field(title="Visibility")
    kind: str = Field(title="Kind", description="What it is: `text`, `review`, `mail` …")
    author_id: str | None = Field(title="Author")
    author_name: str = Field(title="Author's name")
    sender_kind: str = Field(title="Kind of sender")
    sender_id: str = Field(title="Sender")
    origin: Literal["platform", "here", "external_echo"] = Field(title="Origin")
    body: str = Field(title="Text")
    subject: str = Field(title="Subject")
    attachments: list[AttachmentView] = Field(title="Attachments")
    template: TemplateUse | None = Field(title="Template", description="In place of a text of our own.")
    options: dict[str, Any] = Field(title="Options", description="What the channel was given besides.")
    custom_fields: dict[str, Any] = Field(title="Custom fields", description="What people noted of it here.")
    rating: int | None = Field(title="Rating", description="Stars, 1 to 5.")
    external_id: str | None = Field(title="External id")
    external_parent_id: str | None = Field(title="External id of what it answers")
    external_conversation_id: str | None = Field(title="External id of the thread")
    external_url: str | None = Field(title="Link")
    external_created_at: datetime | None = Field(title="Created on the platform")
    received_at: datetime = Field(title="Received, or written")
    status: Literal[
        "received", "awaiting_approval", "rejected", "withdrawn", "queued", "sending", "sent", "delivered", "read",
        "failed", "unconfirmed",
    ] = Field(title="Status")  # fmt: skip
    approval: AnswerApprovalView | None = Field(
        title="Approval", description="Of an answer that somebody else approves."
    )
    error: str = Field(title="Error")
    attempts: int = Field(title="Attempts")
    in_reply_to: str | None = Field(title="Message that it answers")
    extra: dict[str, Any] = Field(title="Extra", description="What the platform shows beside the text.")
    edited_at: datetime | None = Field(title="Edited")
    previous_versions: list[EarlierView] = Field(title="Earlier texts")
    deleted_at: datetime | None = Field(title="Deleted")
    hidden: bool = Field(title="Hidden")
    automatic: bool = Field(title="Automatic")
    backfilled: bool = Field(title="Imported history")

    @classmethod
    def of(cls, message: Message) -> "MessageView":
        """Return a message as the API shows it."""
        values: dict[str, Any] = {name: getattr(message, name) for name in cls.model_fields if hasattr(message, name)}
        values["kind"] = message.content
        values["attachments"] = [
            {name: getattr(attached, name) for name in AttachmentView.model_fields} for attached in message.attachments
        ]
        values["approval"] = None
        if (asked := message.approval) is not None:
            own = {name: getattr(asked, name) for name in AnswerApprovalView.model_fields}
            values["approval"] = {**own, "written_by": list(asked.written_by)}
        values["template"] = None
        if (used := message.template) is not None:
            values["template"] = {"name": used.name, "language": used.language, "values": list(used.values)}
        values["previous_versions"] = [{"body": e.body, "until": e.until} for e in message.previous_versions]
        return cls.model_validate(values)


class TicketChange(_In):
    """What to change of a ticket; what is left out stays."""

    status: Literal["open", "waiting", "resolved"] | None = Field(None, title="Status")
    priority: Literal["low", "normal", "high", "urgent"] | None = Field(None, title="Priority")
    assignee_id: str | None = Field(None, title="Assignee", max_length=200, description="Null takes it from everybody.")
    team_id: str | None = Field(None, title="Team", max_length=200)
    tags: list[str] | None = Field(None, title="Tags", max_length=50, description="Replaces all tags.")
    snoozed_until: AwareDatetime | None = Field(None, title="Snoozed until", description="Null wakes it.")
    custom_fields: dict[str, Any] | None = Field(
        None, title="Custom fields", description="Merged into those there are."
    )
    subject: str | None = Field(None, title="Subject", max_length=500)

    def changes(self) -> dict[str, Any]:
        """Return what was given, and only that."""
        given = self.model_dump(exclude_unset=True)
        nullable = ("assignee_id", "team_id", "snoozed_until")
        return {field: value for field, value in given.items() if value is not None or field in nullable}


class MessageAdd(_In):
    """An answer, or a note."""

    body: str = Field(
        "", title="Text", max_length=100_000, description="May be left out where there are files, or a template."
    )
    files: FileIds = []
    template: TemplateUse | None = Field(
        None, title="Template", description="An approved text in place of `body`, also after the reply window."
    )
    options: dict[str, Any] = Field({}, title="Options", description="What the channel takes besides.")
    visibility: Literal["public", "internal"] = Field(
        "public", title="Visibility", description="`public` answers the author; `internal` is a note for agents."
    )
    in_reply_to: str | None = Field(
        None, title="Message that it answers", max_length=64, description="The author's last one where left out."
    )


class PresenceSet(_In):
    """What the agent does with the ticket."""

    state: Literal["viewing", "answering", "gone"] = Field(title="State")


class BlockSet(_In):
    """Why an author is blocked."""

    reason: str = Field("", title="Reason", max_length=500)
