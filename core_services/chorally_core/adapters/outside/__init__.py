"""Calls to URLs that a tenant gave, to public addresses only."""

from chorally_core.adapters.outside.client import PublicOutside

__all__ = ["PublicOutside"]
