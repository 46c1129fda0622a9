"""What goes in and out of the I/O API about accounts and apps; secrets only go in."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chorally_core.services.io.model import Account, AccountState, App, Health, StreamState
from chorally_core.services.io.subscription import SubscriptionRecord

Name = Annotated[str, Field(title="Name", description="Name shown to people.", min_length=1, max_length=200)]
Settings = Annotated[
    dict[str, Any],
    Field(title="Settings", description="As the connector's settings schema says.", max_length=100),
]
Credentials = Annotated[
    dict[str, Any],
    Field(
        title="Credentials",
        description="The secret settings, and `access_token`, `refresh_token`, `expires_at`, `scopes`. Never shown.",
        max_length=100,
    ),
]
Connector = Annotated[str, Field(title="Connector", description="Platform of an installed connector.", max_length=64)]
SilenceHours = Annotated[
    float,
    Field(
        title="Silence",
        description="Hours without a message after which the account counts as silent; 0 for never.",
        ge=0,
        le=8760,
    ),
]


class In(BaseModel):
    """A body: unknown fields are refused, and what is wrong is told without repeating it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class AccountAdd(In):
    """An account to connect."""

    connector: Connector
    name: Name
    settings: Settings = {}
    credentials: Credentials = {}
    app_id: str | None = Field(
        None, title="App", description="Id of the developer app; the tenant's own, or the installation's, if left out."
    )
    backfill_days: float = Field(
        0, title="Back-fill", description="Days of history to import; 0 for none. History triggers no rule.", ge=0,
        le=3650,
    )  # fmt: skip
    ticket_per: Literal["author", "thread"] = Field(
        "author", title="Ticket per", description="Whether an author's threads share a ticket or have one each."
    )
    silence_hours: SilenceHours = 0


class AccountChange(In):
    """What to change of an account; what is left out stays."""

    name: Name | None = None
    settings: Settings | None = None
    credentials: Credentials | None = None
    silence_hours: SilenceHours | None = None


class StreamView(BaseModel):
    """How far one thing that is pulled has come."""

    stream: str = Field(title="Stream", description="Name of what is pulled.")
    lane: Literal["live", "import"] = Field(title="Lane", description="What is new, or history.")
    pages: int = Field(title="Pages", description="Pages stored so far.")
    messages: int = Field(title="Messages", description="Messages in them.")
    expected: int | None = Field(title="Expected", description="How many there are in all, where the platform tells.")
    finished: bool = Field(title="Finished", description="Whether an import has reached its end.")
    failures: int = Field(title="Failures", description="Failures in a row.")
    error: str = Field(title="Error", description="The last failure; empty while all is well.")
    last_run_at: datetime | None = Field(title="Last run", description="When it was pulled last.")

    @classmethod
    def of(cls, state: StreamState) -> "StreamView":
        """Return what is seen of a stream."""
        return cls.model_validate({name: getattr(state, name) for name in cls.model_fields})


class HealthView(BaseModel):
    """How an account is doing."""

    last_message_at: datetime | None = Field(title="Last message", description="When a message came in last.")
    last_success_at: datetime | None = Field(title="Last success", description="When the platform answered last.")
    last_error: str = Field(title="Last error", description="What went wrong last; empty if nothing did.")
    last_error_at: datetime | None = Field(title="Last error at", description="When that was.")
    unanswered_since: datetime | None = Field(
        title="Unanswered since",
        description="Since when the platform answers no call and is left alone; empty if it does.",
    )
    messages: int = Field(title="Messages", description="Messages that came in since the account was connected.")
    token_expires_at: datetime | None = Field(title="Token expiry", description="When the token ends, if it does.")
    missing_scopes: list[str] = Field(title="Missing scopes", description="Permissions that the platform withholds.")
    silent: bool = Field(title="Silent", description="Whether nothing has come for longer than `silence_hours`.")


class SubscriptionView(BaseModel):
    """How an account is subscribed to its platform's webhooks."""

    external_id: str = Field(title="External id", description="The platform's id of it; empty while there is none.")
    expires_at: datetime | None = Field(title="Expiry", description="When it ends unless it is renewed, if it does.")
    renewed_at: datetime | None = Field(title="Renewed", description="When it was made, renewed or healed last.")
    next_at: datetime | None = Field(
        title="Next", description="When it is asked for again; empty where the account must be connected again first."
    )
    lost: bool = Field(title="Lost", description="Whether the platform has said that it is gone.")
    failures: int = Field(title="Failures", description="Failures in a row.")
    error: str = Field(title="Error", description="The last failure; empty while all is well.")

    @classmethod
    def of(cls, record: SubscriptionRecord) -> "SubscriptionView":
        """Return what is seen of a subscription."""
        return cls(
            external_id=record.external_id,
            expires_at=record.expires_at,
            renewed_at=record.made_at,
            next_at=record.next_at,
            lost=record.is_lost,
            failures=record.failures,
            error=record.error,
        )


class AccountView(BaseModel):
    """A connected page, bot, mailbox or profile."""

    id: str = Field(title="Id", description="Id of the account.")
    connector: str = Field(title="Connector", description="Platform of its connector.")
    name: str = Field(title="Name", description="Name shown to people.")
    external_id: str = Field(title="External id", description="The platform's id of it.")
    external_name: str = Field(title="External name", description="The platform's name of it.")
    app_id: str | None = Field(title="App", description="Developer app that it was connected with, if one was named.")
    settings: dict[str, Any] = Field(title="Settings", description="Its settings, without the secret ones.")
    state: AccountState = Field(title="State", description="Whether it works, and what must be done if not.")
    reason: str = Field(title="Reason", description="Why it is not simply connected; empty if it is.")
    ticket_per: str = Field(title="Ticket per", description="Whether an author's threads share a ticket.")
    silence_hours: float = Field(title="Silence", description="Hours after which silence is reported; 0 for never.")
    backfill_since: datetime | None = Field(title="Back-fill", description="How far back history is imported.")
    created_at: datetime = Field(title="Created", description="When it was added.")
    connected_at: datetime = Field(title="Connected", description="Since when it is pulled.")
    webhook_path: str | None = Field(
        title="Webhook path", description="Where the platform sends its webhooks; told only to who may change accounts."
    )
    health: HealthView = Field(title="Health", description="How it is doing.")
    subscription: SubscriptionView | None = Field(
        title="Subscription", description="Its subscription to webhooks; empty where the host makes none."
    )
    streams: list[StreamView] = Field(title="Streams", description="What is pulled, and how far that has come.")
    version: int = Field(title="Version", description="Goes up with each change; the `ETag` is made of it.")

    @classmethod
    def of(
        cls,
        account: Account,
        health: Health,
        streams: Iterable[StreamState],
        *,
        silent: bool,
        webhook_path: str | None,
        subscription: SubscriptionRecord | None = None,
        token_expires_at: datetime | None,
    ) -> "AccountView":
        """Return what is seen of an account."""
        return cls(
            id=account.id,
            connector=account.platform,
            name=account.name,
            external_id=account.external_id,
            external_name=account.external_name,
            app_id=account.app_id,
            settings=account.settings,
            state=account.state,
            reason=account.reason,
            ticket_per=account.ticket_per,
            silence_hours=(account.silence_s or 0) / 3600,
            backfill_since=account.since,
            created_at=account.created_at,
            connected_at=account.connected_at,
            webhook_path=webhook_path,
            health=HealthView(
                last_message_at=health.last_message_at,
                last_success_at=health.last_success_at,
                last_error=health.last_error,
                last_error_at=health.last_error_at,
                unanswered_since=health.unanswered_since,
                messages=health.messages,
                token_expires_at=token_expires_at,
                missing_scopes=list(account.missing_scopes),
                silent=silent,
            ),
            subscription=SubscriptionView.of(subscription) if subscription is not None else None,
            streams=[StreamView.of(state) for state in streams],
            version=account.version,
        )


class UnknownAccount(BaseModel):
    """An account that webhooks of the tenant's own apps are about and that nobody has connected."""

    connector: str = Field(title="Connector", description="Platform of the webhooks.")
    external_id: str = Field(title="External id", description="The platform's id of the account.")
    events: int = Field(title="Events", description="How many came about it since the process started.")


class UnknownAccounts(BaseModel):
    """All of them."""

    items: list[UnknownAccount] = Field(title="Items", description="Those with the most events first.")


class AppAdd(In):
    """A developer app to add."""

    connector: Connector
    name: Name
    installation: bool = Field(
        False, title="Installation", description="Whether it serves every tenant; for whoever runs the installation."
    )
    settings: Settings = Field(
        {},
        title="Settings",
        description="As the connector's app settings schema says; a secret may be a list of two that are both live.",
    )


class AppChange(In):
    """What to change of an app; what is left out stays."""

    name: Name | None = None
    settings: Settings | None = Field(
        None, title="Settings", description="Settings to change; a secret may be a list of two that are both live."
    )
    keep_previous: bool = Field(
        False,
        title="Keep previous",
        description="Whether the secrets given join those before them, so that both are live, or take their place.",
    )


class AppView(BaseModel):
    """A developer app at a platform, without its secrets."""

    id: str = Field(title="Id", description="Id of the app.")
    connector: str = Field(title="Connector", description="Platform that it is registered at.")
    name: str = Field(title="Name", description="Name shown to people.")
    settings: dict[str, Any] = Field(title="Settings", description="Its settings, without the secret ones.")
    secrets: list[str] = Field(title="Secrets", description="Names of the secret settings that the connector has.")
    installation: bool = Field(title="Installation", description="Whether it serves every tenant.")
    webhook_path: str | None = Field(title="Webhook path", description="Where the platform sends the app's webhooks.")
    callback_path: str | None = Field(
        title="Call-back path", description="Where the platform sends people back after a consent; register it there."
    )
    created_at: datetime = Field(title="Created", description="When it was added.")
    version: int = Field(title="Version", description="The `ETag` is made of it.")

    @classmethod
    def of(
        cls, app: App, *, secrets: Iterable[str], webhook_path: str | None, callback_path: str | None = None
    ) -> "AppView":
        """Return what is seen of an app."""
        return cls(
            id=app.id,
            connector=app.platform,
            name=app.name,
            settings=app.settings,
            secrets=sorted(secrets),
            installation=not app.tenant,
            webhook_path=webhook_path,
            callback_path=callback_path,
            created_at=app.created_at,
            version=app.version,
        )
