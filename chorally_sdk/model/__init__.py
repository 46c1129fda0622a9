"""The values of the contract: what is declared, what comes in, what goes out."""

from chorally_sdk.model.accounts import Account, AccountInfo, App, Callback, Consent, Grant
from chorally_sdk.model.base import Cursor, Json, Model
from chorally_sdk.model.hooks import Keys, RawHook, Subscription, Verdict
from chorally_sdk.model.inbound import Attachment, Author, Event, Mark, Message, Notice, Page, Ping
from chorally_sdk.model.manifest import Budget, Channel, Dedupe, Hooks, Limits, Manifest, Stream, Unit, Verb
from chorally_sdk.model.outbound import Action, OutboundMessage, Outgoing, Prepared, Publication, Receipt, Template

__all__ = [
    "Account", "AccountInfo", "Action", "App", "Attachment", "Author", "Budget", "Callback", "Channel", "Consent",
    "Cursor", "Dedupe", "Event", "Grant", "Hooks", "Json", "Keys", "Limits", "Manifest", "Mark", "Message", "Model",
    "Notice", "OutboundMessage", "Outgoing", "Page", "Ping", "Prepared", "Publication", "RawHook", "Receipt", "Stream",
    "Subscription", "Template", "Unit", "Verb", "Verdict",
]  # fmt: skip
