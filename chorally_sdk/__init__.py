"""The connector SDK of Chorally.

``import chorally_sdk as sdk`` gives everything a connector needs: the base class ``Connector`` and its
abilities, the manifest, the events that come in, what goes out, the errors and a few helpers. Each is imported
when it is first used, so that a command's help need not wait for what it does not use.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chorally_sdk.connector import (
        ABILITIES,
        ASGIApp,
        Authorizes,
        Connector,
        Discovers,
        Downloads,
        Fetches,
        Finds,
        Moderates,
        OffersTemplates,
        Prepares,
        Publishes,
        Pulls,
        Receives,
        Renews,
        Replies,
        Revokes,
        Sandboxes,
        Subscribes,
        abilities_of,
        cursor_of_today,
        settings_of_today,
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
    from chorally_sdk.http import (
        Bearer,
        Breaker,
        Budgets,
        DPoP,
        Http,
        Lane,
        LocalBudgets,
        Meter,
        Usage,
        asked_wait,
        by_status,
        lane,
        percents,
        quota_headers,
        retry_after,
        visible_call,
    )
    from chorally_sdk.model import (
        Account,
        AccountInfo,
        Action,
        App,
        Attachment,
        Author,
        Budget,
        Callback,
        Channel,
        Consent,
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
        Prepared,
        Publication,
        RawHook,
        Receipt,
        Stream,
        Subscription,
        Template,
        Unit,
        Verb,
        Verdict,
    )
    from chorally_sdk.paging import Item, descend
    from chorally_sdk.text import length
    from chorally_sdk.webhooks import (
        accept,
        challenge_of,
        claims,
        echoed,
        fields,
        handshake,
        is_recent,
        json_of,
        proven,
        reject,
        same,
        signature,
        signed,
        signed_by,
        stale_keys,
        stamped,
    )

__all__ = [
    # the connector and what it can do
    "Connector", "Renews", "Authorizes", "Revokes", "Discovers", "Pulls", "Receives", "Fetches", "Subscribes",
    "Downloads", "Prepares", "Replies", "Publishes", "Finds", "Moderates", "OffersTemplates", "Sandboxes", "ABILITIES",
    "ASGIApp", "abilities_of", "hookimpl",
    # what it declares
    "Manifest", "Channel", "Limits", "Budget", "Hooks", "Stream", "Verb", "Unit", "Dedupe",
    # whom it acts for
    "Account", "AccountInfo", "App", "Grant", "Consent", "Callback",
    # what comes in
    "Event", "Message", "Mark", "Ping", "Notice", "Author", "Attachment", "Page", "Cursor",
    "RawHook", "Keys", "Verdict", "Subscription",
    # what goes out
    "Outgoing", "OutboundMessage", "Publication", "Prepared", "Receipt", "Action", "Template",
    # what errors cause
    "ConnectorError", "RetryLater", "RateLimited", "Reauthorize", "Rejected", "Reason", "OutcomeUnknown", "Malformed",
    "Unsupported", "Scope",
    # what a host gives
    "Budgets", "LocalBudgets", "Meter", "Breaker", "Lane", "lane",
    # helpers
    "Http", "Bearer", "DPoP", "Usage", "by_status", "quota_headers", "percents", "retry_after", "asked_wait",
    "visible_call", "descend", "Item",
    "accept", "handshake", "reject", "stale_keys", "signed", "stamped", "is_recent", "signed_by", "claims", "same",
    "signature", "fields", "echoed", "proven", "challenge_of", "json_of",
    "length", "cursor_of_today", "settings_of_today", "Json", "Model",
]  # fmt: skip

_HOMES = ("errors", "model", "connector", "hookspecs", "paging", "text", "webhooks", "http")
"""Where the names come from, the quickest to import first; the HTTP client takes as long as all the rest."""


if not TYPE_CHECKING:  # a checker would take every name for one of ours

    def __getattr__(name: str) -> Any:
        """Give what is imported when it is first asked for."""
        if name in __all__:
            for home in _HOMES:
                module = importlib.import_module(f"{__name__}.{home}")
                if hasattr(module, name):
                    globals()[name] = found = getattr(module, name)
                    return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
