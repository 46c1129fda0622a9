"""An Instagram account that lives in memory: the documented Graph API in both flavours, and its webhooks.

``chorally-connector sandbox instagram`` serves it to people; tests and the conformance kit hold ``Account``.
"""

from chorally_instagram.sandbox.levers import Account, AccountOfPage

__all__ = ["Account", "AccountOfPage"]
