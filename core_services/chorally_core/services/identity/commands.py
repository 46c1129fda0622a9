"""What administrators do with users and teams. Pure decisions: given what was found, each returns one change."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.ports.audit import audited
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import ROLES, Permission, permissions_of
from chorally_core.ports.refused import Refused
from chorally_core.services.identity.model import Team, User

SERVICE = "identity-service"

_ENDS_TOKENS = frozenset({"password_hash", "roles", "disabled"})
_KEPT_OUTSIDE = frozenset({"email", "name", "password_hash", "roles"})
_UNTOLD = frozenset({"password_hash", "token_generation", "login", "label", "updated_at"})


def keys_of_user(
    tenant: str, *, user_id: str | None = None, email: str | None = None, team_ids: Iterable[str] = ()
) -> list[Key]:
    """Return what a decision about a user needs: the user, whoever has the address, the teams."""
    found = [Key.by_id(Team, team_id) for team_id in team_ids]
    if user_id is not None:
        found.append(Key.by_id(User, user_id))
    if email is not None:
        found.append(Key(User, "login", User.login_of(tenant, email)))
    return found


def create_user(found: Found, user: User, *, by: Caller, at: datetime) -> Change:
    """Return the addition of a user.

    Raises:
        Refused: The address is taken, a team or role is not there, or the roles allow more than the caller may.
    """
    if found.get(User, user.login, "login") is not None:
        raise _email_taken()
    _check_roles(user.roles, by)
    _check_teams(found, user.tenant, user.team_ids)
    return Change((user,), (told("user_created", None, user, by=by, at=at),))


def change_user(found: Found, user_id: str, changes: Mapping[str, Any], *, by: Caller, at: datetime) -> Change:
    """Return a user with some fields changed; nothing where they are so already.

    A new password, other roles and being disabled end all tokens of the user. Nobody takes their own right to
    change users away, so a tenant that has an administrator keeps one.

    Args:
        found: What ``keys_of_user`` named.
        user_id: The user.
        changes: New values of email, name, password_hash, roles, team_ids, disabled, language.
        by: Who changes it.
        at: When.

    Raises:
        Refused: There is no such user, or the change cannot be made.
    """
    user = own_user(found.get(User, user_id), by.tenant)
    if not user.permissions <= by.permissions:
        raise Refused("forbidden", "beyond-own-permissions", "the user may do more than you, so you cannot change them")
    new = {field: value for field, value in changes.items() if value != getattr(user, field)}
    if user.outside_id and (kept := sorted(_KEPT_OUTSIDE & set(new))):
        names = ", ".join(kept).replace("password_hash", "password")
        raise Refused("conflict", "kept-outside", f"{names} of this user are changed where people sign in")
    if "email" in new:
        new["login"] = User.login_of(user.tenant, new["email"])
        other = found.get(User, new["login"], "login")
        if other is not None and other.id != user.id:
            raise _email_taken()
    if "roles" in new:
        _check_roles(new["roles"], by)
    if "team_ids" in new:
        _check_teams(found, user.tenant, new["team_ids"])
    return _changed(user, new, by=by, at=at)


def change_own_password(found: Found, user_id: str, password_hash: str, *, by: Caller, at: datetime) -> Change:
    """Return the caller's user with a new password; all their tokens end."""
    user = own_user(found.get(User, user_id), by.tenant)
    return _changed(user, {"password_hash": password_hash}, by=by, at=at)


def rehash(found: Found, user_id: str, old: str, new: str) -> Change:
    """Return the user with the same password hashed by newer parameters; nobody need be told."""
    user = found.get(User, user_id)
    if user is None or user.password_hash != old:
        return NOTHING
    return Change((msgspec.structs.replace(user, password_hash=new),))


def create_team(found: Found, team: Team, *, by: Caller, at: datetime) -> Change:
    """Return the addition of a team.

    Raises:
        Refused: Another team has the name.
    """
    if found.get(Team, team.label, "label") is not None:
        raise _name_taken()
    return Change((team,), (told("team_created", None, team, by=by, at=at),))


def rename_team(found: Found, team_id: str, name: str, *, by: Caller, at: datetime) -> Change:
    """Return a team with another name; nothing where it has it already.

    Raises:
        Refused: There is no such team, or another has the name.
    """
    team = own_team(found.get(Team, team_id), by.tenant)
    if name == team.name:
        return NOTHING
    label = Team.label_of(team.tenant, name)
    other = found.get(Team, label, "label")
    if other is not None and other.id != team.id:
        raise _name_taken()
    changed = msgspec.structs.replace(team, name=name, label=label, updated_at=at)
    return Change((changed,), (told("team_changed", team, changed, by=by, at=at, changed=("name",)),))


def delete_team(found: Found, team_id: str, members: int, *, by: Caller, at: datetime) -> Change:
    """Return the removal of a team.

    Raises:
        Refused: There is no such team, or users are still in it.
    """
    team = own_team(found.get(Team, team_id), by.tenant)
    if members:
        raise Refused("conflict", "team-has-members", f"{members} users are in the team; take them out first")
    return Change(events=(told("team_deleted", team, None, by=by, at=at),), remove=(team,))


def own_user(user: User | None, tenant: str) -> User:
    """Return the user if they are the tenant's.

    Raises:
        Refused: They are not, or there is none: nobody learns of another tenant's.
    """
    if user is None or user.tenant != tenant:
        raise Refused("missing", "no-such-user", "there is no such user")
    return user


def own_team(team: Team | None, tenant: str) -> Team:
    """Return the team if it is the tenant's.

    Raises:
        Refused: It is not, or there is none.
    """
    if team is None or team.tenant != tenant:
        raise Refused("missing", "no-such-team", "there is no such team")
    return team


def _changed(user: User, new: dict[str, Any], *, by: Caller, at: datetime) -> Change:
    if not new:
        return NOTHING
    if by.kind == "user" and by.subject == user.id:
        loses = Permission.USERS_WRITE not in permissions_of(new.get("roles", user.roles))
        if new.get("disabled") or ("roles" in new and loses):
            raise Refused("conflict", "own-rights", "you cannot take your own right to change users; ask another to")
    if _ENDS_TOKENS & set(new):
        new["token_generation"] = user.token_generation + 1
    changed = msgspec.structs.replace(user, **new, updated_at=at)
    fields = sorted(set(new) - _UNTOLD) + (["password"] if "password_hash" in new else [])
    return Change((changed,), (told("user_changed", user, changed, by=by, at=at, changed=fields),))


def _check_roles(roles: Iterable[str], by: Caller) -> None:
    unknown = sorted(set(roles) - set(ROLES))
    if unknown:
        raise Refused("invalid", "no-such-role", f"roles are {', '.join(ROLES)}", "roles")
    if not permissions_of(roles) <= by.permissions:
        raise Refused("forbidden", "beyond-own-permissions", "the roles allow more than you may yourself", "roles")


def _check_teams(found: Found, tenant: str, team_ids: Iterable[str]) -> None:
    for team_id in team_ids:
        team = found.get(Team, team_id)
        if team is None or team.tenant != tenant:
            raise Refused("invalid", "no-such-team", "one of the teams is not there", "team_ids")


def _email_taken() -> Refused:
    return Refused("conflict", "email-taken", "another user has this address", "email")


def _name_taken() -> Refused:
    return Refused("conflict", "name-taken", "another team has this name", "name")


def told(
    kind: str, before: User | Team | None, after: User | Team | None, *, by: Caller, at: datetime,
    changed: Iterable[str] = (),
) -> Event[LogAdd]:  # fmt: skip
    """Return the fact that something was done to a user or team: ``before`` is None where they are new."""
    entity = after or before
    if entity is None:
        raise ValueError("nothing was there, and nothing is")
    subject = type(entity).kind
    version = entity.version + 1
    snapshot = entity.snapshot() | ({"changed": list(changed)} if changed else {})
    hashes = [one.password_hash if isinstance(one, User) else "" for one in (before, after)]
    data = LogAdd(
        kind=kind, subject_type=subject, subject_id=entity.id, version=version,
        actor_kind="agent" if by.kind == "user" else "service", actor_id=by.subject, snapshot=snapshot,
    )  # fmt: skip
    secrets = ("password",) if hashes[0] != hashes[1] else ()
    return Event(
        topic=topics.LOGS,
        issuer=SERVICE,
        name="add",
        data=audited(data, before, after, secrets=secrets, without=_UNTOLD),
        id=derived(SERVICE, kind, entity.id, str(version)),
        tenant=entity.tenant,
        key=f"{entity.tenant}/{subject}/{entity.id}",
        occurred_at=at,
    )
