"""Bytes that are what they are said to be."""

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
"""How every PNG begins."""


def a_png(size_bytes: int) -> bytes:
    """Return bytes that begin as a picture does, and are none."""
    return PNG_HEAD + bytes(size_bytes - len(PNG_HEAD))
