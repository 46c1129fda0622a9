"""A business unit that lives in memory, for demonstrations and tests."""

from chorally_trustpilot.sandbox.levers import Sandbox

__all__ = ["Sandbox"]
