"""What tells one content from any other: a hash of everything that people will see, and when."""

import hashlib
from typing import Any

import msgspec


def hashed(content: Any) -> str:
    """Return 64 hex digits that only this content gives."""
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
