"""What an operator sets: once for the app at LinkedIn, and for each page where something differs."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

VERSION = "202608"
SITE = "https://www.linkedin.com"
SOCIAL_ACTIONS = "/rest/socialActions"
SCOPES = (
    *("r_organization_social", "w_organization_social", "r_organization_social_feed", "w_organization_social_feed"),
    "rw_organization_admin",
)
ROLES = ("ADMINISTRATOR", "CONTENT_ADMIN")


class AppSettings(BaseModel):
    """The app at developer.linkedin.com, with the Community Management API."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(
        default="", title="Client id", description="Of the app's page Auth. Needed for consents and renewals."
    )
    client_secret: SecretStr = Field(
        default=SecretStr(""),
        title="Client secret",
        description="Of the app's page Auth. Webhooks are proven by it, and their URL is.",
    )
    application_id: str = Field(
        default="",
        title="Application id",
        description="Number of the app, in the address of its page. Needed to subscribe to webhooks.",
    )
    version: str = Field(
        default=VERSION,
        pattern=r"^\d{6}(\.\d{2})?$",
        title="API version",
        description="Year and month of the API's version, sent as LinkedIn-Version; each lives about a year.",
    )
    social_actions: str = Field(
        default=SOCIAL_ACTIONS,
        pattern=r"^/\S+[^/\s]$",
        title="Path of comments",
        description="Where comments are read and written; /v2/socialActions where an app is refused at the other.",
    )
    site: str = Field(
        default=SITE,
        pattern=r"^(/|https?://\S+[^/\s])$",
        title="Site",
        description="Where consents and tokens are; / for the address of the API itself, as in a sandbox.",
    )
    scopes: tuple[str, ...] = Field(
        default=SCOPES,
        title="Scopes",
        description="What a consent asks for. LinkedIn refuses the whole consent where one of them was not granted "
        "to the app; asking for others than before ends all tokens of the same person.",
    )
    roles: tuple[str, ...] = Field(
        default=ROLES,
        title="Roles",
        description="Roles on a page by which a person may connect it.",
    )

    def token_url(self, name: str) -> str:
        """Return where tokens are asked for (``accessToken``) or about (``introspectToken``)."""
        return f"{'' if self.site == '/' else self.site}/oauth/v2/{name}"

    @property
    def consent_url(self) -> str:
        """The page of consent, which a browser opens: always a whole address."""
        return f"{SITE if self.site == '/' else self.site}/oauth/v2/authorization"


class AccountSettings(BaseModel):
    """One connected page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    organization: str = Field(
        default="",
        title="Organisation",
        description="Number or URN of the organisation; needed only where a token is pasted that opens several.",
    )
    recent_days: int = Field(
        default=30,
        ge=1,
        le=365,
        title="Days of own posts",
        description="How many days back own posts are looked at for comments: by when they were last changed.",
    )
    poll_minutes: int = Field(
        default=60,
        ge=5,
        le=1440,
        title="Minutes between polls",
        description="Time between two readings of all comments of recent posts. Each costs a call for every post, "
        "and LinkedIn's daily quotas are small.",
    )
