"""The topics that do not depend on the installed connectors."""

AUTHORS = "authors"
MESSAGES = "messages"
TICKETS = "tickets"
LOGS = "logs"
RULE_TRIGGERS = "rule-triggers"
QUEUE_TRIGGERS = "queue-triggers"
DEAD_LETTERS = "dead-letters"

FIXED = (AUTHORS, MESSAGES, TICKETS, LOGS, RULE_TRIGGERS, QUEUE_TRIGGERS, DEAD_LETTERS)
