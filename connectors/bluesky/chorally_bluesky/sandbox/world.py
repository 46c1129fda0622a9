"""What exists on the network: accounts, their records and files, and what hangs on what."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
GATE = "app.bsky.feed.threadgate"
_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"


def cid_of(content: bytes, prefix: str = "bafyrei") -> str:
    """Return a made-up name of content; the same content has the same one."""
    return prefix + base64.b32encode(hashlib.sha256(content).digest()).decode().lower().rstrip("=")


def iso(at: datetime) -> str:
    """Return a time as the network writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Record:
    """A record of a repository; a post is one."""

    uri: str
    value: dict[str, Any]
    indexed_at: datetime
    place: int
    """Grows with every record."""
    is_noticed: bool = True
    """Whether those it is about are notified."""
    labels: list[str] = field(default_factory=list)

    @property
    def cid(self) -> str:
        """The name of its content."""
        return cid_of(json.dumps(self.value, sort_keys=True).encode())

    @property
    def did(self) -> str:
        """Whose it is."""
        return self.uri.split("/")[2]

    def reference(self) -> dict[str, str]:
        """Return what refers to it."""
        return {"uri": self.uri, "cid": self.cid}

    def refers(self, which: str) -> str:
        """Return the uri of the root or parent that it names; empty where it names none."""
        found: str = self.value.get("reply", {}).get(which, {}).get("uri", "")
        return found


class World:
    """Everything, in the order in which it was made."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._made = 0
        self.records: dict[str, Record] = {}
        self.blobs: dict[tuple[str, str], tuple[bytes, str]] = {}
        """Content and media type, by DID and name."""
        self.handles: dict[str, str] = {}
        """DID by handle."""
        self.blocked: set[str] = set()
        """Posts that are shown as blocked."""

    def account(self, name: str) -> str:
        """Return the DID of an account of the network, which there is from then on."""
        handle = name if "." in name else f"{name}.test"
        digest = base64.b32encode(hashlib.sha256(handle.encode()).digest()).decode().lower()
        return self.handles.setdefault(handle, f"did:plc:{digest[:24]}")

    def handle_of(self, did: str) -> str:
        """Return the handle of an account.

        Raises:
            KeyError: There is no such account.
        """
        for handle, known in self.handles.items():
            if known == did:
                return handle
        raise KeyError(did)

    def key(self) -> str:
        """Return a record key that was never used: a TID of now."""
        self._made += 1
        number = int(self._now().timestamp() * 1_000_000) << 10 | self._made & 1023
        return "".join(_LETTERS[number >> shift & 31] for shift in range(60, -1, -5))

    def put(self, uri: str, value: Mapping[str, Any], *, at: datetime | None = None, is_noticed: bool = True) -> Record:
        """Write a record; one that is there with the same content stays as it is."""
        known = self.records.get(uri)
        if known is not None and known.value == value:
            return known
        self._made += 1
        made = Record(uri, dict(value), at or self._now(), self._made, is_noticed)
        self.records[uri] = made
        return made

    def post(self, did: str, text: str, *, parent: str = "", at: datetime | None = None, **more: Any) -> Record:
        """Let an account post, or answer a post.

        Raises:
            KeyError: There is no such post.
        """
        is_noticed = more.pop("is_noticed", True)
        value: dict[str, Any] = {"$type": POST, "text": text, "createdAt": iso(at or self._now()), **more}
        if parent:
            above = self.records[parent]
            root = above.value["reply"]["root"] if "reply" in above.value else above.reference()
            value["reply"] = {"root": root, "parent": above.reference()}
        return self.put(f"at://{did}/{POST}/{self.key()}", value, at=at, is_noticed=is_noticed)

    def posts(self) -> Iterator[Record]:
        """Yield all posts, the newest first."""
        yield from sorted((r for r in self.records.values() if f"/{POST}/" in r.uri), key=lambda r: -r.place)

    def answers(self, uri: str) -> list[Record]:
        """Return what answers a post, the newest first."""
        return [post for post in self.posts() if post.refers("parent") == uri]

    def hidden_in(self, root: str) -> list[str]:
        """Return what is hidden in a thread by who began it."""
        gate = self.records.get(root.replace(f"/{POST}/", f"/{GATE}/"))
        found: list[str] = gate.value.get("hiddenReplies", []) if gate else []
        return found

    def like_of(self, did: str, uri: str) -> str | None:
        """Return an account's like of a post."""
        mine = (r for r in self.records.values() if r.uri.startswith(f"at://{did}/{LIKE}/"))
        return next((r.uri for r in mine if r.value["subject"]["uri"] == uri), None)

    def reason(self, post: Record, did: str) -> str | None:
        """Return why an account is notified of a post; None where it is not."""
        if post.did == did or not post.is_noticed:
            return None
        above = post.refers("parent")
        while above and above in self.records:
            if self.records[above].did == did:
                return "reply"
            above = self.records[above].refers("parent")
        if did in json.dumps(post.value.get("facets", [])):
            return "mention"
        quoted = json.dumps(post.value.get("embed", {}).get("record", {}))
        return "quote" if f"at://{did}/" in quoted else None
