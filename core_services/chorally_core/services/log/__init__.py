"""Log service: what happened, append-only, and who must be told."""
