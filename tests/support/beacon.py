"""A made-up platform that is asked to call, and tests the URL meanwhile; subscriptions end, get lost, are shared."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from tests.support.wall import NOTE, Wall, WallPlatform, to_event

PUBLIC = "https://chorally.example"

Doors = Callable[[str, sdk.RawHook], Awaitable[sdk.Verdict]]
"""Takes the token of a URL and a request."""


class BeaconPlatform(WallPlatform):
    """The wall, with subscriptions."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self.clock = clock
        self.life: timedelta | None = timedelta(days=3)
        self.shared = False
        """Whether all walls have one subscription."""
        self.held: dict[str, dict[str, Any]] = {}
        self.asked: list[str | None] = []
        """The id of each subscription that was to be renewed; None where a new one was asked for."""
        self.fates: list[str] = []
        """What happens to the next calls about subscriptions: a status, ``lost`` after it was made, ``repeats`` what it
        refuses, or nothing."""
        self.doors: Doors | None = None
        """Where the URL is tested during the call."""
        self.names = {"token": "wall-1"}
        """What walls are called, by token."""
        self.is_away = False

    def transport(self) -> httpx.MockTransport:
        """Return the platform as a transport."""
        return httpx.MockTransport(self.serve)

    async def serve(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        if self.is_away:
            raise httpx.ConnectError("away")
        name = self.names.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if name is None:
            return httpx.Response(401, text="no")
        if request.url.path == "/wall":
            return httpx.Response(200, json={"id": name, "title": f"The wall {name}"})
        if not request.url.path.startswith("/subscriptions"):
            return self.answer(request)
        self.calls.append(f"{request.method} {request.url.path}")
        if self.fates[:1] == ["repeats"]:
            return httpx.Response(400, content=request.content)
        fate = self.fates.pop(0) if self.fates else ""
        if fate.isdigit():
            return httpx.Response(int(fate), text="not now" if fate == "503" else "no")
        if request.method == "DELETE":
            self.held.pop(request.url.path.rpartition("/")[2], None)
            return httpx.Response(204)
        return await self._subscribed(name, json.loads(request.content), fate)

    async def _subscribed(self, name: str, wanted: dict[str, Any], fate: str) -> httpx.Response:
        self.asked.append(wanted["current"])
        if self.doors is not None:
            place = urlsplit(wanted["callback"]).path
            raw = sdk.RawHook(
                method="GET", path=place, query={"word": wanted["secret"], "challenge": "42"}, received_at=self.clock()
            )
            if (await self.doors(place.rpartition("/v1/webhook")[2].strip("/"), raw)).body != b"42":
                return httpx.Response(400, text="the URL does not answer")
        key = "all" if self.shared else name
        ends = self.clock() + self.life if self.life is not None else None
        self.held[f"sub-{key}"] = {**wanted, "ends": ends}
        if fate == "lost":
            raise httpx.ReadTimeout("lost")
        return httpx.Response(200, json={"id": f"sub-{key}", "ends": ends.isoformat() if ends else None})

    def hook(self, *items: dict[str, Any], key: str = "sub-wall-1") -> tuple[str, sdk.RawHook]:
        """Return the token of the URL and a request, as the platform calls it under a subscription."""
        held = self.held[key]
        body = json.dumps({"items": items}).encode()
        place = urlsplit(held["callback"]).path
        proof = hmac.new(held["secret"].encode(), body, hashlib.sha256).hexdigest()
        raw = sdk.RawHook(
            method="POST", path=place, headers={"x-proof": proof}, body=body, received_at=self.clock()
        )  # fmt: skip
        return place.rpartition("/v1/webhook")[2].strip("/"), raw


class Beacon(Wall, sdk.Subscribes):
    """Notes on a wall, told by webhooks that are subscribed for each account."""

    alone: ClassVar[bool] = False
    """Whether notes are pulled only while no webhooks come."""
    manifest = sdk.Manifest(
        platform="beacon",
        base_url="https://beacon.example",
        hosts=("beacon.example",),
        hooks=sdk.Hooks(scope="account"),
        channels=(sdk.Channel(name=NOTE, actions={"reply": sdk.Limits(max_text=200)}),),
    )

    def streams(self) -> Sequence[sdk.Stream]:
        """Notes only."""
        return [sdk.Stream(name="notes", without_hooks=self.alone, every=timedelta(hours=1))]

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Ask for calls."""
        known = current.external_id if current else None
        wanted = {"callback": callback, "secret": secret.get_secret_value(), "current": known}
        made = (await self.http.post("/subscriptions", json=wanted)).json()
        ends = datetime.fromisoformat(made["ends"]) if made["ends"] else None
        return sdk.Subscription(external_id=made["id"], expires_at=ends, data={"n": 1})

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """Ask for no more calls."""
        await self.http.delete(f"/subscriptions/{current.external_id}")

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Look for the secret that the host made."""
        live = keys.secrets.get("subscription", ())
        if hook.method == "GET":
            known = sdk.same(hook.query.get("word", ""), live)
            return sdk.handshake(hook.query.get("challenge", "")) if known else sdk.reject()
        return sdk.accept() if sdk.signed(hook.body, hook.headers.get("x-proof", ""), live) else sdk.reject()

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Read a list of notes, marks and notices."""
        return [_notice(item, hook) if "moved" in item else to_event(item) for item in json.loads(hook.body)["items"]]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what the wall would."""
        async for page in super().pull(stream, cursor, since):
            yield page


class ForApps(Beacon):
    """Webhooks come to the URL of the app."""

    manifest = Wall.manifest.model_copy(
        update={"platform": "beacon", "base_url": "https://beacon.example", "hosts": ("beacon.example",)}
    )


class Alone(Beacon):
    """Notes are pulled only while no webhooks come."""

    alone = True


def _notice(item: dict[str, Any], hook: sdk.RawHook) -> sdk.Notice:
    return sdk.Notice(kind="moved", account=hook.account, external_id=item.get("id"), new_id=item["moved"])
