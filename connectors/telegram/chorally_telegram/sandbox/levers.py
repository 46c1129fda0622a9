"""The sandbox as people and the conformance kit take hold of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.sandbox import Clock, Connection, Made
from chorally_sdk.sandbox.levers import Subscribed
from chorally_telegram.config import AccountSettings
from chorally_telegram.ids import Place
from chorally_telegram.sandbox.twin import TOKEN, BotApi
from chorally_telegram.sandbox.world import BOT_ID, GROUP_ID, Value

SECRET = "sandbox-hook-secret"  # noqa: S105 - opens nothing but this sandbox


class Sandbox(BotApi):
    """A bot in memory: people write to it in a supergroup that it administers, or in private."""

    description = "telegram/api.json"
    signs_bodies = False

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make a bot that nobody has written to."""
        super().__init__(clock=clock, seed=seed)
        self._heard = 0

    def connection(self) -> Connection:
        """Say how the bot is connected."""
        grant = sdk.Grant(access=SecretStr(sorted(self.tokens)[0] if self.tokens else TOKEN))
        return Connection(str(BOT_ID), "Sandbox Bot", grant, AccountSettings())

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person write in the group, or in private where the parent is there."""
        replied: Value = {}
        chat = self.world.chats[GROUP_ID]
        if parent is not None:
            place = Place.of_message(parent)
            found = self.world.messages[int(place.chat), place.message or 0]
            chat, replied = found["chat"], {"reply_to_message": _bare(found)}
        sender = self.world.person(author) if author else None
        return self._told_of(self.world.message(chat, sender, at=at, text=body, **replied))

    def write(self, name: str, **content: Any) -> str:
        """Let a person write to the bot in private, and return the message's id."""
        return self._told_of(self.world.message(self.world.private(name), self.world.person(name), **content))

    def _told_of(self, message: Value, kind: str = "message") -> str:
        self.world.update(kind, dict(message))
        return Place(message["chat"]["id"], message["message_id"]).external_id

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person send a file to the group."""
        held = self.keep(content, "photo.jpg", "image/jpeg", "document")
        words: Value = {"caption": body} if body else {}
        chat, sender = self.world.chats[GROUP_ID], self.world.person("ada")
        return self._told_of(self.world.message(chat, sender, **held, **words))

    async def edit(self, external_id: str, body: str) -> None:
        """Let a person edit a message."""
        place = Place.of_message(external_id)
        message = self.world.messages[int(place.chat), place.message or 0]
        message |= {"text": body, "edit_date": int(self.clock().timestamp())}
        self._told_of(message, "edited_message")

    def made(self) -> Sequence[Made]:
        """Tell what the bot wrote."""
        return [
            Made(Place(chat, number).external_id, _words(message), _target(message))
            for (chat, number), message in self.world.messages.items()
            if message.get("from", {}).get("id") == BOT_ID
        ]

    def seen_files(self) -> Sequence[bytes]:
        """Tell the contents of the files that the bot sent."""
        ours = [message for message in self.world.messages.values() if message.get("from", {}).get("id") == BOT_ID]
        return [content for file_id, content in self.world.files.items() if f'"{file_id}"' in json.dumps(ours)]

    def media_limit(self, verb: str) -> Mapping[str, int]:
        """Return the size of an upload, whatever it is: what is no photo or video is a document."""
        return {"*/*": 50 * 2**20}

    def unread(self) -> None:
        """Let everything wait again that was confirmed."""
        self.world.unconfirm()

    def revoke(self) -> None:
        """Let the token be another."""
        self.tokens.clear()

    def second_grant(self) -> sdk.Grant:
        """Return the token of after a replacement, while the old one still works here."""
        self.tokens.add(f"{BOT_ID}:second-token-0123456789")
        return sdk.Grant(access=SecretStr(f"{BOT_ID}:second-token-0123456789"))

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Return the longest text of a message."""
        return 4096, "utf16"

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell whether a message is there."""
        place = Place.of_message(external_id)
        return "visible" if (place.chat, place.message) in self.world.messages else "gone"

    def hooks(self) -> Sequence[sdk.RawHook]:
        """Take the updates since the last time, as they would be posted; they wait for who polls, too."""
        known = sorted({**self.world.confirmed, **self.world.updates}.items())
        fresh = [update for number, update in known if number > self._heard]
        self._heard = max((number for number, _ in known), default=self._heard)
        return [self.signed(json.dumps(update).encode()) for update in fresh]

    def signed(self, body: bytes) -> sdk.RawHook:
        """Return a hook of any body."""
        headers = {"x-telegram-bot-api-secret-token": self._secret(), "content-type": "application/json"}
        return sdk.RawHook(method="POST", headers=headers, body=body, received_at=self.clock(), account=str(BOT_ID))

    def unknown(self) -> sdk.RawHook:
        """Return an update of a kind that is not documented."""
        return self.signed(json.dumps({"update_id": 1, "dance": {"steps": 3}}).encode())

    def keys(self) -> sdk.Keys:
        """Return the webhook's secret."""
        return sdk.Keys(secrets={"subscription": (SecretStr(self._secret()),)})

    def _secret(self) -> str:
        return self.world.webhook.secret if self.world.webhook else SECRET

    def subscriptions(self) -> Sequence[Subscribed]:
        """Tell the webhook."""
        hook = self.world.webhook
        return [Subscribed(str(BOT_ID), hook.url, hook.secret)] if hook else []

    def lose_subscriptions(self) -> None:
        """Delete the webhook, as another program would."""
        self._unhook()

    def refusals(self) -> Mapping[str, Any]:
        """Return the errors of the Bot API, and what each must be."""
        return {name: each for name, each in super().refusals().items() if name in self.errors}


def _bare(message: Value) -> Value:
    return {name: value for name, value in message.items() if name != "reply_to_message"}


def _words(message: Value) -> str:
    return str(message.get("text", message.get("caption", "")))


def _target(message: Value) -> str | None:
    parent = message.get("reply_to_message")
    return Place(parent["chat"]["id"], parent["message_id"]).external_id if parent else None
