"""People whom an outside issuer keeps: a record here says who they are, so that tickets can be given to them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog

from chorally_core.ports.actions import Actions
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.services.identity.commands import keys_of_user, told
from chorally_core.services.identity.model import User, normal_email
from chorally_core.services.identity.standing import Standing

log = structlog.get_logger(__name__)

_LONGEST = 200


class Meeting:
    """Keeps the records in step with what tokens say."""

    def __init__(self, actions: Actions, standing: Standing, clock: Callable[[], datetime]) -> None:
        self._actions = actions
        self._standing = standing
        self._clock = clock

    async def met(self, caller: Caller, claims: Mapping[str, Any]) -> None:
        """Add the person, or bring name, address and roles up to date; programs have no record.

        What cannot be stored now is tried again with the next token, and keeps nobody from working.
        """
        if caller.kind != "user":
            return
        outside_id = str(claims["sub"])[:_LONGEST]
        address = next(
            (found for name in ("email", "preferred_username") if (found := _text(claims, name))), outside_id
        )
        at = self._clock()
        keys = [*keys_of_user(caller.tenant, user_id=caller.subject, email=address)]
        try:
            await self._actions.act(keys, lambda found: meet(found, caller, outside_id, address, at=at))
        except Exception as error:
            log.error("a person could not be taken note of", user_id=caller.subject, exc_info=error)

    async def may_work(self, caller: Caller) -> bool:
        """Whether nobody has disabled them here."""
        return await self._standing.is_enabled(caller.subject)


def meet(found: Found, caller: Caller, outside_id: str, address: str, *, at: datetime) -> Change:
    """Return the record of a person as their token tells it; nothing where it is so already.

    Args:
        found: The record, and whoever has the address.
        caller: Whom the token proves.
        outside_id: Their id at the issuer.
        address: Their mail address, or what the issuer knows them by. Where another record has it already, they are
            shown by their id there.
        at: Now.
    """
    known, other = found.get(User, caller.subject), found.get(User, User.login_of(caller.tenant, address), "login")
    email = normal_email(address if other is None or other.id == caller.subject else outside_id)
    fields: dict[str, Any] = {
        "login": User.login_of(caller.tenant, email), "email": email, "name": (caller.name or address)[:_LONGEST],
        "roles": caller.roles,
    }  # fmt: skip
    if known is None:
        user = User(
            id=caller.subject, tenant=caller.tenant, password_hash="", outside_id=outside_id, created_at=at,
            updated_at=at, **fields,
        )  # fmt: skip
        return Change((user,), (told("user_created", None, user, by=caller, at=at),))
    new = {name: value for name, value in fields.items() if getattr(known, name) != value}
    if not new:
        return NOTHING
    user = msgspec.structs.replace(known, **new, updated_at=at)
    return Change((user,), (told("user_changed", known, user, by=caller, at=at, changed=sorted(set(new) - {"login"})),))


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.strip()[:_LONGEST] if isinstance(value, str) else ""
