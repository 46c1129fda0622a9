"""What an operator sets: once for the app at Meta, and once for each phone number."""

from chorally_meta.settings import MetaApp
from pydantic import BaseModel, ConfigDict, Field


class AppSettings(MetaApp):
    """The app at developers.facebook.com that receives webhooks for all phone numbers."""


class AccountSettings(BaseModel):
    """One connected phone number; its token is a system user's, pasted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phone_number_id: str = Field(
        title="Phone number id",
        description="Digits, from the app's dashboard, WhatsApp > API Setup; not the phone number itself.",
    )
    waba_id: str = Field(
        title="WhatsApp Business Account id",
        description="Digits, from the same page: the account that the phone number and its templates belong to.",
    )
    read_receipts: bool = Field(
        default=True,
        title="Read receipts",
        description="Whether people are shown that their messages were read; off: marking as read tells WhatsApp "
        "nothing.",
    )
    typing: bool = Field(
        default=False,
        title="Typing indicator",
        description="Whether people are shown, with the read receipt, that an answer is being written.",
    )
    references: bool = Field(
        default=True,
        title="References",
        description="Whether our reference travels with each message (biz_opaque_callback_data) and comes back with "
        "its delivery states, which tells what became of an answer whose confirmation got lost.",
    )
    previews: bool = Field(
        default=True, title="Link previews", description="Whether the first link of a text is shown with a preview."
    )
    like_with: str = Field(
        default="\N{THUMBS UP SIGN}",
        min_length=1,
        title="Like with",
        description="The emoji that a like becomes; WhatsApp knows reactions only.",
    )
