"""What can become of a post: liked, hidden from the account's thread, deleted."""

from datetime import UTC, datetime
from typing import Any

import chorally_sdk as sdk
from chorally_bluesky import records
from chorally_bluesky.asking import AppView
from chorally_bluesky.faults import InvalidSwap
from chorally_bluesky.names import GATE, LIKE, Place, key_of, place
from chorally_bluesky.translate import root_of

MOST_HIDDEN = 300
"""Lexicon ``app.bsky.feed.threadgate``."""


async def like(http: sdk.Http, appview: AppView, account: str, uri: str, now: datetime) -> None:
    """Like a post, once: the key of the like is made of what it is about."""
    post = await appview.post(uri)
    if post.viewer.like:
        return
    record = {"$type": LIKE, "subject": {"uri": post.uri, "cid": post.cid}, "createdAt": _iso(now)}
    await records.put(http, Place(account, LIKE, key_of(f"like {post.uri}")), record)


async def delete(http: sdk.Http, account: str, uri: str) -> None:
    """Delete a post of the account's own.

    Raises:
        Rejected: It is another's.
    """
    at = place(uri)
    if at.repo != account:
        raise sdk.Rejected(
            "only what the account wrote itself can be deleted; hide it instead", reason=sdk.Reason.PERMISSION
        )
    await records.delete(http, at)


async def hide(http: sdk.Http, appview: AppView, account: str, uri: str, now: datetime, *, is_hidden: bool) -> None:
    """Hide a reply in a thread of the account, or show it again; whatever else the thread's gate says stays.

    Raises:
        Rejected: The thread is another's, or hides as much as it can.
        RetryLater: The gate was changed meanwhile.
    """
    root = place(root_of(await appview.post(uri))["uri"])
    if root.repo != account:
        raise sdk.Rejected(
            "only whoever began a thread can hide replies in it, and this account did not",
            reason=sdk.Reason.PERMISSION,
        )
    at = Place(account, GATE, root.key)
    found = await records.stored(http, at)
    gate: dict[str, Any] = dict(found.value) if found else {"$type": GATE, "post": root.uri, "createdAt": _iso(now)}
    hidden = gate.get("hiddenReplies")
    hidden = list(hidden) if isinstance(hidden, list) else []
    if (uri in hidden) == is_hidden:
        return
    gate["hiddenReplies"] = [*hidden, uri] if is_hidden else [each for each in hidden if each != uri]
    if len(gate["hiddenReplies"]) > MOST_HIDDEN:
        raise sdk.Rejected(f"a thread hides {MOST_HIDDEN} replies at most; show another one again first")
    try:
        await records.put(http, at, gate, swapRecord=found.cid if found else None)
    except InvalidSwap as error:
        raise sdk.RetryLater(f"the thread's gate was changed meanwhile: {error}") from error


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
