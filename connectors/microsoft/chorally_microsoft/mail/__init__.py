"""Mailboxes of Outlook over Microsoft Graph v1.0."""
