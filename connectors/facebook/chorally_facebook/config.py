"""What an operator sets: once for the app at Meta, and once for each page."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class AppSettings(BaseModel):
    """The app at developers.facebook.com that receives webhooks for all pages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(
        default="",
        title="App id",
        description="From the app's dashboard, Settings > Basic. Needed to connect pages by consent.",
    )
    app_secret: SecretStr = Field(
        title="App secret",
        description="From the app's dashboard, Settings > Basic. Webhooks are signed with it.",
    )
    verify_token: SecretStr = Field(
        title="Verify token",
        description="Any long random text; type the same one into the app's dashboard, Webhooks > Page.",
    )


class AccountSettings(BaseModel):
    """One connected page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page_id: str = Field(
        default="",
        title="Page id",
        description="Digits; any other page's or person's token is refused. Empty: the page that the token belongs to.",
    )
