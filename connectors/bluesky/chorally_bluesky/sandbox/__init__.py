"""A small network that lives in memory: one server of accounts, its AppView, directory and consent.

It stands on the SDK's framework for twins (``chorally-bluesky[sandbox]``); nothing in production imports it.
"""

from chorally_bluesky.sandbox.network import Network

__all__ = ["Network"]
