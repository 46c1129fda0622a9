"""The fields that every tenant's rules look at."""

from chorally_core.services.rule_engine.fields import Field, Type
from chorally_core.services.rule_engine.model import EVENTS, TIMED

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
STATUSES = ("open", "waiting", "resolved")

_KEY, _TEXT, _NUM, _BOOL, _SET, _TIME = Type.KEYWORD, Type.TEXT, Type.NUMBER, Type.BOOLEAN, Type.SET, Type.TIME
_IN_ZONE = "In UTC; in a time zone as `{}@Europe/Rome`."

FIELDS = (
    Field("message.channel", _KEY, "Channel", "Where it was said, such as `facebook_comment`."),
    Field("message.platform", _KEY, "Platform", "The service that it came from, such as `facebook`."),
    Field("message.account", _KEY, "Account", "Id of the account through which it came."),
    Field("message.kind", _KEY, "Kind", "What it is: `text`, `review`, `mail` and so on."),
    Field("message.text", _TEXT, "Text", "What was said, its first 2,000 characters."),
    Field("message.subject", _TEXT, "Subject", "Of a mail or review."),
    Field("message.length", _NUM, "Length", "Characters of the text, at most 2,000."),
    Field("message.language", _KEY, "Language", "As the platform tells it, such as `it`."),
    Field("message.rating", _NUM, "Rating", "Stars, 1 to 5."),
    Field("message.attachments", _SET, "Kinds of attachments", "Such as `image`."),
    Field("message.has_attachment", _BOOL, "Has an attachment"),
    Field("message.has_link", _BOOL, "Has a link", "Whether an address of a page is in the text."),
    Field("message.links", _SET, "Linked sites", "Hosts of the pages whose addresses are in the text, in lower case."),
    Field("message.post", _KEY, "Post", "The platform's id of the post, video or thread that it was said under."),
    Field("message.hashtags", _SET, "Hashtags", "Without their `#`, in lower case."),
    Field("message.mentions", _SET, "Mentions", "Names after an `@`, in lower case."),
    Field("message.first", _BOOL, "First message", "Whether it is the first of its ticket."),
    Field("message.automatic", _BOOL, "Automatic", "Whether a machine wrote it."),
    Field("message.edited", _BOOL, "Edited", "Whether its author has changed it."),
    Field("author.id", _KEY, "Author", "Id of the person."),
    Field("author.name", _TEXT, "Author's name"),
    Field("author.handle", _TEXT, "Author's handle", "Their name on the platform, such as `@ada`."),
    Field("author.followers", _NUM, "Author's followers"),
    Field("author.country", _KEY, "Author's country"),
    Field("author.language", _KEY, "Author's language"),
    Field("author.previous_tickets", _NUM, "Previous tickets", "Earlier tickets since the tenant has rules."),
    Field("author.tags", _SET, "Author's tags"),
    Field("author.blocked", _BOOL, "Author is blocked"),
    Field("ticket.number", _NUM, "Ticket number"),
    Field("ticket.status", _KEY, "Status", values=STATUSES),
    Field("ticket.previous_status", _KEY, "Previous status", "Known where the status has changed.", values=STATUSES),
    Field("ticket.priority", _KEY, "Priority", values=("low", "normal", "high", "urgent")),
    Field("ticket.assignee", _KEY, "Assignee", "Id of the agent."),
    Field("ticket.team", _KEY, "Team", "Id of the team."),
    Field("ticket.tags", _SET, "Tags"),
    Field("ticket.subject", _TEXT, "Ticket's subject"),
    Field("ticket.language", _KEY, "Ticket's language"),
    Field("ticket.created_at", _TIME, "Created"),
    Field("ticket.last_author_message_at", _TIME, "Author's last message", "That of the event included."),
    Field("ticket.last_agent_message_at", _TIME, "Our last message"),
    Field("ticket.waiting_since", _TIME, "Waiting since", "Since when the author waits for an answer."),
    Field("ticket.snoozed_until", _TIME, "Snoozed until"),
    Field("ticket.messages", _NUM, "Messages in the ticket"),
    Field("ticket.reopened", _NUM, "Times reopened"),
    Field("ticket.window_open", _BOOL, "Can be answered", "Whether the platform still takes an answer."),
    Field("ticket.window_closes_at", _TIME, "Reply window closes", "Unknown where there is no window."),
    Field("event.kind", _KEY, "Event", "For rules that answer several.", values=(*EVENTS, *TIMED)),
    Field("actor.kind", _KEY, "Who did it", values=("author", "agent", "service", "rule", "platform")),
    Field("actor.id", _KEY, "Id of who did it"),
    Field("time.weekday", _KEY, "Weekday", _IN_ZONE.format("time.weekday"), values=WEEKDAYS),
    Field("time.hour", _NUM, "Hour", f"0 to 23. {_IN_ZONE.format('time.hour')}"),
    Field("time.date", _KEY, "Date", f"Such as `2026-12-24`. {_IN_ZONE.format('time.date')}"),
)
"""The fields that every tenant has."""
