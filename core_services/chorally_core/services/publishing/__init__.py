"""The publishing service: posts of our own, at once or at a time."""
