"""What an operator sets for one bot; its token is the account's access token, and no setting."""

from pydantic import BaseModel, ConfigDict, Field

KINDS = (
    *("message", "edited_message", "channel_post", "edited_channel_post"),
    *("business_connection", "business_message", "edited_business_message", "deleted_business_messages"),
    *("guest_message", "message_reaction", "callback_query", "my_chat_member", "chat_join_request"),
    *("poll", "poll_answer", "purchased_paid_media", "managed_bot"),
)
"""Kinds of updates that are asked for unless the settings name others (Bot API 10.1, "Update")."""


class AccountSettings(BaseModel):
    """One connected bot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    update_kinds: tuple[str, ...] = Field(
        default=KINDS,
        title="Kinds of updates",
        description="What Telegram shall tell, by the names of the Bot API. `message_reaction` and `chat_member` are "
        "told only to bots that are administrators of the chat.",
    )
    poll_s: int = Field(
        default=25,
        ge=1,
        le=50,
        title="Long poll, seconds",
        description="How long Telegram may hold a question for news, where no webhook is set.",
    )
    max_connections: int = Field(
        default=40,
        ge=1,
        le=100,
        title="Webhook connections",
        description="How many updates Telegram may deliver at the same time, 1 to 100.",
    )
