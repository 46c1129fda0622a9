"""The command for authors of connectors."""
