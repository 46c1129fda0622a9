"""What is told of accounts in ``logs``, for the audit too where somebody asked for it."""

from collections.abc import Mapping
from typing import Any

from chorally_core.events import LogAdd
from chorally_core.events.records import ActorKind
from chorally_core.ports.audit import audited
from chorally_core.services.io.model import Account

_TOLD = ("name", "platform", "external_id", "external_name", "app_id", "settings", "state", "reason", "since",
         "ticket_per", "silence_s", "missing_scopes")  # fmt: skip


def told(
    what: str, known: Account | None, account: Account, actor: tuple[ActorKind, str], more: Mapping[str, str]
) -> LogAdd:
    """Return what is told of an account that is about to be stored, with what somebody changed of it.

    Args:
        what: What happened.
        known: The account as it was; None where it is new.
        account: As it shall be.
        actor: Who does it; with an empty id, what the platform said.
        more: Further parts of the snapshot.
    """
    data = LogAdd(
        kind=what, subject_type="account", subject_id=account.id, version=account.version + 1, account_id=account.id,
        actor_kind=actor[0], actor_id=actor[1],
        snapshot={
            "name": account.name, "platform": account.platform, "state": account.state, "reason": account.reason,
            **more,
        },
    )  # fmt: skip
    if not actor[1]:
        return data
    held = [(one.sealed, one.grant_id) if one is not None else ("", None) for one in (known, account)]
    secrets = ("credentials",) if held[0] != held[1] else ()
    return audited(data, _plain(known), _plain(account), secrets=secrets)


def _plain(account: Account | None) -> dict[str, Any] | None:
    return None if account is None else {name: getattr(account, name) for name in _TOLD}
