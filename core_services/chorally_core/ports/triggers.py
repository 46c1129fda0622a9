"""Facts that are handed on to those who answer them by themselves: rules, bots."""

TRIGGERS = frozenset({"message_received", "message_edited", "ticket_changed"})
"""Facts that rules may answer."""

ABOUT_AUTHORS = frozenset({"author_added", "author_changed", "author_erased", "author_blocked", "author_unblocked"})
"""Facts that tell the rules who somebody is."""

ABOUT_USERS = frozenset({"user_created", "user_changed"})
"""Facts that tell the rules who is in which team."""

OF_TICKETS = frozenset({"reply_written", "message_sent_elsewhere", "ticket_woken", "ticket_merged", "ticket_split",
                        "ticket_unmerged", "ticket_absorbed", "ticket_released"})  # fmt: skip
"""Facts that no rule answers, and that tell how a ticket is: what rules wait for counts from them."""

AFTERWARDS = frozenset({"ticket_change_overtaken", "ticket_change_refused", "automatic_message_refused",
                        "moderation_refused"})  # fmt: skip
"""Facts that tell the rules what became of what they had asked for."""

FOR_BOTS = frozenset({"handed_to_bot"})
"""Facts that bots answer."""

HANDED_ON = TRIGGERS | ABOUT_AUTHORS | ABOUT_USERS | OF_TICKETS | AFTERWARDS | FOR_BOTS
"""All of them."""

OF_PEOPLE = ABOUT_AUTHORS | ABOUT_USERS
"""Those that tell of people, which are handed on also where they belong to imported history."""
