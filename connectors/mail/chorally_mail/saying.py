"""Quotes servers to people: on one line, bounded, and never with what was proof of who we are."""

import re

SHOWN = 200  # characters
_ENCODED = re.compile(r"[A-Za-z0-9+/=_-]{16,}")  # what may be a password or token in Base64, echoed


def quoted(text: str, secret: str = "") -> str:
    """Return what a server said.

    Args:
        text: Its words.
        secret: What it was shown just before, in the clear or encoded; neither is quoted.
    """
    words = "".join(char if char.isprintable() else " " for char in text)
    if secret:
        words = _ENCODED.sub("…", words.replace(secret, "…"))
    return " ".join(words.split())[:SHOWN]
