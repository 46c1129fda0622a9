"""What ``Receives.verify`` answers with."""

from functools import lru_cache

from chorally_sdk.model.hooks import Verdict


@lru_cache(maxsize=256)
def accept(
    status: int = 200, body: bytes = b"", media_type: str = "text/plain", delivery_id: str | None = None
) -> Verdict:
    """Archive the hook, then answer."""
    return Verdict(kind="accept", status=status, body=body, media_type=media_type, delivery_id=delivery_id)


def handshake(body: bytes | str, media_type: str = "text/plain") -> Verdict:
    """Answer a platform that only tests the URL, and keep nothing."""
    return Verdict(kind="handshake", body=body if isinstance(body, bytes) else body.encode(), media_type=media_type)


@lru_cache(maxsize=64)
def reject(status: int = 401) -> Verdict:
    """Refuse a hook that did not prove where it comes from."""
    return Verdict(kind="reject", status=status)


@lru_cache(maxsize=1)
def stale_keys() -> Verdict:
    """Have the key sets renewed and the hook judged once more; the platform repeats it where that fails.

    Anybody can make up the name of a key: the host renews a set at most once in a while.
    """
    return Verdict(kind="stale_keys", status=503)
