"""A business on WhatsApp that lives in memory: the documented Cloud API for messages, files, templates and hooks.

``chorally-connector sandbox whatsapp`` serves it to people; the conformance kit pulls its levers.
"""

from chorally_whatsapp.sandbox.levers import Twin

__all__ = ["Twin"]
