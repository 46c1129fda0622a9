"""What the network shows: posts, threads, feeds and notifications, in the shapes of the lexicons."""

from typing import Any

from chorally_bluesky.sandbox.world import Record, World, iso

ACCOUNT = "Acme"


class AppView:
    """Shows the world to an account."""

    def __init__(self, world: World) -> None:
        self._world = world

    def profile(self, did: str) -> dict[str, Any]:
        """Show who somebody is."""
        handle = self._world.handle_of(did)
        return {"did": did, "handle": handle, "displayName": handle.partition(".")[0].title()}

    def post(self, post: Record, viewer: str) -> dict[str, Any]:
        """Show a post."""
        like = self._world.like_of(viewer, post.uri)
        return {
            **post.reference(),
            "author": self.profile(post.did),
            "record": post.value,
            "replyCount": len(self._world.answers(post.uri)),
            "likeCount": int(like is not None),
            "indexedAt": iso(post.indexed_at),
            "viewer": {"like": like} if like else {},
            "labels": self._labels(post),
        }

    def thread(self, post: Record, viewer: str, depth: int) -> dict[str, Any]:
        """Show a post and what hangs on it."""
        if post.uri in self._world.blocked:
            kind = "app.bsky.feed.defs#blockedPost"
            return {"$type": kind, "uri": post.uri, "blocked": True, "author": {"did": post.did}}
        shown = {"$type": "app.bsky.feed.defs#threadViewPost", "post": self.post(post, viewer)}
        if depth == 0:
            return shown
        return {**shown, "replies": [self.thread(each, viewer, depth - 1) for each in self._world.answers(post.uri)]}

    def notification(self, post: Record, reason: str) -> dict[str, Any]:
        """Show a notification."""
        subject = post.refers("parent")
        return {
            **post.reference(),
            "author": self.profile(post.did),
            "reason": reason,
            **({"reasonSubject": subject} if subject else {}),
            "record": post.value,
            "isRead": False,
            "indexedAt": min(iso(post.indexed_at), post.value["createdAt"]),
            "labels": self._labels(post),
        }

    def _labels(self, post: Record) -> list[dict[str, Any]]:
        told = {"src": post.did, "uri": post.uri, "cts": iso(post.indexed_at)}
        return [{**told, "val": label} for label in post.labels]
