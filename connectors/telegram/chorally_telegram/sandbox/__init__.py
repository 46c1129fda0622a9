"""A Telegram bot that lives in memory: the documented Bot API for messages, its webhooks, and its long polling.

``chorally-connector sandbox telegram`` serves it to people; the conformance kit pulls its levers.
"""

from chorally_telegram.sandbox.levers import Sandbox

__all__ = ["Sandbox"]
