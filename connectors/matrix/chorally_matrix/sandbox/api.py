"""The client API of the homeserver in memory, as far as the connector speaks it."""

import asyncio
import json
from typing import Any

from starlette.responses import JSONResponse, Response

from chorally_matrix.ids import CLIENT
from chorally_matrix.sandbox.shown import Unknown, listed, members_of, shown, synced
from chorally_matrix.sandbox.world import SERVER, US, World
from chorally_sdk.sandbox import Call, Refusal, Refused, Twin, answers

PASSWORD = "sandbox-password"  # noqa: S105 - opens nothing but this sandbox
MAX_EVENT = 65_536
_ADDED = 1_500  # bytes that a server adds to an event in this sandbox


class Api(Twin):
    """Routes of one user's client; people act by the levers."""

    world: World
    epoch: int = 1

    @answers("POST", f"{CLIENT}/login", on="token", is_open=True)
    async def login(self, call: Call) -> Any:
        """Give tokens for the password."""
        who = call.fields.get("identifier", {})
        if call.fields.get("type") != "m.login.password":
            raise Refusal("invalid", errcode="M_UNKNOWN", error="Bad login type.")
        if who.get("user") not in {US, "support"} or call.fields.get("password") != PASSWORD:
            raise Refusal("forbidden", error="Invalid username or password")
        made = self.oauth.issue(subject=str(call.fields.get("device_id", "AUTO")))
        return {**self._session(made), "user_id": US, "device_id": made.subject}

    @answers("POST", f"{CLIENT}/refresh", on="token", is_open=True)
    async def refresh(self, call: Call) -> Any:
        """Give other tokens for the refresh token."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": str(call.fields.get("refresh_token", "")),
            "client_id": self.oauth.client_id,
            "client_secret": self.oauth.client_secret,
        }
        try:
            self.oauth.answer(form)
        except Refused as error:
            raise Refusal("soft") from error
        return self._session(self.oauth.tokens[-1])

    def _session(self, made: Any) -> dict[str, Any]:
        told = {"access_token": made.access, "refresh_token": made.refresh}
        if made.expires_at is not None:
            told["expires_in_ms"] = int((made.expires_at - self.clock()).total_seconds() * 1000)
        return told

    @answers("GET", f"{CLIENT}/account/whoami")
    async def whoami(self, call: Call) -> Any:
        """Name the user."""
        return {"user_id": US, "device_id": "CHORALLY"}

    @answers("GET", f"{CLIENT}/sync")
    async def sync(self, call: Call) -> Any:
        """Tell what is new; wait for it as long as asked."""
        asked = json.loads(call.query.get("filter", "{}"))
        limit = min(int(asked.get("room", {}).get("timeline", {}).get("limit", 10)), self.size)
        since = call.query.get("since", "")
        self.world.happened.clear()
        told = self._synced(since, limit)
        wait_s = int(call.query.get("timeout", "0")) / 1000
        if since and wait_s and not told["rooms"]:
            try:
                async with asyncio.timeout(wait_s):
                    await self.world.happened.wait()
            except TimeoutError:
                return told
            told = self._synced(since, limit)
        if call.is_stuck:
            told["next_batch"] = since or told["next_batch"]
        return told

    def _synced(self, since: str, limit: int) -> dict[str, Any]:
        try:
            return synced(self.world, since, limit, self.epoch)
        except Unknown as error:
            raise Refusal("invalid", errcode="M_UNKNOWN", error=str(error)) from error

    @answers("GET", f"{CLIENT}/joined_rooms")
    async def joined_rooms(self, call: Call) -> Any:
        """List the rooms that the user is in."""
        return {"joined_rooms": [room.id for room in self.world.rooms.values() if room.members.get(US) == "join"]}

    @answers("GET", f"{CLIENT}/rooms/{{room}}/messages")
    async def messages(self, call: Call) -> Any:
        """List what happened in a room."""
        room = self._joined(call)
        limit = min(int(call.query.get("limit", "10")), self.size)
        try:
            told = listed(self.world, room, call.query, limit, self.epoch)
        except Unknown as error:
            raise Refusal("invalid", errcode="M_UNKNOWN", error=str(error)) from error
        if call.is_stuck and call.query.get("from"):
            told["end"] = call.query["from"]
        return told

    @answers("GET", f"{CLIENT}/rooms/{{room}}/context/{{event}}")
    async def context(self, call: Call) -> Any:
        """Show an event and the membership of who did it."""
        room = self._joined(call)
        event = self.world.event(call.path["event"])
        told = members_of(self.world, room, [event])
        return {"event": shown(self.world, event), "state": told, "events_before": [], "events_after": []}

    @answers("PUT", f"{CLIENT}/rooms/{{room}}/send/{{kind}}/{{transaction}}")
    async def send(self, call: Call) -> Any:
        """Say something; under a transaction that is known, nothing more."""
        room, transaction = self._joined(call), call.path["transaction"]
        for event in self.world.events:
            if event.get("_transaction") == transaction and event["sender"] == US:
                return {"event_id": event["event_id"]}
        if len(await call.request.body()) > MAX_EVENT - _ADDED:
            raise Refusal("large")
        relation = call.fields.get("m.relates_to", {})
        same = [
            each
            for each in self.world.events
            if call.path["kind"] == each["type"] == "m.reaction"
            and each["sender"] == US
            and each["content"].get("m.relates_to") == relation
        ]
        if same:
            raise Refusal("duplicate")
        made = self.world.add(room, US, call.path["kind"], call.fields, _transaction=transaction)
        return {"event_id": made["event_id"]}

    @answers("PUT", f"{CLIENT}/rooms/{{room}}/redact/{{event}}/{{transaction}}")
    async def redact(self, call: Call) -> Any:
        """Take an event's content away."""
        self._joined(call)
        made = self.world.redact(call.path["event"], US, str(call.fields.get("reason", "")))
        return {"event_id": made["event_id"]}

    @answers("POST", f"{CLIENT}/rooms/{{room}}/receipt/{{kind}}/{{event}}")
    async def receipt(self, call: Call) -> Any:
        """Take note of what the user has read."""
        room = self._joined(call)
        self.world.receipt(room, US, call.path["event"])
        return {}

    @answers("POST", f"{CLIENT}/rooms/{{room}}/join")
    async def join(self, call: Call) -> Any:
        """Let the user into a room that it was invited to."""
        room = self.world.room(call.path["room"])
        if room.members.get(US) not in {"invite", "join"}:
            raise Refusal("forbidden", error="You are not invited to this room.")
        if room.members[US] != "join":
            self.world.member(room.id, US, "join")
        return {"room_id": room.id}

    @answers("POST", "/_matrix/media/v3/upload", on="prepare")
    async def upload(self, call: Call) -> Any:
        """Keep a file."""
        if "content-length" not in call.request.headers:
            raise Refusal("invalid", error="Request must specify a Content-Length")
        kind = call.request.headers.get("content-type", "application/octet-stream")
        return {"content_uri": self.world.upload(await call.request.body(), kind)}

    @answers("GET", "/_matrix/client/v1/media/download/{server}/{media}")
    async def download(self, call: Call) -> Any:
        """Give a file."""
        content, kind = self.world.media[f"mxc://{call.path['server']}/{call.path['media']}"]
        return Response(content, media_type=kind, headers={"Content-Disposition": "attachment"})

    @answers("GET", "/.well-known/matrix/client", is_open=True)
    async def well_known(self, call: Call) -> Any:
        """Tell where the homeserver of this name is."""
        return JSONResponse({"m.homeserver": {"base_url": f"https://{SERVER}"}})

    def _joined(self, call: Call) -> str:
        room = self.world.rooms.get(call.path["room"])
        if room is None or room.members.get(US) != "join":
            raise Refusal("forbidden", error=f"User {US} not in room")
        return room.id
