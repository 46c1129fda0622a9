"""I/O service: hosts the connectors; everything with consequences around their calls is here."""
