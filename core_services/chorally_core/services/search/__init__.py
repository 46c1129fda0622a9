"""Search: what is fed into the index, and what is asked of it."""
