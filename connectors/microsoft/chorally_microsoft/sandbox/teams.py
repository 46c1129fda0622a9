"""The bot of the sandbox as people and the conformance kit take hold of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_microsoft.bot.ids import Place
from chorally_microsoft.bot.proof import ISSUER
from chorally_microsoft.bot.speaking import MAX_TEXT
from chorally_microsoft.config import AccountSettings, AppSettings
from chorally_microsoft.login import BOT_SCOPE
from chorally_microsoft.names import KEYS, TEAMS
from chorally_microsoft.sandbox.bot import CHANNEL, SERVICE, TENANT, BotApi
from chorally_microsoft.sandbox.store import Value
from chorally_sdk.sandbox import Call, Clock, Connection, KeySet, Made, Thing, TokenKey, answers


class Vouching(KeySet):
    """Keys that say which channels they vouch for."""

    def jwks(self) -> dict[str, Any]:
        """Return the public keys, as the Bot Framework publishes them."""
        return {"keys": [{**key, "endorsements": ["msteams", "webchat"]} for key in super().jwks()["keys"]]}


class TeamsBot(BotApi):
    """A bot in a channel of Teams, where people speak to it."""

    channel = TEAMS
    description = ("microsoft/botframework-channel.swagger.json",)
    signs_bodies = False
    lacks = frozenset({"Pulls", "Fetches", "Subscribes", "Authorizes", "Discovers", "Finds", "Prepares"})
    own_only = frozenset({"delete"})

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make a bot that nobody has spoken to."""
        super().__init__(clock=clock, seed=seed)
        self.grant = self.a_grant(scopes={BOT_SCOPE}).model_copy(update={"refresh": None})
        self.key_set = Vouching(KEYS, self.clock, issuer=ISSUER, audience=self.oauth.client_id, serviceurl=SERVICE)
        self._news: list[Value] = []

    @answers("GET", "/v1/.well-known/keys", is_open=True)
    async def published(self, call: Call) -> Any:
        """Publish the keys."""
        return self.key_set.jwks()

    def connection(self) -> Connection:
        """Say how the bot is connected."""
        app = AppSettings(client_id=self.oauth.client_id, client_secret=SecretStr(self.oauth.client_secret))
        settings = AccountSettings(kind="teams", tenant_id=TENANT, service_url=SERVICE)
        return Connection(TENANT, "", self.grant, settings, app)

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person begin a thread in the channel, or answer in one."""
        told = self._add_said(body, author, parent, at)
        self._news.append(self._activity(told, "message"))
        return Place(told.more["conversation"], told.id).external_id

    def _add_said(self, body: str, author: str | None, parent: str | None, at: datetime | None) -> Thing:
        inner = Place.of(parent).activity if parent else None
        made = self.activities.add(body, author=author or "", parent=inner, at=at or self.clock())
        conversation = Place.of(parent).conversation if parent else f"{CHANNEL};messageid={made.id}"
        return self.activities.change(made.id, conversation=conversation)

    def _activity(self, thing: Thing, kind: str, **more: Any) -> Value:
        sender = {"id": f"29:{thing.author}", "name": thing.author.title()} if thing.author else {"id": ""}
        told: Value = {
            "type": kind,
            "id": thing.id,
            "timestamp": thing.more["at"].isoformat().replace("+00:00", "Z"),
            "serviceUrl": SERVICE,
            "channelId": "msteams",
            "from": sender,
            "conversation": {
                "id": thing.more["conversation"], "conversationType": "channel", "tenantId": TENANT, "isGroup": True,
            },
            "recipient": {"id": self.bot_id, "name": "Shop bot"},
            "text": thing.body,
            "textFormat": "plain",
            "channelData": {"tenant": {"id": TENANT}, "channel": {"id": CHANNEL}},
        }  # fmt: skip
        return {**told, **({"replyToId": thing.parent} if thing.parent else {}), **more}

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person put a picture into a message."""
        told = self._add_said(body, "ada", None, None)
        self.bot_files[f"file-{told.id}"] = content
        url = f"{SERVICE}v3/attachments/file-{told.id}/views/original"
        files = [{"contentType": "image/*", "contentUrl": url}]
        self._news.append(self._activity(told, "message", attachments=files))
        return Place(told.more["conversation"], told.id).external_id

    async def edit(self, external_id: str, body: str) -> None:
        """Let a person change what was said."""
        told = self.activities.change(Place.of(external_id).activity, body=body, at=self.clock())
        self._news.append(self._activity(told, "messageUpdate", channelData=_event("editMessage")))

    async def remove(self, external_id: str) -> None:
        """Let a person take back what was said."""
        told = self.activities.remove(Place.of(external_id).activity)
        self._news.append(self._activity(told, "messageDelete", channelData=_event("softDeleteMessage")))

    def made(self) -> Sequence[Made]:
        """Tell what the bot said."""
        return [self._made(thing) for thing in self.activities if thing.author is None]

    def _made(self, thing: Thing) -> Made:
        conversation = thing.more["conversation"]
        target = Place(conversation, thing.parent).external_id if thing.parent else None
        return Made(Place(conversation, thing.id).external_id, thing.body, target)

    def expire(self) -> None:
        """Let the bot's token end."""
        self.clock.pass_(days=31)

    def second_grant(self) -> sdk.Grant:
        """Return another token of the bot."""
        return self.grant.model_copy(update={"access": self.a_grant().access})

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell whether a message is there."""
        return "visible" if Place.of(external_id).activity in self.activities else "gone"

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Return the longest text that is promised, a little below what Teams takes."""
        return MAX_TEXT, "utf16"

    def hooks(self) -> Sequence[sdk.RawHook]:
        """Take the activities that wait."""
        news, self._news = self._news, []
        return [self.posted(each) for each in news]

    def posted(self, activity: Value) -> sdk.RawHook:
        """Return an activity as the Bot Framework posts it."""
        return self.hook(json.dumps(activity).encode())

    def hook(self, body: bytes, claims: Mapping[str, Any] | None = None, *, key: TokenKey = "known") -> sdk.RawHook:
        """Return a hook of any body; its token says nothing about the body."""
        headers = {**self.key_set.headers(claims, key=key), "content-type": "application/json"}
        return sdk.RawHook(method="POST", headers=headers, body=body, received_at=self.clock())

    def by_token(self, claims: Mapping[str, Any], *, key: str = "known") -> sdk.RawHook:
        """Return a hook by another token."""
        told = self._add_said("Hello", "ada", None, None)
        body = json.dumps(self._activity(told, "message")).encode()
        return self.hook(body, claims, key=key)  # type: ignore[arg-type]

    def rotate_keys(self) -> None:
        """Sign by a new key."""
        self.key_set.rotate()

    def unknown(self) -> sdk.RawHook:
        """Return an activity of a kind that is not documented."""
        told = self._add_said("", "ada", None, None)
        return self.posted(self._activity(told, "trace"))

    def keys(self) -> sdk.Keys:
        """Return the published keys."""
        return self.key_set.keys()


def _event(name: str) -> Value:
    return {"tenant": {"id": TENANT}, "eventType": name}
