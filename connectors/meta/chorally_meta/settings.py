"""What an operator sets for an app at Meta; a connector's own ``AppSettings`` inherit it and say more."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

VERSION = "v25.0"
"""Version of the Graph API that the connectors were written against (read 2026-11-23)."""
GRAPH = f"https://graph.facebook.com/{VERSION}"
"""Where the Graph API lives, but for Instagram Login and Threads."""


class MetaApp(BaseModel):
    """The app at developers.facebook.com that receives webhooks for all accounts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(
        default="",
        title="App id",
        description="From the app's dashboard, Settings > Basic. Needed to connect accounts by consent.",
    )
    app_secret: SecretStr = Field(
        title="App secret",
        description="From the app's dashboard, Settings > Basic. Webhooks are signed with it.",
    )
    verify_token: SecretStr = Field(
        title="Verify token",
        description="Any long random text; type the same one into the app's dashboard, Webhooks.",
    )
