"""Decisions about users and teams, each one call without a store."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from chorally_core.events import LogAdd
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import INSTALLER, ROLES, Permission, permissions_of
from chorally_core.ports.refused import Refused
from chorally_core.services.identity import Team, User
from chorally_core.services.identity.commands import (
    change_own_password,
    change_user,
    create_team,
    create_user,
    delete_team,
    rehash,
    rename_team,
)

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def a_user(id: str = "u1", **changes: Any) -> User:  # noqa: A002
    """Return a stored agent of the tenant acme."""
    email = changes.pop("email", f"{id}@acme.example")
    tenant = changes.pop("tenant", "acme")
    right: dict[str, Any] = {
        "id": id,
        "tenant": tenant,
        "version": 3,
        "login": User.login_of(tenant, email),
        "email": email,
        "name": "Ada",
        "password_hash": "canary-hash",
        "roles": ("agent",),
        "created_at": THEN,
        "updated_at": THEN,
    }
    return User(**{**right, **changes})


def a_team(id: str = "t1", name: str = "Reviews", tenant: str = "acme") -> Team:  # noqa: A002
    """Return a stored team."""
    label = Team.label_of(tenant, name)
    return Team(id=id, tenant=tenant, version=2, label=label, name=name, created_at=THEN, updated_at=THEN)


def an_admin(id: str = "root", *, roles: tuple[str, ...] = ("admin",)) -> Caller:  # noqa: A002
    """Return a user of the tenant acme who calls."""
    return Caller(tenant="acme", subject=id, kind="user", roles=roles, permissions=permissions_of(roles))


def found(*documents: Document) -> Found:
    """Return what a decision finds."""
    known: dict[Any, Document | None] = {}
    for document in documents:
        for field in ("id", *type(document).unique):
            known[Key(type(document), field, getattr(document, field))] = document
    return Found(known, lambda of, tenant: 0)


def _only(change: Change) -> tuple[Any, LogAdd]:
    (written,) = change.writes
    (event,) = change.events
    assert (event.topic, event.issuer, event.name) == ("logs", "identity-service", "add")
    assert event.tenant == "acme"
    assert "canary" not in repr(event)
    return written, event.data


def test_adding_a_user_is_told_with_who_did_it() -> None:
    """The fact carries what a reader needs and nothing that helps to sign in."""
    user = a_user(version=0, team_ids=("t1",))
    written, fact = _only(create_user(found(a_team()), user, by=an_admin(), at=NOW))
    assert written == user
    assert (fact.kind, fact.subject_type, fact.subject_id, fact.version) == ("user_created", "user", "u1", 1)
    assert (fact.actor_kind, fact.actor_id) == ("agent", "root")
    assert fact.snapshot == {
        "email": "u1@acme.example",
        "name": "Ada",
        "roles": ["agent"],
        "team_ids": ["t1"],
        "disabled": False,
        "language": "",
    }


def test_the_facts_of_a_user_keep_their_order() -> None:
    """They share a key, and the same change gives the same id."""
    changes = [change_user(found(a_user()), "u1", {"name": name}, by=an_admin(), at=NOW) for name in ("B", "B")]
    first, second = (change.events[0] for change in changes)
    assert first.key == "acme/user/u1"
    assert first.id == second.id


@pytest.mark.parametrize(
    ("user", "code"),
    [
        (a_user(version=0, email="TAKEN@acme.example"), "email-taken"),
        (a_user(version=0, roles=("agent", "owner")), "no-such-role"),
        (a_user(version=0, team_ids=("t9",)), "no-such-team"),
        (a_user(version=0, team_ids=("t2",)), "no-such-team"),
    ],
)
def test_a_user_that_cannot_be_added_is_refused(user: User, code: str) -> None:
    """The address is free whatever its case, roles are built in, teams are the tenant's own."""
    known = found(a_user("u2", email="taken@acme.example"), a_team("t2", tenant="globex"))
    with pytest.raises(Refused) as refused:
        create_user(known, user, by=an_admin(), at=NOW)
    assert refused.value.code == code


def test_nobody_gives_more_than_they_may_themselves() -> None:
    """A program that may only keep users cannot make an administrator, nor change one."""
    keeper = Caller(
        tenant="acme",
        subject="sync",
        kind="service",
        permissions=ROLES["agent"] | {Permission.USERS_WRITE},
    )
    _only(create_user(found(), a_user(version=0), by=keeper, at=NOW))
    with pytest.raises(Refused, match="more than you may"):
        create_user(found(), a_user(version=0, roles=("admin",)), by=keeper, at=NOW)
    with pytest.raises(Refused, match="more than you may"):
        change_user(found(a_user()), "u1", {"roles": ("supervisor",)}, by=keeper, at=NOW)
    for changes in ({"password_hash": "x"}, {"email": "mine@evil.example"}, {"disabled": True}):
        with pytest.raises(Refused, match="may do more than you"):
            change_user(found(a_user(roles=("admin",))), "u1", changes, by=keeper, at=NOW)


@pytest.mark.parametrize(
    ("changes", "told", "ends"),
    [
        ({"name": "Ada L."}, ["name"], False),
        ({"email": "ada@acme.example"}, ["email"], False),
        ({"language": "it", "team_ids": ("t1",)}, ["language", "team_ids"], False),
        ({"roles": ("viewer",)}, ["roles"], True),
        ({"disabled": True}, ["disabled"], True),
        ({"password_hash": "canary-other"}, ["password"], True),
    ],
)
def test_what_changes_is_told_and_what_matters_ends_the_tokens(
    changes: dict[str, Any], told: list[str], ends: bool
) -> None:
    """Other roles, a new password and being disabled make all tokens so far worthless."""
    written, fact = _only(change_user(found(a_user(), a_team()), "u1", changes, by=an_admin(), at=NOW))
    assert {field: getattr(written, field) for field in changes} == changes
    assert (written.version, fact.version, written.updated_at) == (3, 4, NOW)
    assert written.token_generation == (2 if ends else 1)
    assert (fact.kind, fact.snapshot["changed"]) == ("user_changed", told)
    assert written.login == User.login_of("acme", written.email)


def test_a_change_to_the_same_changes_nothing() -> None:
    """Nothing is written and nothing is told."""
    same = {"name": "Ada", "email": "u1@acme.example", "roles": ("agent",), "disabled": False}
    assert change_user(found(a_user()), "u1", same, by=an_admin(), at=NOW) == NOTHING


def test_an_address_is_taken_by_others_only() -> None:
    """One's own address in other letters is no conflict; somebody else's is."""
    known = found(a_user(email="Ada@acme.example"), a_user("u2"))
    _only(change_user(known, "u1", {"email": "ada@acme.example"}, by=an_admin(), at=NOW))
    with pytest.raises(Refused, match="another user has this address"):
        change_user(known, "u1", {"email": "U2@acme.example"}, by=an_admin(), at=NOW)


@pytest.mark.parametrize("changes", [{"disabled": True}, {"roles": ("viewer",)}, {"roles": ()}])
def test_nobody_locks_themselves_out(changes: dict[str, Any]) -> None:
    """An administrator stays one until another says otherwise; their name they may change."""
    me = a_user("root", roles=("admin",))
    with pytest.raises(Refused, match="your own right"):
        change_user(found(me), "root", changes, by=an_admin(), at=NOW)
    _only(change_user(found(me), "root", {"name": "Root"}, by=an_admin(), at=NOW))
    _only(change_user(found(me), "root", changes, by=an_admin("other"), at=NOW))


def test_another_tenants_records_are_not_there() -> None:
    """Each decision sees users and teams of the caller's tenant only."""
    known = found(a_user(tenant="globex"), a_team(tenant="globex"))
    decisions: tuple[Callable[[], Change], ...] = (
        lambda: change_user(known, "u1", {"name": "x"}, by=an_admin(), at=NOW),
        lambda: change_own_password(known, "u1", "x", by=an_admin("u1"), at=NOW),
        lambda: rename_team(known, "t1", "x", by=an_admin(), at=NOW),
        lambda: delete_team(known, "t1", 0, by=an_admin(), at=NOW),
    )
    for decide in decisions:
        with pytest.raises(Refused) as refused:
            decide()
        assert refused.value.why == "missing"


def test_a_new_hash_of_the_same_password_ends_nothing() -> None:
    """Newer parameters are taken over quietly, unless the password was changed meanwhile."""
    (written,) = rehash(found(a_user()), "u1", "canary-hash", "new").writes
    assert (written.password_hash, written.token_generation) == ("new", 1)  # type: ignore[attr-defined]
    assert rehash(found(a_user()), "u1", "another", "new") == NOTHING
    assert rehash(found(), "u1", "canary-hash", "new") == NOTHING


def test_a_team_is_made_renamed_and_deleted() -> None:
    """Names are unique in the tenant whatever their case; each change is told."""
    team = msgspec.structs.replace(a_team(), version=0)
    _, fact = _only(create_team(found(), team, by=an_admin(), at=NOW))
    assert (fact.kind, fact.snapshot) == ("team_created", {"name": "Reviews"})
    known = found(a_team(), a_team("t2", "Mail"))
    with pytest.raises(Refused, match="another team"):
        create_team(found(a_team()), a_team("t3", "REVIEWS"), by=an_admin(), at=NOW)
    with pytest.raises(Refused, match="another team"):
        rename_team(known, "t1", "mail", by=an_admin(), at=NOW)
    assert rename_team(known, "t1", "Reviews", by=an_admin(), at=NOW) == NOTHING
    written, fact = _only(rename_team(known, "t1", "reviews", by=an_admin(), at=NOW))
    assert (written.name, fact.kind) == ("reviews", "team_changed")
    with pytest.raises(Refused, match="3 users"):
        delete_team(known, "t1", 3, by=an_admin(), at=NOW)
    change = delete_team(known, "t1", 0, by=an_admin(), at=NOW)
    assert change.remove == (a_team(),)
    assert change.events[0].data.kind == "team_deleted"


def test_a_user_shows_no_hash() -> None:
    """Neither in a log line nor in a traceback."""
    user = a_user()
    assert "canary" not in repr(user) + str(user) + repr(user.__rich_repr__()) + repr(user.snapshot())


def test_the_built_in_roles_grow_from_viewer_to_admin() -> None:
    """Each allows all that the one before it does; only the last one may keep users and erase people."""
    levels = list(ROLES.values())
    assert list(ROLES) == ["viewer", "trainee", "agent", "supervisor", "admin"]
    assert all(less < more for less, more in pairwise(levels))
    assert levels[-1] == frozenset(Permission) - {Permission.INSTALLATION_WRITE}
    assert {Permission.USERS_WRITE, Permission.AUTHORS_ERASE} & levels[-2] == frozenset()
    assert permissions_of(["nobody"]) == frozenset()
    assert permissions_of(["viewer", "admin"]) == levels[-1]
    assert permissions_of([INSTALLER]) == frozenset(Permission)
