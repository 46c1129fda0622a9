"""A page of LinkedIn that lives in memory: posts, comments, files, notifications, consent.

It stands on the SDK's framework for twins (``chorally-linkedin[sandbox]``); nothing in production imports it.
"""

from chorally_linkedin.sandbox.levers import Sandbox

__all__ = ["Sandbox"]
