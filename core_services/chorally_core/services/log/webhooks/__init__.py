"""Tells a tenant's own programs what happens, by signed calls that come at least once."""
