"""How posts as earlier releases stored them become those of this one."""

from datetime import datetime
from typing import Any

from chorally_core.services.publishing.content import hashed

_STAGES = {"scheduled": "scheduled", "cancelled": "cancelled"}
_WORDS = {"sent": "published", "delivered": "published", "read": "published", "failed": "failed",
          "unconfirmed": "unconfirmed", "deleted": "deleted"}  # fmt: skip
_OF_THE_TARGET = ("options", "sent_at", "external_id", "external_url", "error", "attempts")


def with_targets(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a post that had one account as one with a target.

    It needed nobody's approval, so it counts as approved as it is.
    """
    state = fields.pop("state", "queued")
    stage = _STAGES.get(state, "out")
    target = {name: fields.pop(name) for name in ("account_id", "platform", "channel")} | {"id": fields["id"]}
    target |= {name: fields.pop(name) for name in _OF_THE_TARGET if name in fields}
    if stage == "out":
        target["fate"] = state
    by = fields.get("created_by", "")
    planned = fields.get("publish_at")
    files = [[f.get("external_id"), "", f.get("media_type"), f.get("name")] for f in fields.get("attachments", [])]
    said = [target["account_id"], target["channel"], fields.get("body", ""), files, target.get("options", {})]
    at = datetime.fromisoformat(planned).timestamp() if isinstance(planned, str) else None
    approved = hashed({"targets": [said], "labels": [], "publish_at": at, "waits": False})
    return {
        **fields,
        "targets": [target],
        "account_ids": [target["account_id"]],
        "stage": stage,
        "state": _WORDS.get(state, "publishing") if stage == "out" else stage,
        "at": planned or fields["created_at"],
        "authors": [by] if by else [],
        "approval": {"hash": approved, "round": 1, "approved_at": fields["created_at"]},
    }
