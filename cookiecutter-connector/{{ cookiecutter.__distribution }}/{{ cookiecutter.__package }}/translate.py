"""What {{ cookiecutter.title }} says, as Chorally knows it."""

{% if cookiecutter.__reads == 'yes' or cookiecutter.__lists == 'yes' %}
from datetime import datetime
{% elif cookiecutter.subscribe == 'yes' %}
from datetime import datetime
{% endif %}
from typing import TypeVar

import chorally_sdk as sdk
from pydantic import BaseModel, {{ "SecretStr, " if cookiecutter.discover == "yes" else "" }}ValidationError

{% if cookiecutter.__reads == 'yes' %}
MESSAGE = "{{ cookiecutter.platform }}_message"
{% endif %}
M = TypeVar("M", bound=BaseModel)


class Profile(BaseModel):
    """Whom a token speaks for."""

    id: str
    name: str
{% if cookiecutter.__client == 'yes' %}
    scopes: frozenset[str] = frozenset()
{% endif %}
{% if cookiecutter.discover == 'yes' %}


class Opened(BaseModel):
    """An account that a consent opens."""

    id: str
    name: str
    token: SecretStr


class Accounts(BaseModel):
    """A page of them."""

    accounts: list[Opened]
    next: str | None
{% endif %}
{% if cookiecutter.prepare == 'yes' %}


class Draft(BaseModel):
    """A text that nobody sees."""

    id: str
{% endif %}
{% if cookiecutter.offers_templates == 'yes' %}


class Approved(BaseModel):
    """A text that the platform has approved."""

    name: str
    text: str


class Approvals(BaseModel):
    """A page of them."""

    templates: list[Approved]
    next: str | None
{% endif %}
{% if cookiecutter.__reads == 'yes' or cookiecutter.__lists == 'yes' %}


class Person(BaseModel):
    """Who said something."""

    id: str
    name: str = ""


class Said(BaseModel):
    """Something that was said."""

    id: str
    text: str
    said_at: datetime
    changed_at: datetime
    by: Person | None = None
    answers: str | None = None
    thread: str
    own: bool = False
{% if cookiecutter.download == 'yes' %}
    file: str | None = None
{% endif %}
{% endif %}
{% if cookiecutter.__lists == 'yes' %}


class Listing(BaseModel):
    """A page of what was said; ``last`` is where the next one begins."""

    messages: list[Said]
    last: str
    more: bool
{% endif %}
{% if cookiecutter.subscribe == 'yes' %}


class Subscribed(BaseModel):
    """A subscription."""

    id: str
    ends_at: datetime
{% endif %}


def read(shape: type[M], raw: bytes) -> M:
    """Return an answer in its documented shape.

    Raises:
        Malformed: It has another.
    """
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        raise sdk.Malformed("this is not in the documented shape; has the API changed?", raw) from error
{% if cookiecutter.__reads == 'yes' %}


def to_message(said: Said, account: str | None = None) -> sdk.Message:
    """Return what was said, in full; ``account`` where a webhook is for several."""
    return sdk.Message(
        external_id=said.id,
        channel=MESSAGE,
        account=account,
        conversation_id=said.thread,
        parent_id=said.answers,
        author=sdk.Author(external_id=said.by.id, name=said.by.name) if said.by else None,
        sent_at=said.said_at,
        edited_at=said.changed_at if said.changed_at > said.said_at else None,
        body=said.text,
        ours=said.own,
{% if cookiecutter.download == 'yes' %}
        attachments=(sdk.Attachment(kind="file", external_id=said.file),) if said.file else (),
{% endif %}
    )
{% endif %}
