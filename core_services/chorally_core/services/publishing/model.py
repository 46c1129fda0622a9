"""What the publishing service stores of a post: one record with all its targets, and what was approved of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from chorally_core.events.records import Attached
from chorally_core.ports.documents import Document
from chorally_core.services.publishing.approval import Approval
from chorally_core.services.publishing.content import hashed
from chorally_core.services.publishing.upgrading import with_targets

Stage = Literal["draft", "submitted", "approved", "rejected", "scheduled", "out", "cancelled"]
PublicationState = Literal[
    "draft", "submitted", "approved", "rejected", "scheduled", "cancelled", "publishing", "published", "failed",
    "unconfirmed", "deleted",
]  # fmt: skip
Fate = Literal["", "queued", "sending", "sent", "delivered", "read", "failed", "unconfirmed", "deleted"]

_RANK = {"": -1, "queued": 0, "sending": 1, "unconfirmed": 2, "failed": 2, "sent": 3, "delivered": 4, "read": 5,
         "deleted": 6}  # fmt: skip
_WORDS: Mapping[str, PublicationState] = {
    "": "publishing", "queued": "publishing", "sending": "publishing", "sent": "published", "delivered": "published",
    "read": "published", "failed": "failed", "unconfirmed": "unconfirmed", "deleted": "deleted",
}  # fmt: skip
_WORST: tuple[PublicationState, ...] = ("unconfirmed", "failed", "publishing", "published", "deleted")
_SHOWN = 280  # characters of a post that the log shows


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One account and channel that a post goes to, and how far it got there."""

    id: str
    """That of its delivery: the post's own for the first, with a number behind it for the others."""
    account_id: str
    platform: str
    channel: str
    body: str | None = None
    """A text of its own; None takes the post's."""
    attachments: tuple[Attached, ...] | None = None
    """Files of its own; None takes the post's."""
    options: dict[str, Any] = {}
    fate: Fate = ""
    """As its delivery tells; empty until it is handed over."""
    sent_at: datetime | None = None
    external_id: str | None = None
    external_url: str | None = None
    error: str = ""
    attempts: int = 0
    retries: int = 0
    """How often it was handed over again after it failed."""
    asked: str = ""
    """The last edit or deletion that was asked of its platform, while that is not done."""
    asked_error: str = ""
    """Why the last one was not done."""
    seen: str | None = None
    """The text as it stands there since an edit; None where it was never edited."""

    def may_become(self, state: str) -> bool:
        """Whether a state may follow the present one: like a message's, they only go forward."""
        if self.fate in (state, ""):
            return False
        if self.fate == "unconfirmed":
            return state not in ("sending", "unconfirmed")
        if self.fate == "failed":
            return state in ("queued", "sent", "delivered", "read", "deleted")
        return _RANK.get(state, 0) > _RANK.get(self.fate, 0)

    @property
    def is_seen(self) -> bool:
        """Whether people see it on its platform."""
        return self.fate in ("sent", "delivered", "read")


class Revision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """New texts for a post that people see already, and their approval, which is one of its own."""

    bodies: dict[str, str]
    """By target."""
    state: Literal["submitted", "rejected", "withdrawn", "approved"] = "submitted"
    authors: tuple[str, ...] = ()
    approval: Approval = Approval()
    comment: str = ""

    def content_hash(self, publication_id: str) -> str:
        """Return what tells these texts from any others, of whichever post."""
        return hashed({"revision_of": publication_id, "bodies": self.bodies})


class Publication(Document, frozen=True, kw_only=True):
    """A post of our own on one or many accounts: from its draft to what became of it on each."""

    kind = "publication"
    schema = 2
    upgrades = (with_targets,)
    sparse = ("due_at", "series_id")
    indexes = (("created_at",), ("state", "created_at"), ("at",))

    title: str = ""
    """What we call it among ourselves."""
    body: str = ""
    attachments: tuple[Attached, ...] = ()
    labels: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    account_ids: tuple[str, ...] = ()
    """Of the targets."""
    stage: Stage = "draft"
    state: PublicationState = "draft"
    """The stage, and once it is out the worst of its targets' states."""
    waits: bool = False
    """Once approved it waits until somebody says that it shall be published."""
    publish_at: datetime | None = None
    """When people shall see it, and not before; as soon as it is approved where None."""
    local_at: str = ""
    """That time by the clock of ``time_zone``, as it was given."""
    time_zone: str = ""
    due_at: datetime | None = None
    """When it is handed over; None unless it is scheduled."""
    at: datetime
    """Its place in the calendar: when it is planned, or was made."""
    authors: tuple[str, ...] = ()
    """Everybody who wrote any of it, by user id; a program as ``service:NAME``."""
    created_by: str = ""
    created_at: datetime
    approval: Approval = Approval()
    revision: Revision | None = None
    series_id: str | None = None
    occurrence: str = ""
    """Which one of its series it is: its time by the clock of the series' time zone."""

    @property
    def key(self) -> str:
        """Ordering key of facts about all of it."""
        return f"{self.tenant}/{self.targets[0].account_id if self.targets else ''}/{self.id}"

    def key_of(self, target: Target) -> str:
        """Ordering key of what is about one target."""
        return f"{self.tenant}/{target.account_id}/{self.id}"

    def target(self, target_id: str) -> Target | None:
        """Return a target; None where there is none of that id."""
        return next((one for one in self.targets if one.id == target_id), None)

    def text_for(self, target: Target) -> str:
        """Return what a target says."""
        return self.body if target.body is None else target.body

    def files_for(self, target: Target) -> tuple[Attached, ...]:
        """Return the files that go with a target."""
        return self.attachments if target.attachments is None else target.attachments

    def content_hash(self) -> str:
        """Return what tells this content from any other: texts, files, options, targets, labels and time."""
        return hashed(
            {
                "targets": [
                    [t.account_id, t.channel, self.text_for(t), told_files(self.files_for(t)), t.options]
                    for t in self.targets
                ],
                "labels": sorted(self.labels),
                "publish_at": None if self.publish_at is None else self.publish_at.timestamp(),
                "waits": self.waits,
            }
        )

    def state_of(self, target: Target) -> PublicationState:
        """Return the state of one target, in the API's words."""
        return self.stage if self.stage != "out" else _WORDS[target.fate]

    def with_target(self, target: Target) -> "Publication":
        """Return it with one target as it is now."""
        return settled(self, targets=tuple(target if one.id == target.id else one for one in self.targets))

    def snapshot(self) -> dict[str, Any]:
        """Return what a reader of the log needs to know."""
        return {
            "title": self.title,
            "body": self.body[:_SHOWN],
            "state": self.state,
            "labels": list(self.labels),
            "publish_at": self.publish_at.isoformat() if self.publish_at else None,
            "series_id": self.series_id,
            "approval": self.approval.shown(),
            "targets": [
                {
                    "id": t.id, "account_id": t.account_id, "channel": t.channel, "state": self.state_of(t),
                    "external_id": t.external_id, "external_url": t.external_url, "error": t.error[:_SHOWN],
                }
                for t in self.targets
            ],
        }  # fmt: skip


def settled(publication: Publication, **changes: Any) -> Publication:
    """Return a post with some fields changed, and those that follow from them."""
    changed = msgspec.structs.replace(publication, **changes)
    state: PublicationState
    if changed.stage == "out":
        states = {changed.state_of(target) for target in changed.targets}
        state = next(word for word in _WORST if word in states)
    else:
        state = changed.stage
    accounts = tuple(dict.fromkeys(target.account_id for target in changed.targets))
    at = changed.publish_at or changed.at
    return msgspec.structs.replace(changed, state=state, account_ids=accounts, at=at)


def told_files(files: Sequence[Attached]) -> list[list[str | None]]:
    """Return files as a hash of a content takes them in."""
    return [[file.external_id, file.sha256, file.media_type, file.name] for file in files]


def target_id(publication_id: str, number: int) -> str:
    """Return the id of a post's target, counted from 0."""
    return publication_id if number == 0 else f"{publication_id}.{number + 1}"


def publication_of(target: str) -> str:
    """Return the id of the post that a target is of."""
    return target.partition(".")[0]
