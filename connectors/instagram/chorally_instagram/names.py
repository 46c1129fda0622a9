"""Names of the account's channels and streams, and what its webhooks are subscribed to."""

COMMENT = "instagram_comment"
"""The channel of comments: below the account's media, and those elsewhere that mention it."""
MESSAGE = "instagram_message"
"""The channel of direct messages."""
POST = "instagram_post"
"""The channel of media: the account's own, and others' that mention or tag it."""

COMMENTS, ARCHIVE, MESSAGES, MENTIONS = "comments", "archive", "messages", "mentions"
"""The streams that poll comments of the newest media, of all older ones, conversations, and media that tag the account.
"""

OF_COMMENTS = ("comments", "live_comments", "mentions")
OF_MESSAGES = (
    *("messages", "message_reactions", "message_edit", "messaging_postbacks", "messaging_seen"),
    *("messaging_referral", "messaging_handover", "standby"),
)
"""Fields of the object Instagram ("Setup Webhooks Subscriptions", read 2026-11-23)."""
OF_PAGE = ("feed",)
"""Any field of the page makes Meta tell of the Instagram account that belongs to it ("Webhooks for Instagram")."""
