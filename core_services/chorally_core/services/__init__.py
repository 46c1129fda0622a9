"""The services: each decides about its own records and imports no other."""
