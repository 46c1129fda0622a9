"""The homeserver as a whole: its API, its people, and the transactions of an application service."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_matrix.config import AccountSettings, AppSettings
from chorally_matrix.ids import external_id, room_and_event
from chorally_matrix.sandbox.api import PASSWORD, Api
from chorally_matrix.sandbox.errors import ERRORS
from chorally_matrix.sandbox.hooks import HS_TOKEN, Transactions
from chorally_matrix.sandbox.shown import shown
from chorally_matrix.sandbox.world import LOBBY, SERVER, US, World, user
from chorally_matrix.sending import MAX_TEXT
from chorally_sdk.sandbox import Call, Clock, Connection, Failure, Made, answers


class Homeserver(Api):
    """A homeserver with one lobby, where people speak to ``@support``."""

    description: ClassVar[str] = "matrix/data/api"
    errors: ClassVar[Mapping[str, Failure]] = ERRORS
    signs_bodies: ClassVar[bool] = False

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make a homeserver whose lobby is empty."""
        super().__init__(clock=clock, seed=seed)
        self.oauth.lifetime = timedelta(days=30)
        self.world = World(self.clock)
        self.world.create(LOBBY, US)
        self.transactions = Transactions(
            self.clock, self.faults, self.rng, callback_url="https://chorally.example/hooks"
        )
        self.transactions.deliver = "manual"
        self.world.told.append(self._happened)
        self._grant = self.a_grant()

    def _happened(self, event: dict[str, Any]) -> None:
        self.transactions.add(shown(self.world, event))

    def connection(self) -> Connection:
        """Say how the user is connected."""
        address = f"https://{SERVER}"
        app = AppSettings(homeserver=address, user="support", password=SecretStr(PASSWORD))
        settings = AccountSettings(user_id=US, hs_token=SecretStr(HS_TOKEN))
        return Connection(US, US, self._grant, settings, app)

    def second_grant(self) -> sdk.Grant:
        """Return another session of the same user."""
        return self.a_grant()

    def expire(self) -> None:
        """Let the access token end."""
        self.clock.pass_(days=31)

    async def say(
        self,
        body: str,
        *,
        author: str | None = "ada",
        parent: str | None = None,
        at: datetime | None = None,
        room: str = LOBBY,
    ) -> str:
        """Let a person say something in the lobby, or in the room of what is answered."""
        content: dict[str, Any] = {"msgtype": "m.text", "body": body}
        if parent is not None:
            room, event = room_and_event(parent)
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": event}}
        return self.happen(author, content, room=room, at=at)

    def happen(
        self,
        author: str | None,
        content: Mapping[str, Any],
        *,
        room: str = LOBBY,
        kind: str = "m.room.message",
        at: datetime | None = None,
    ) -> str:
        """Let a person, who joins first, send an event of any content."""
        who = user(author or "nobody")
        if self.world.room(room).members.get(who) != "join":
            self.world.member(room, who, "join")
        made = self.world.add(room, who, kind, content)
        if at is not None:
            made["origin_server_ts"] = int(at.timestamp() * 1000)
        return external_id(room, made["event_id"])

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person send a file with a caption."""
        uri = self.world.upload(content, "image/png")
        info = {"mimetype": "image/png", "size": len(content)}
        told = {"msgtype": "m.image", "body": body, "filename": "photo.png", "url": uri, "info": info}
        return self.happen("ada", told)

    async def edit(self, external_id: str, body: str) -> None:
        """Let a person replace what was said."""
        room, event = room_and_event(external_id)
        who = self.world.event(event)["sender"]
        content = {
            "msgtype": "m.text",
            "body": f"* {body}",
            "m.new_content": {"msgtype": "m.text", "body": body},
            "m.relates_to": {"rel_type": "m.replace", "event_id": event},
        }
        self.world.add(room, who, "m.room.message", content)

    async def remove(self, external_id: str) -> None:
        """Let a person redact what was said."""
        _, event = room_and_event(external_id)
        self.world.redact(event, self.world.event(event)["sender"])

    async def say_elsewhere(self, body: str, *, target: str) -> str:
        """Let our user answer by another client."""
        room, event = room_and_event(target)
        relation = {"m.in_reply_to": {"event_id": event}}
        made = self.world.add(room, US, "m.room.message", {"msgtype": "m.text", "body": body, "m.relates_to": relation})
        return external_id(room, made["event_id"])

    def made(self) -> Sequence[Made]:
        """Tell what our user said."""
        return [
            Made(external_id(each["room_id"], each["event_id"]), each["content"].get("body", ""), self._target(each))
            for each in self.world.said()
            if each["sender"] == US
        ]

    @staticmethod
    def _target(event: Mapping[str, Any]) -> str | None:
        answered = event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id")
        return external_id(event["room_id"], answered) if answered else None

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell whether something is still there."""
        return "visible" if self.world.event(room_and_event(external_id)[1])["content"] else "gone"

    def forget_cursors(self) -> None:
        """Let every token be unknown, as after a restore from a backup."""
        self.epoch += 1

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Return what certainly fits into an event."""
        return MAX_TEXT, "bytes"

    def hooks(self) -> Sequence[sdk.RawHook]:
        """Take the transactions that wait."""
        return [self.signed(body) for body, _ in self.transactions.taken()]

    def batch(self, *bodies: str) -> sdk.RawHook:
        """Return one transaction of several messages."""
        self.transactions.taken()
        for body in bodies:
            self.happen("ada", {"msgtype": "m.text", "body": body})
        return self.hooks()[0]

    def signed(self, body: bytes) -> sdk.RawHook:
        """Return a transaction of any body, with the token of the registration."""
        headers = {name.lower(): value for name, value in self.transactions.headers(body).items()}
        path = f"/matrix/v1/webhook/token{self.transactions.path()}"
        return sdk.RawHook(method="PUT", path=path, headers=headers, body=body, received_at=self.clock(), account=US)

    def unknown(self) -> sdk.RawHook:
        """Return a transaction with an event of a type that nobody documents."""
        self.transactions.taken()
        self.happen("ada", {"steps": 3}, kind="org.example.dance")
        return self.hooks()[0]

    def keys(self) -> sdk.Keys:
        """Return the registration's token."""
        return sdk.Keys(secrets={"hs_token": (SecretStr(HS_TOKEN),)})

    @answers("POST", "/_sandbox/application_service", on="control", is_open=True)
    async def serve(self, call: Call) -> Any:
        """Tell what happens from now on to an application service at a URL, by itself, as soon as it happens."""
        asked = json.loads(await call.request.body())
        self.transactions.callback_url = str(asked["url"]).rstrip("/")
        self.transactions.deliver = "auto"
        return {"url": self.transactions.callback_url, "hs_token": HS_TOKEN}

    def state(self) -> Mapping[str, Any]:
        """Show the rooms and what happened in them."""
        rooms = {room.id: room.members for room in self.world.rooms.values()}
        return {**super().state(), "rooms": rooms, "events": json.loads(json.dumps(self.world.events))}
