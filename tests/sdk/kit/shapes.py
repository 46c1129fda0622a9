"""What the made-up platform says, and what an operator sets up there."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, SecretStr, model_validator

HOST = "guestbook.example"
NOTE = "guestbook_note"
POST = "guestbook_post"


class AppSettings(BaseModel):
    """The app at Guestbook."""

    client_id: str = Field("sandbox-client", title="Client id", description="Of the app.")
    client_secret: SecretStr = Field(
        SecretStr("sandbox-client-secret"), title="Client secret", description="Of the app."
    )
    webhook_secret: SecretStr = Field(SecretStr("sandbox-hook-secret"), title="Webhook secret", description="Signs.")
    verify_token: SecretStr = Field(SecretStr("sandbox-verify-token"), title="Verify token", description="Proves.")


class Signer(BaseModel):
    """Who signed a note."""

    id: str
    name: str = ""


class Note(BaseModel):
    """A note as the platform shows it."""

    id: str
    text: str
    signed_at: datetime
    changed_at: datetime
    signer: Signer | None = None
    answers: str | None = None
    thread: str
    own: bool = False
    file: str | None = None


class Notes(BaseModel):
    """A page of notes."""

    notes: list[Note]
    last: str | None
    more: bool


class Delivery(BaseModel):
    """One item of a hook."""

    wall: str
    kind: str
    note: Note | None = None

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, told: Any) -> Any:
        known = isinstance(told, dict) and told.get("kind") in {"signed", "changed", "removed"}
        return told if known or not isinstance(told, dict) else {"wall": told.get("wall", ""), "kind": "unknown"}


class Hook(BaseModel):
    """A hook."""

    deliveries: list[Delivery]
