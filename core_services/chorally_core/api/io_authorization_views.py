"""What goes in and out of the I/O API about consents; nothing of them is secret but the URL, which is told once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from chorally_core.api.io_views import Connector, In, Name, Settings, SilenceHours
from chorally_core.services.io.authorizations import Authorization


class AuthorizationAdd(In):
    """A consent to ask for."""

    connector: Connector
    app_id: str | None = Field(
        None, title="App", description="Id of the developer app; the tenant's own, or the installation's, if left out."
    )
    account_id: str | None = Field(
        None, title="Account", description="An account to connect again; it is, as soon as the person has consented."
    )
    hint: str = Field(
        "", title="Hint", description="The handle or server that the person typed, where the platform needs one.",
        max_length=500,
    )  # fmt: skip
    return_url: str = Field(
        "", title="Return URL", description="Where the browser goes afterwards, among those that the operator allows.",
        max_length=2000,
    )  # fmt: skip


class AuthorizationView(BaseModel):
    """A consent that was asked for."""

    id: str = Field(title="Id", description="Id of the authorization.")
    connector: str = Field(title="Connector", description="Platform that is asked.")
    state: Literal["waiting", "exchanging", "done", "failed"] = Field(
        title="State", description="Whether the person is awaited, or has consented, and whether that worked."
    )
    reason: str = Field(title="Reason", description="Why it failed, or what did not work of it; empty if all is well.")
    account_id: str | None = Field(title="Account", description="The account that is connected again by it.")
    expires_at: datetime = Field(title="Expires", description="Until when the person can consent.")
    url: str | None = Field(
        None, title="URL", description="The page of consent, to open in the person's browser; told once, at the start."
    )

    @classmethod
    def of(cls, asked: Authorization, url: str | None = None) -> "AuthorizationView":
        """Return what is seen of a consent."""
        return cls(
            id=asked.id, connector=asked.platform, state=asked.state, reason=asked.reason, account_id=asked.account_id,
            expires_at=asked.expires_at, url=url,
        )  # fmt: skip


class FoundView(BaseModel):
    """An account that a consent opens."""

    external_id: str = Field(title="External id", description="The platform's id of it.")
    name: str = Field(title="Name", description="The platform's name of it.")
    missing_scopes: list[str] = Field(title="Missing scopes", description="Permissions that the platform withholds.")
    account_id: str | None = Field(title="Account", description="The tenant's account of it, if there is one already.")


class FoundList(BaseModel):
    """All accounts that a consent opens."""

    items: list[FoundView] = Field(title="Items", description="As the platform lists them.")


class ChoiceIn(In):
    """An account to connect, and how."""

    external_id: str = Field(title="External id", description="As the list of found accounts says.", max_length=500)
    name: Name | None = None
    settings: Settings = {}
    backfill_days: float = Field(
        0, title="Back-fill", description="Days of history to import; 0 for none.", ge=0, le=3650
    )
    ticket_per: Literal["author", "thread"] = Field(
        "author", title="Ticket per", description="Whether an author's threads share a ticket or have one each."
    )
    silence_hours: SilenceHours = 0


class Choices(In):
    """The accounts to connect."""

    accounts: list[ChoiceIn] = Field(
        title="Accounts", description="Those that the person chose.", min_length=1, max_length=200
    )


class ConnectedView(BaseModel):
    """What became of one choice."""

    external_id: str = Field(title="External id", description="The platform's id of it.")
    account_id: str | None = Field(title="Account", description="The account; null where it could not be connected.")
    error: str = Field(title="Error", description="Why it could not; empty if it could.")


class ConnectedList(BaseModel):
    """What became of all choices."""

    items: Sequence[ConnectedView] = Field(title="Items", description="In the order in which they were chosen.")
