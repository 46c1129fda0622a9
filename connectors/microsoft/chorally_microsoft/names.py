"""Words that several modules need: channels, streams, hosts."""

TEAMS = "teams_message"
OUTLOOK = "outlook_mail"

INBOX = "inbox"
"""The stream of what arrives; also Graph's well-known name of the folder."""
SENT = "sentitems"
"""The stream of what the mailbox sends, by whatever program; also Graph's well-known name of the folder."""
REMOVED = "removed"
"""Pings of mails that left a folder: only a look tells whether they were deleted, or filed elsewhere."""
ACTIVITIES = "activities"
"""Pings of activities that say nothing, such as somebody typing."""

GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN = "https://login.microsoftonline.com"
KEYS = "https://login.botframework.com/v1/.well-known/keys"
"""The ``jwks_uri`` of https://login.botframework.com/v1/.well-known/openidconfiguration (read 2026-11-23)."""
TEAMS_SERVICE = "https://smba.trafficmanager.net/teams/"
"""Where a bot speaks that does not know the region of a conversation."""

SERVICE_HOSTS = ("smba.trafficmanager.net", "smba.infra.gcc.teams.microsoft.com", "*.botframework.com")
"""Hosts that a bot's token is given to."""
FILE_HOSTS = ("*.sharepoint.com", "*.teams.microsoft.com", "*.asm.skype.com")
"""Hosts that keep what people attach in Teams."""
UPLOAD_HOSTS = ("outlook.office.com", "outlook.office365.com")
"""Hosts that take large attachments of mails in pieces."""
