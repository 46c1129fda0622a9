"""What an operator sets: once for the app at Meta, and once for each Instagram account."""

from typing import Literal

from chorally_meta.settings import MetaApp
from pydantic import BaseModel, ConfigDict, Field


class AppSettings(MetaApp):
    """The app at developers.facebook.com that receives webhooks for all accounts."""

    login: Literal["instagram", "facebook"] = Field(
        default="instagram",
        title="Login",
        description="instagram: Instagram Login, one account for each consent. facebook: Facebook Login, the accounts "
        "that belong to a person's pages.",
    )

    @property
    def is_by_facebook(self) -> bool:
        """Whether accounts are reached through their Facebook pages."""
        return self.login == "facebook"


class AccountSettings(BaseModel):
    """One connected account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_id: str = Field(
        default="",
        title="Account id",
        description="The professional account's id (user_id, not the id of /me); a token of any other is refused. "
        "Empty: the account that the token belongs to.",
    )
    messages: bool = Field(
        default=True,
        title="Messages",
        description="Whether direct messages are read and subscribed to; off for an app without that permission.",
    )
    recent_media: int = Field(
        default=50,
        ge=1,
        le=1000,
        title="Recent media",
        description="How many of the newest media are asked for new comments at every poll; older ones once a day.",
    )
