"""Locations on Google that live in memory: reviews and replies, notifications by Pub/Sub, consents, and faults.

``chorally-connector sandbox google_business`` serves it to people; the conformance kit pulls its levers.
"""

from chorally_google_business.sandbox.levers import Sandbox

__all__ = ["Sandbox"]
