"""The mailbox of the sandbox as people and the conformance kit take hold of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_microsoft.config import AccountSettings, AppSettings
from chorally_microsoft.html import to_text
from chorally_microsoft.mail.subscribing import client_state
from chorally_microsoft.names import OUTLOOK
from chorally_microsoft.sandbox.bot import BotApi
from chorally_microsoft.sandbox.store import ADDRESS, NAME, QUOTE, USER_ID, Value
from chorally_sdk.sandbox import Clock, Connection, Made, Profile, Subscribed

SECRET = SecretStr("sandbox-hook-secret")
SHARED = ("11111111-5fad-4d73-a9f5-3c356e68a038", "sales@shop.example", "Shop sales")


class Outlook(BotApi):
    """A mailbox in memory that people write to."""

    channel = OUTLOOK
    description = ("microsoft/graph-v1.0-metadata.trimmed.csdl.xml",)
    signs_bodies = False
    proves_in_body = True

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make an empty mailbox, and a shared one beside it."""
        super().__init__(clock=clock, seed=seed)
        self.users[SHARED[1]] = SHARED
        self.grant = self.a_grant()
        self._news: list[Value] = []

    def connection(self) -> Connection:
        """Say how the mailbox is connected."""
        app = AppSettings(
            client_id=self.oauth.client_id,
            client_secret=SecretStr(self.oauth.client_secret),
            shared_mailboxes=(SHARED[1],),
        )
        data = {"address": ADDRESS}
        return Connection(USER_ID, NAME, self.grant, AccountSettings(), app, data=data)

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person write to the mailbox, or answer in its thread."""
        conversation = self.store[parent].more["conversation"] if parent else ""
        who = f"{author}@example.com" if author else None
        received = (at or self.clock()).replace(microsecond=0)
        mail = self.store.add(body, who=who, received=received, conversation=conversation, parent=parent)
        self._notify("created", mail.id)
        return mail.id

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person write with a file."""
        mail = self.store.add(body, who="ada@example.com", received=self.clock().replace(microsecond=0))
        self.keep(mail.id, "photo.jpg", "image/jpeg", content)
        self._notify("created", mail.id)
        return mail.id

    async def remove(self, external_id: str) -> None:
        """Let a mail be deleted for good."""
        self.store.move(external_id, "purged")
        self._notify("deleted", external_id)

    async def say_elsewhere(self, body: str, *, target: str) -> str:
        """Let somebody answer in Outlook."""
        asked = self.store[target]
        return self.store.add(
            body, folder="sentitems", who=ADDRESS, to=[asked.more["who"]], conversation=asked.more["conversation"]
        ).id

    def made(self) -> Sequence[Made]:
        """Tell what was sent."""
        return [
            Made(mail.id, _seen(mail.body, mail.more["kind"]), mail.parent)
            for mail in self.store.in_folder("sentitems")
        ]

    def seen_files(self) -> Sequence[bytes]:
        """Tell the contents of the files that were sent."""
        sent = [mail.id for mail in self.store.in_folder("sentitems")]
        return [file["content"] for mail in sent for file in self.store.files.get(mail, [])]

    def forget_cursors(self) -> None:
        """Let no link be known any more."""
        self.store.epoch += 1

    def second_grant(self) -> sdk.Grant:
        """Return another grant of the same person."""
        return self.a_grant()

    def withhold(self, scope: str) -> sdk.Grant:
        """Return a grant that lacks a scope; without ``offline_access`` there is no refresh token."""
        self.oauth.withheld = {scope}
        grant = self.a_grant()
        return grant.model_copy(update={"refresh": None}) if scope == "offline_access" else grant

    def consent(self, url: str) -> Mapping[str, str]:
        """Let a person sign in and agree."""
        return self.oauth.consent(url)

    def expire(self) -> None:
        """Let the access token end."""
        self.clock.pass_(days=31)

    def keeps_refresh(self) -> None:
        """Let the old refresh token go on."""
        self.oauth.rotates = False

    def profiles(self) -> Sequence[Profile]:
        """Tell which mailboxes a consent opens."""
        return [Profile(USER_ID, NAME), Profile(SHARED[0], SHARED[2])]

    def _notify(self, change: str, mail: str) -> None:
        resource = f"Users/{USER_ID}/Messages/{mail}"
        data = {"@odata.type": "#Microsoft.Graph.Message", "@odata.id": resource, "id": mail}
        told: Value = {"changeType": change, "resource": resource, "resourceData": data}
        self._news.append(told)
        self.post.add(self._signed(told, USER_ID))

    def hooks(self) -> Sequence[sdk.RawHook]:
        """Take the notifications that wait, one in each request."""
        news, self._news = self._news, []
        return [self._hook([each]) for each in news]

    def _hook(self, news: Sequence[Value], account: str = USER_ID) -> sdk.RawHook:
        return self._posted([self._signed(each, account) for each in news])

    def _signed(self, told: Value, account: str) -> Value:
        lease = next(iter(self.leases.live()), None)
        state = lease.secret if lease else client_state(account, SECRET)
        ends = (self.clock()).isoformat().replace("+00:00", "Z")
        known = {"subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07", "subscriptionExpirationDateTime": ends}
        return {**known, "clientState": state, "tenantId": "84bd8158-6d4d-4958-8b9f-9d6445542f95", **told}

    def _posted(self, value: Sequence[Value]) -> sdk.RawHook:
        headers = {"content-type": "application/json"}
        body = json.dumps({"value": list(value)}).encode()
        return sdk.RawHook(method="POST", headers=headers, body=body, received_at=self.clock())

    def batch(self, *bodies: str) -> sdk.RawHook:
        """Return one request that tells of several new mails."""
        for body in bodies:
            mail = self.store.add(body, who="ada@example.com")
            self._notify("created", mail.id)
        news, self._news = self._news, []
        return self._hook(news)

    def batch_of_accounts(self, bodies: Mapping[str, str]) -> sdk.RawHook:
        """Return one request that tells of mailboxes of several people."""
        told = {"changeType": "created", "resource": "Users/x/Messages/1", "resourceData": {"id": "1"}}
        return self._posted([self._signed(told, account) for account in bodies])

    def lifecycle(self, event: str) -> sdk.RawHook:
        """Return a lifecycle notification: ``missed``, ``subscriptionRemoved``, ``reauthorizationRequired``."""
        return self._hook([{"lifecycleEvent": event}])

    def unknown(self) -> sdk.RawHook:
        """Return a lifecycle notification that is not documented."""
        return self.lifecycle("danced")

    def handshake(self, *, is_forged: bool = False) -> tuple[sdk.RawHook, bytes]:
        """Return the test of a URL; it proves nothing, and needs no proof: anybody may hear an echo."""
        query = {} if is_forged else {"validationToken": "Validation: Testing client application reachability"}
        hook = sdk.RawHook(method="POST", query=query, received_at=self.clock())
        return hook, b"Validation: Testing client application reachability"

    def keys(self) -> sdk.Keys:
        """Return the host's own secret."""
        return sdk.Keys(secrets={"subscription": (SECRET,)})

    def subscriptions(self) -> Sequence[Subscribed]:
        """Tell what is subscribed."""
        return self.leases.live()

    def lose_subscriptions(self) -> None:
        """Let all subscriptions be removed."""
        self.leases.lose()

    def media_limit(self, verb: str) -> Mapping[str, int]:
        """Return the size of a file that a mail may have, whatever it is."""
        return {"*/*": 25 * 2**20}


def _seen(body: str, kind: Any) -> str:
    """Our own words: those above the mail that is answered."""
    return to_text(body.partition(QUOTE)[0]) if kind == "html" else body
