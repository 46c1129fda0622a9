"""The connector SDK of Chorally.

``import chorally_sdk as sdk`` gives everything a connector needs: the base class ``Connector`` and its
abilities, the manifest, the events that come in, what goes out, the errors and a few helpers.
"""

from chorally_sdk.connector import (
    ABILITIES,
    ASGIApp,
    Connector,
    Downloads,
    Finds,
    Pulls,
    Receives,
    Replies,
    Sandboxes,
    abilities_of,
)
from chorally_sdk.errors import (
    ConnectorError,
    Malformed,
    OutcomeUnknown,
    RateLimited,
    Reason,
    Reauthorize,
    Rejected,
    RetryLater,
    Scope,
    Unsupported,
)
from chorally_sdk.hookspecs import hookimpl
from chorally_sdk.http import Bearer, Http, Usage, by_status, quota_headers, retry_after, visible_call
from chorally_sdk.model import (
    Account,
    AccountInfo,
    App,
    Attachment,
    Author,
    Budget,
    Channel,
    Cursor,
    Dedupe,
    Event,
    Grant,
    Hooks,
    Json,
    Keys,
    Limits,
    Manifest,
    Mark,
    Message,
    Model,
    Notice,
    OutboundMessage,
    Outgoing,
    Page,
    Ping,
    RawHook,
    Receipt,
    Stream,
    Unit,
    Verb,
    Verdict,
)
from chorally_sdk.paging import Item, descend
from chorally_sdk.webhooks import accept, handshake, reject, same, signed

__all__ = [
    # the connector and what it can do
    "Connector", "Pulls", "Receives", "Replies", "Finds", "Downloads", "Sandboxes", "ABILITIES", "ASGIApp",
    "abilities_of", "hookimpl",
    # what it declares
    "Manifest", "Channel", "Limits", "Budget", "Hooks", "Stream", "Verb", "Unit", "Dedupe",
    # whom it acts for
    "Account", "AccountInfo", "App", "Grant",
    # what comes in
    "Event", "Message", "Mark", "Ping", "Notice", "Author", "Attachment", "Page", "Cursor",
    "RawHook", "Keys", "Verdict",
    # what goes out
    "Outgoing", "OutboundMessage", "Receipt",
    # what errors cause
    "ConnectorError", "RetryLater", "RateLimited", "Reauthorize", "Rejected", "Reason", "OutcomeUnknown", "Malformed",
    "Unsupported", "Scope",
    # helpers
    "Http", "Bearer", "Usage", "by_status", "quota_headers", "retry_after", "visible_call", "descend", "Item",
    "signed", "same", "accept", "handshake", "reject", "Json", "Model",
]  # fmt: skip
