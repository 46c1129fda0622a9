"""What goes out of the I/O API about dead letters, stored webhooks and their replay."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from chorally_core.ports.parking import DeadLetter
from chorally_core.services.io.model import Hook
from chorally_core.services.io.replay import Published


class DeadLetterView(BaseModel):
    """Something that could not be handled."""

    id: str = Field(title="Id", description="Id of the dead letter.")
    at: datetime = Field(title="At", description="When it was given up.")
    source: str = Field(title="Source", description="Topic that it came from, or `hooks` for a webhook.")
    group: str = Field(title="Group", description="Service that could not handle it.")
    key: str = Field(title="Key", description="Its ordering key.")
    subject: str = Field(title="Subject", description="Id of the webhook, where it is one.")
    error: str = Field(title="Error", description="Why.")
    attempts: int = Field(title="Attempts", description="How often it was tried.")
    replayed_at: datetime | None = Field(title="Replayed", description="When it was replayed; null if it was not.")

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        """Return what is seen of a dead letter in a list."""
        return cls.model_validate({name: getattr(letter, name) for name in cls.model_fields})


class DeadLetterDetail(DeadLetterView):
    """A dead letter with what is in it."""

    value: str = Field(title="Value", description="What could not be handled, as text; a webhook's is cut at 64 KiB.")
    headers: dict[str, str] = Field(title="Headers", description="The event's headers.")


class HookView(BaseModel):
    """A webhook in the journal."""

    id: str = Field(title="Id", description="Id of the row; grows in the order of arrival.")
    connector: str = Field(title="Connector", description="Platform that sent it.")
    received_at: datetime = Field(title="Received", description="When it came.")
    method: str = Field(title="Method", description="HTTP method.")
    size_bytes: int = Field(title="Size", description="Bytes of its body.")
    app_id: str | None = Field(title="App", description="App whose secret it was proven by.")
    account_id: str | None = Field(title="Account", description="Account whose URL it came to, if it has its own.")
    erased_at: datetime | None = Field(
        title="Erased", description="When it was emptied, because it was about a person who was erased."
    )

    @classmethod
    def of(cls, hook: Hook) -> "HookView":
        """Return what is seen of a webhook in a list."""
        same = {name: getattr(hook, name) for name in HookView.model_fields if name != "connector"}
        return HookView(connector=hook.platform, **same)


class HookDetail(HookView):
    """A webhook with its body."""

    query: dict[str, str] = Field(title="Query", description="Parameters of its URL.")
    headers: dict[str, str] = Field(title="Headers", description="Without those that prove or authorise.")
    body: str = Field(title="Body", description="As text; bytes that are none are replaced.")

    @classmethod
    def with_body(cls, hook: Hook, body: bytes) -> "HookDetail":
        """Return a webhook with its body."""
        text = body.decode("utf-8", errors="replace")
        return cls(**HookView.of(hook).model_dump(), query=hook.query, headers=hook.headers, body=text)


class Republished(BaseModel):
    """One event that a replay published."""

    topic: str = Field(title="Topic", description="Where it went.")
    event: str = Field(title="Event", description="Its name there.")
    id: str = Field(title="Id", description="The same at each replay of the same content.")
    key: str = Field(title="Key", description="Its ordering key.")


class Replayed(BaseModel):
    """What a replay published."""

    events: int = Field(title="Events", description="How many.")
    published: list[Republished] = Field(title="Published", description="Which, in order; at most the first 1,000.")

    @classmethod
    def of(cls, published: Sequence[Published]) -> "Replayed":
        """Return what is told of a replay."""
        return cls(events=len(published), published=[Republished(**one._asdict()) for one in published[:1000]])
