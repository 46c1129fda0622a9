"""What an operator sets: once for the app at Meta, and once for each page."""

from chorally_meta.settings import MetaApp
from pydantic import BaseModel, ConfigDict, Field


class AppSettings(MetaApp):
    """The app at developers.facebook.com that receives webhooks for all pages."""


class AccountSettings(BaseModel):
    """One connected page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page_id: str = Field(
        default="",
        title="Page id",
        description="Digits; any other page's or person's token is refused. Empty: the page that the token belongs to.",
    )
    messages: bool = Field(
        default=True,
        title="Messages",
        description="Whether Messenger is read and subscribed to; off for an app without pages_messaging.",
    )
    posts: bool = Field(
        default=True,
        title="Posts",
        description="Whether visitors' posts and mentions are read and subscribed to.",
    )
