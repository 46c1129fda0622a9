"""The mailbox of the sandbox: mails in folders, and what changed in each folder since when."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chorally_sdk.sandbox import Clock, Refusal, Shelf, Thing

Value = dict[str, Any]
USER_ID = "48d31887-5fad-4d73-a9f5-3c356e68a038"
ADDRESS = "support@shop.example"
NAME = "Shop support"
QUOTE = '<hr id="quoted">'
"""Where the mail that is answered begins below an answer."""


@dataclass(frozen=True)
class Place:
    """A place in the changes of a folder, as a link holds it."""

    folder: str
    since: str = ""
    after: int = 0
    first: int = 0
    """Place at which the first walk ends: what came before is no change."""
    epoch: int = 0
    select: str = ""

    def sealed(self) -> str:
        """As it stands in a link."""
        return base64.urlsafe_b64encode(json.dumps(vars(self)).encode()).decode()

    @classmethod
    def opened(cls, token: str) -> "Place":
        """Read what stands in a link."""
        return cls(**json.loads(base64.urlsafe_b64decode(token)))


class Store:
    """All mails, those that were deleted too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.mails = Shelf(clock, "AAkALgAA-")
        self.files: dict[str, list[Value]] = {}
        self.epoch = 0

    def add(self, body: str, **more: Any) -> Thing:
        """Put a mail into a folder."""
        now = self._clock()
        known = {
            "folder": "inbox",
            "subject": "Hello",
            "kind": "text",
            "to": [ADDRESS],
            "received": now,
            "is_draft": False,
        }
        made = self.mails.add(body, **{**known, "conversation": "", "who": None, **more})
        if not made.more["conversation"]:
            made = self.mails.change(made.id, conversation=f"AAQk-{made.id}")
        return made

    def __getitem__(self, mail_id: str) -> Thing:
        mail = self.mails[mail_id]
        if mail.more["folder"] == "purged":
            raise KeyError(mail_id)
        return mail

    def in_folder(self, folder: str) -> list[Thing]:
        """The mails of a folder."""
        return [mail for mail in self.mails if mail.more["folder"] == folder]

    def changes(self, place: Place, size: int, *, is_first: bool) -> tuple[list[Value], Place, bool]:
        """Return what changed after a place, the place after that, and whether that is all."""
        if place.epoch != self.epoch:
            raise Refusal("resync")
        later = sorted((mail for mail in self.mails if mail.place > place.after), key=lambda mail: mail.place)
        told = [mail for mail in later if self._concerns(mail, place, is_first=is_first)]
        shown, rest = told[:size], told[size:]
        after = shown[-1].place if rest else max([place.after, *(mail.place for mail in later)])
        following = Place(place.folder, place.since, after, place.first, place.epoch, place.select)
        return [self.change_of(mail, place.folder, place.select) for mail in shown], following, not rest

    def _concerns(self, mail: Thing, place: Place, *, is_first: bool) -> bool:
        if mail.more["folder"] != place.folder:
            return not is_first and place.folder in mail.more.get("left", ())
        return not place.since or mail.more["received"] >= datetime.fromisoformat(place.since)

    def change_of(self, mail: Thing, folder: str, select: str) -> Value:
        """A mail as a page of changes shows it."""
        if mail.more["folder"] != folder:
            return {"@odata.type": "#microsoft.graph.message", "id": mail.id, "@removed": {"reason": "deleted"}}
        return {"@odata.type": "#microsoft.graph.message", **self.shown(mail, select)}

    def move(self, mail_id: str, folder: str, **more: Any) -> Thing:
        """Let a mail leave its folder for another one."""
        left = [*self[mail_id].more.get("left", ()), self[mail_id].more["folder"]]
        return self.mails.change(mail_id, folder=folder, left=left, **more)

    def shown(self, mail: Thing, select: str = "") -> Value:
        """A mail as Graph shows it."""
        more = mail.more
        who = more["who"]
        told: Value = {
            "id": mail.id,
            "subject": more["subject"],
            "body": {"contentType": more["kind"], "content": mail.body},
            "bodyPreview": mail.body[:255],
            "from": _named(who) if who else None,
            "sender": _named(who) if who else None,
            "toRecipients": [_named(each) for each in more["to"]],
            "ccRecipients": [_named(each) for each in more.get("cc", ())],
            "replyTo": [],
            "conversationId": more["conversation"],
            "internetMessageId": f"<{mail.id}@shop.example>",
            "internetMessageHeaders": [{"name": name, "value": value} for name, value in more.get("headers", ())],
            "receivedDateTime": _written(more["received"]),
            "sentDateTime": _written(more["received"]),
            "createdDateTime": _written(mail.created_at),
            "hasAttachments": bool(self.files.get(mail.id)),
            "isDraft": more["is_draft"],
            "isRead": more.get("is_read", False),
            "parentFolderId": f"folder-{more['folder']}",
            "webLink": f"https://outlook.office365.com/owa/?ItemID={mail.id}",
        }
        names = {"id", *select.split(",")} if select else set(told)
        return {name: value for name, value in told.items() if name in names}


def _named(who: str) -> Value:
    return {"emailAddress": {"address": who, "name": who.partition("@")[0].title()}}


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def query_of(url: str) -> dict[str, str]:
    """What a link asks."""
    return dict(parse_qsl(urlsplit(url).query))


def people(told: object) -> Sequence[str]:
    """The addresses of recipients."""
    listed = told if isinstance(told, list) else []
    return [str(each.get("emailAddress", {}).get("address", "")) for each in listed]
