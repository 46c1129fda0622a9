"""What an operator sets once, and what is set for each account; nothing must be."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

PLC = "https://plc.directory"
APPVIEW = "did:web:api.bsky.app#bsky_appview"


class AppSettings(BaseModel):
    """The installation as an OAuth client of the AT Protocol, and the services it asks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(
        default="",
        title="Client id",
        description="URL of the client metadata document that you publish (see the README). Needed for consents; "
        "accounts with an app password need none.",
    )
    client_key: SecretStr | None = Field(
        default=None,
        title="Client key",
        description="Private key on the curve P-256 as a JSON Web Key with a kid, where the client metadata names "
        "private_key_jwt. Empty: a public client.",
    )
    plc: str = Field(
        default=PLC,
        title="Directory",
        description="URL of the directory that knows where accounts (did:plc) live.",
    )
    appview: str = Field(
        default=APPVIEW,
        title="AppView",
        description="The service that a server asks for threads and notifications, as DID and service id. "
        "Empty: the one that the server chooses.",
    )


class AccountSettings(BaseModel):
    """One connected account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recent_days: int = Field(
        default=7,
        ge=1,
        le=90,
        title="Days of own posts",
        description="How many days back the threads of own posts and answers are read, for what brought no "
        "notification.",
    )
    mark_seen: bool = Field(
        default=False,
        title="Mark notifications as seen",
        description="Whether notifications that were read here count as seen in Bluesky's apps too.",
    )
