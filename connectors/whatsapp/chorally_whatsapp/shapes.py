"""The Cloud API's JSON, as far as we read it: webhooks, answers, files, templates."""

from typing import Any

from chorally_meta.shapes import Id, Instant, Reference, Shape
from pydantic import Field


class Metadata(Shape):
    """Which of the business's numbers a change is about."""

    phone_number_id: Id
    display_phone_number: str = ""


class Incoming(Shape):
    """A message of a person, or one of ours that is echoed; its content lies under the name of its type."""

    id: Id
    timestamp: Instant
    type: str = "unknown"
    sender: str = Field(default="", alias="from")
    """Digits of the phone number; empty where the person hides theirs."""
    from_user_id: str = ""
    """The person's id within the business."""
    to: str = ""
    to_user_id: str = ""
    group_id: str = ""


class Status(Shape):
    """What became of a message of ours."""

    id: Id
    status: str
    timestamp: Instant
    recipient_id: str = ""
    recipient_user_id: str = ""
    group_id: str = ""
    biz_opaque_callback_data: str | None = None
    errors: list[Any] = []


class Sent(Shape):
    """The answer to a message."""

    messages: list[Reference] = Field(min_length=1)
    contacts: list[Any] = []


class Number(Shape):
    """A phone number of the business."""

    id: Id
    display_phone_number: str = ""
    verified_name: str = ""
    quality_rating: str = ""


class Media(Shape):
    """A file: where it can be read for the next five minutes."""

    url: Id


class TemplateComponent(Shape):
    """A part of a template: its HEADER, BODY, FOOTER or BUTTONS."""

    type: str
    format: str = ""
    text: str = ""
    buttons: list[dict[str, Any]] = []


class KnownTemplate(Shape):
    """A template as the business's account lists it."""

    name: Id
    language: str
    status: str = ""
    parameter_format: str | None = None
    components: list[TemplateComponent] = []
