"""The project measured beside its peers: one command each, none of them a test."""
