"""Metadata service: tags, fields of the tenant's own, canned replies, saved views and macros."""
