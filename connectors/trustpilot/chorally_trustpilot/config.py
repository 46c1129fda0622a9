"""What an operator sets: once for the application at Trustpilot, and once for each business unit."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class AppSettings(BaseModel):
    """The application in Trustpilot Business, under Integrations > Developers > APIs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(
        default="", title="API key", description="Of the application; Trustpilot also calls it the client id."
    )
    client_secret: SecretStr = Field(default=SecretStr(""), title="API secret", description="Of the application.")
    client_credentials: bool = Field(
        default=False,
        title="Without a person's consent",
        description="Calls are made by the API key and secret alone, for business units of their owner; each account "
        "then needs the id of the business user who replies.",
    )


class AccountSettings(BaseModel):
    """One business unit: what Trustpilot calls a domain with its reviews."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    domain: str = Field(
        default="",
        title="Domain",
        description="Under which the business unit is found, such as example.com; not needed where its id is given.",
    )
    business_unit_id: str = Field(
        default="",
        pattern=r"^[0-9A-Za-z_-]*$",
        title="Business unit id",
        description="24 hexadecimal digits; found by the domain where empty.",
    )
    business_user_id: str = Field(
        default="",
        title="Business user id",
        description="In whose name replies are published, from the person's profile in Trustpilot Business; empty: the "
        "person who consented.",
    )
    webhook_word: SecretStr = Field(
        default=SecretStr(""),
        title="Word in the webhook's URL",
        description="A long random word that is added to the URL in Trustpilot Business as ?word=…; without one no "
        "webhook is taken, for Trustpilot signs none.",
    )
    recheck_days: int = Field(
        default=30,
        ge=0,
        le=3650,
        title="Days looked at again",
        description="Reviews that are no older are looked at again each hour for edits, reports and replies made "
        "elsewhere; 0 leaves that to webhooks.",
    )
