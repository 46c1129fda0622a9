"""The routes of users and teams."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.identity_views import TeamName, TeamView, UserAdd, UserChange, UserView
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller, Tokens
from chorally_core.ports.permissions import Permission
from chorally_core.ports.refused import Refused
from chorally_core.services.identity import Passwords, SignIn, Standing, Team, User
from chorally_core.services.identity.commands import (
    change_user,
    create_team,
    create_user,
    delete_team,
    keys_of_user,
    own_team,
    own_user,
    rename_team,
)
from chorally_core.services.identity.model import normal_email

Reader = Annotated[Caller, allowed(Permission.USERS_READ)]
Writer = Annotated[Caller, allowed(Permission.USERS_WRITE)]


@dataclass(frozen=True, kw_only=True)
class LocalUsers:
    """What the API needs where users are kept here."""

    documents: Documents
    actions: Actions
    sign_in: SignIn
    passwords: Passwords
    standing: Standing
    tokens: Tokens
    outside: str = ""
    """Where people sign in and are kept, with ``{tenant}``, where that is elsewhere."""
    clock: Callable[[], datetime]
    ids: Callable[[], str]

    def only_here(self, tenant: str) -> None:
        """Go on where users are kept here.

        Raises:
            Refused: They are kept elsewhere.
        """
        if self.outside:
            where = self.outside.format(tenant=tenant)
            raise Refused("conflict", "kept-outside", f"people of this tenant are kept, and sign in, at {where}")

    def learn(self, change: Change) -> None:
        """Let a change of users count from the next request on."""
        for document in change.writes:
            if isinstance(document, User):
                self.standing.learn(document)


def users_router(local: LocalUsers) -> APIRouter:
    """Return the routes of users."""
    router = APIRouter(prefix="/users", tags=["users"])
    documents, actions = local.documents, local.actions

    async def stored(user_id: str, caller: Caller, response: Response) -> UserView:
        user = own_user(await documents.get(User, user_id), caller.tenant)
        response.headers["ETag"] = etag(user.version)
        return UserView.of(user)

    @router.post(
        "",
        status_code=201,
        summary="Add a user",
        responses={201: with_etag("The user was added."), **problems(401, 403, 409)},
    )
    async def add_user(body: UserAdd, caller: Writer, request: Request, response: Response) -> UserView:
        """Add a user, who can sign in at once.

        Where people sign in elsewhere, they are added there, and are listed here from their first request on.
        """
        local.only_here(caller.tenant)
        at = local.clock()
        user = User(
            id=local.ids(),
            tenant=caller.tenant,
            login=User.login_of(caller.tenant, body.email),
            email=normal_email(body.email),
            name=body.name,
            password_hash=await local.passwords.hash(body.password.get_secret_value()),
            roles=tuple(dict.fromkeys(body.roles)),
            team_ids=tuple(dict.fromkeys(body.team_ids)),
            language=body.language,
            created_at=at,
            updated_at=at,
        )
        keys = keys_of_user(caller.tenant, email=user.email, team_ids=user.team_ids)
        await actions.act(keys, lambda found: create_user(found, user, by=caller, at=at))
        response.headers["Location"] = request.url_for("show_user", user_id=user.id).path
        return await stored(user.id, caller, response)

    @router.get("", summary="List users", responses=problems(400, 401, 403))
    async def list_users(
        caller: Reader,
        team_id: Annotated[str | None, Parameter(title="Team", description="Only users in this team.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[UserView]:
        """Return the tenant's users, ordered by address."""
        where = () if team_id is None else (Condition("team_ids", "has", team_id),)
        after = decode_cursor(cursor, str, str) if cursor else None
        found = await documents.find(
            Query(
                User,
                caller.tenant,
                where,
                order="login",
                limit=limit + 1,
                after=(f"{caller.tenant}/{after[0]}", after[1]) if after else None,
            )
        )
        users, following = paged(found, limit, lambda user: (user.email, user.id))
        return Page(items=[UserView.of(user) for user in users], next=following)

    @router.get("/{user_id}", summary="Show a user", responses={200: with_etag("The user."), **problems(401, 403, 404)})
    async def show_user(user_id: str, caller: Reader, response: Response) -> UserView:
        """Return one user."""
        return await stored(user_id, caller, response)

    @router.patch(
        "/{user_id}",
        summary="Change a user",
        responses={200: with_etag("The user as it is now."), **problems(401, 403, 404, 409, 412)},
    )
    async def patch_user(
        user_id: str, body: UserChange, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> UserView:
        """Change what is given of a user.

        A new password, other roles and being disabled end all tokens of the user.
        """
        at = local.clock()
        changes = body.model_dump(exclude_none=True, exclude={"password"})
        changes |= {field: tuple(dict.fromkeys(changes[field])) for field in ("roles", "team_ids") if field in changes}
        if "email" in changes:
            changes["email"] = normal_email(changes["email"])
        if body.password is not None:
            changes["password_hash"] = await local.passwords.hash(body.password.get_secret_value())

        def decide(found: Found) -> Change:
            check_match(if_match, own_user(found.get(User, user_id), caller.tenant).version)
            return change_user(found, user_id, changes, by=caller, at=at)

        keys = keys_of_user(
            caller.tenant, user_id=user_id, email=changes.get("email"), team_ids=changes.get("team_ids", ())
        )
        local.learn(await actions.act(keys, decide))
        return await stored(user_id, caller, response)

    return router


def teams_router(local: LocalUsers) -> APIRouter:
    """Return the routes of teams."""
    router = APIRouter(prefix="/teams", tags=["teams"])
    documents, actions = local.documents, local.actions

    async def stored(team_id: str, caller: Caller, response: Response) -> TeamView:
        team = own_team(await documents.get(Team, team_id), caller.tenant)
        response.headers["ETag"] = etag(team.version)
        return TeamView.of(team)

    def keys(caller: Caller, team_id: str, name: str) -> tuple[Key, ...]:
        return Key.by_id(Team, team_id), Key(Team, "label", Team.label_of(caller.tenant, name))

    @router.post(
        "",
        status_code=201,
        summary="Add a team",
        responses={201: with_etag("The team was added."), **problems(401, 403, 409)},
    )
    async def add_team(body: TeamName, caller: Writer, request: Request, response: Response) -> TeamView:
        """Add a team, with nobody in it."""
        at = local.clock()
        label = Team.label_of(caller.tenant, body.name)
        team = Team(id=local.ids(), tenant=caller.tenant, label=label, name=body.name, created_at=at, updated_at=at)
        wanted = keys(caller, team.id, team.name)
        await actions.act(wanted, lambda found: create_team(found, team, by=caller, at=at))
        response.headers["Location"] = request.url_for("show_team", team_id=team.id).path
        return await stored(team.id, caller, response)

    @router.get("", summary="List teams", responses=problems(400, 401, 403))
    async def list_teams(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[TeamView]:
        """Return the tenant's teams, ordered by name without regard to case."""
        after = decode_cursor(cursor, str, str) if cursor else None
        found = await documents.find(
            Query(
                Team,
                caller.tenant,
                order="label",
                limit=limit + 1,
                after=(f"{caller.tenant}/{after[0]}", after[1]) if after else None,
            )
        )
        teams, following = paged(found, limit, lambda team: (team.label.partition("/")[2], team.id))
        return Page(items=[TeamView.of(team) for team in teams], next=following)

    @router.get("/{team_id}", summary="Show a team", responses={200: with_etag("The team."), **problems(401, 403, 404)})
    async def show_team(team_id: str, caller: Reader, response: Response) -> TeamView:
        """Return one team."""
        return await stored(team_id, caller, response)

    @router.patch(
        "/{team_id}",
        summary="Rename a team",
        responses={200: with_etag("The team as it is now."), **problems(401, 403, 404, 409, 412)},
    )
    async def patch_team(
        team_id: str, body: TeamName, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> TeamView:
        """Give a team another name."""
        at = local.clock()

        def decide(found: Found) -> Change:
            check_match(if_match, own_team(found.get(Team, team_id), caller.tenant).version)
            return rename_team(found, team_id, body.name, by=caller, at=at)

        await actions.act(keys(caller, team_id, body.name), decide)
        return await stored(team_id, caller, response)

    @router.delete("/{team_id}", status_code=204, summary="Delete a team", responses=problems(401, 403, 404, 409, 412))
    async def remove_team(team_id: str, caller: Writer, if_match: IfMatch = None) -> None:
        """Delete a team that nobody is in."""
        at = local.clock()
        members = await documents.count(Query(User, caller.tenant, (Condition("team_ids", "has", team_id),)))

        def decide(found: Found) -> Change:
            check_match(if_match, own_team(found.get(Team, team_id), caller.tenant).version)
            return delete_team(found, team_id, members, by=caller, at=at)

        await actions.act((Key.by_id(Team, team_id),), decide)

    return router
