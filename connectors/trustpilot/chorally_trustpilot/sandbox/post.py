"""How the sandbox posts webhooks: events in one body, unsigned, to the URL that was set in the portal."""

import json
from collections.abc import Mapping
from typing import Any

from chorally_sdk.sandbox import Courier
from chorally_trustpilot.sandbox.world import Value

API = "https://api.trustpilot.com/v1"


class Post(Courier):
    """Events as Trustpilot posts them."""

    def pack(self, changes: list[tuple[Any, Any]]) -> bytes:
        """Return a body of several events."""
        return json.dumps({"events": [event for _, event in changes]}).encode()

    def headers(self, body: bytes, *, is_forged: bool = False) -> Mapping[str, str]:
        """Return no proof: there is none but the URL."""
        return {"Content-Type": "application/json"}


def event(kind: str, review: Value) -> Value:
    """Return what a webhook tells of a review."""
    about = {
        name: review[name]
        for name in ("id", "language", "stars", "title", "text", "referenceId", "createdAt", "isVerified", "tags")
    }
    consumer = review["consumer"]
    shown = consumer and {
        "id": consumer["id"],
        "name": consumer["displayName"],
        "link": f"{API}/consumers/{consumer['id']}",
    }
    more = {"locationId": None, "link": f"{API}/reviews/{review['id']}", "consumer": shown}
    return {"eventName": f"service-review-{kind}", "version": "1", "eventData": {**about, **more}}
