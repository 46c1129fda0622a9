"""Names of the page's channels and streams, and what its webhooks are subscribed to."""

COMMENT = "facebook_comment"
"""The channel of comments on a page's posts."""
MESSAGE = "facebook_message"
"""The channel of Messenger."""
POST = "facebook_post"
"""The channel of posts: the page's own, visitors', and mentions."""

COMMENTS, MESSAGES, POSTS, MENTIONS = "comments", "messages", "posts", "mentions"
"""The streams that poll comments, conversations, visitors' posts, and posts elsewhere that mention the page."""

OF_COMMENTS = ("feed",)
OF_MESSAGES = (
    *("messages", "messaging_postbacks", "message_echoes", "message_deliveries", "message_reads"),
    *("message_reactions", "messaging_handovers", "standby"),
)
OF_POSTS = ("mention",)
"""Fields of the object Page ("Webhooks for Pages", read 2026-11-23); ``feed`` tells of posts, too."""
