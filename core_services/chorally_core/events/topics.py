"""The topics that do not depend on the installed connectors."""

AUTHORS = "authors"
MESSAGES = "messages"
TICKETS = "tickets"
LOGS = "logs"
RULE_TRIGGERS = "rule-triggers"
QUEUE_TRIGGERS = "queue-triggers"
PUBLICATIONS = "publications"
DEAD_LETTERS = "dead-letters"

MODERATIONS = ("edit", "delete", "hide", "unhide", "like", "read")
"""Commands of a channel that change what is there already."""

FIXED = (AUTHORS, MESSAGES, TICKETS, LOGS, RULE_TRIGGERS, QUEUE_TRIGGERS, PUBLICATIONS, DEAD_LETTERS)
