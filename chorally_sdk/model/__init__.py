"""The values of the contract: what is declared, what comes in, what goes out."""

from chorally_sdk.model.accounts import Account, AccountInfo, App, Grant
from chorally_sdk.model.base import Cursor, Json, Model
from chorally_sdk.model.hooks import Keys, RawHook, Verdict
from chorally_sdk.model.inbound import Attachment, Author, Event, Mark, Message, Notice, Page, Ping
from chorally_sdk.model.manifest import Budget, Channel, Dedupe, Hooks, Limits, Manifest, Stream, Unit, Verb
from chorally_sdk.model.outbound import OutboundMessage, Outgoing, Receipt

__all__ = [
    "Account", "AccountInfo", "App", "Attachment", "Author", "Budget", "Channel", "Cursor", "Dedupe", "Event", "Grant",
    "Hooks", "Json", "Keys", "Limits", "Manifest", "Mark", "Message", "Model", "Notice", "OutboundMessage", "Outgoing",
    "Page", "Ping", "RawHook", "Receipt", "Stream", "Unit", "Verb", "Verdict",
]  # fmt: skip
