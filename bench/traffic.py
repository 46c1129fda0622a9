"""Made-up webhooks: comments on the posts of some pages, one to a hook, signed as Meta signs them."""

import hashlib
import hmac
import json
import random
from datetime import datetime
from typing import NamedTuple

import chorally_sdk as sdk

SECRET = "an-app-secret-made-up-for-measuring"
PATH = "/facebook/v1/webhook"
BEGIN = 1_796_000_000
"""Unix seconds of the first comment."""

_RECENT = 2_000  # hooks of which one may be delivered again
_TEXT = (
    "the order has not arrived yet and nobody answers could you please look into it thank you very much I like your"
    " new shop but opening hours on the page seem wrong today my parcel was left at another door who can help"
)


class Hook(NamedTuple):
    """One delivery."""

    body: bytes
    signature: str
    page: str
    person: str
    is_repeat: bool

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers."""
        return {
            "host": "hooks.example.com",
            "user-agent": "Webhooks/1.0 (https://fb.me/webhooks)",
            "accept": "*/*",
            "content-type": "application/json",
            "content-length": str(len(self.body)),
            "x-hub-signature-256": f"sha256={self.signature}",
        }

    def raw(self, at: datetime) -> sdk.RawHook:
        """Return the request as the webhook door makes it."""
        return sdk.RawHook.model_construct(
            method="POST", path=PATH, query={}, headers=self.headers, body=self.body, received_at=at, account=None
        )

    def request(self, path: str = PATH) -> bytes:
        """Return the bytes of the HTTP request."""
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


class Traffic:
    """Gives hooks, always the same ones for a seed."""

    def __init__(
        self, *, pages: int = 20, authors: int = 5_000, repeats: float = 0.3, size: int = 1_130, seed: int = 1
    ) -> None:
        """Prepare to give hooks.

        Args:
            pages: Pages that are commented on, one for each tenant.
            authors: People who comment; each on one page, as a person has another id on every page.
            repeats: Share of deliveries that repeat a recent one byte for byte.
            size: Bytes of a body.
            seed: Of what is random.
        """
        self.pages = [f"{102_000_000_000 + number * 7_919}" for number in range(pages)]
        self._authors = authors
        self._repeats = repeats
        self._size = size
        self._random = random.Random(seed)
        self._words = _TEXT.split()
        self._recent: list[Hook] = []
        self.given = 0
        self.fresh = 0

    def take(self, count: int) -> list[Hook]:
        """Return the next hooks."""
        return [self._next() for _ in range(count)]

    def _next(self) -> Hook:
        self.given += 1
        if self._recent and self._random.random() < self._repeats:
            return self._random.choice(self._recent)._replace(is_repeat=True)
        hook = self._new()
        if len(self._recent) < _RECENT:
            self._recent.append(hook)
        else:
            self._recent[self.fresh % _RECENT] = hook
        self.fresh += 1
        return hook

    def _new(self) -> Hook:
        person = self._random.randrange(self._authors)
        page = self.pages[person % len(self.pages)]
        post = f"{page}_{4_400 + self.fresh // 50}"
        value = {
            "from": {"id": f"{61_550_000_000_000 + person}", "name": f"Customer {person}"},
            "post": {"status_type": "added_photos", "is_published": True, "id": post, "promotion_status": "inactive"},
            "message": "",
            "post_id": post,
            "comment_id": f"{post.split('_')[1]}_{900_000_000 + self.fresh}",
            "created_time": BEGIN + self.fresh // 100,
            "item": "comment",
            "parent_id": post,
            "verb": "add",
        }
        change = {"field": "feed", "value": value}
        document = {
            "object": "page",
            "entry": [{"id": page, "time": BEGIN + self.fresh // 100 + 1, "changes": [change]}],
        }
        room = self._size - len(json.dumps(document))
        value["message"] = " ".join(self._random.choices(self._words, k=room // 3))[:room].ljust(room, ".")
        body = json.dumps(document).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        return Hook(body, signature, page, f"{61_550_000_000_000 + person}", False)
