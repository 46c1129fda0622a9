"""Message service: what was said, and one ticket for each author."""
