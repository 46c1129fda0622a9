"""What goes in and out of the identity API."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import ROLES, permissions_by_role
from chorally_core.services.identity import Team, User
from chorally_core.services.identity.passwords import LONGEST, SHORTEST

Role = Literal["viewer", "trainee", "agent", "supervisor", "admin"]

Email = Annotated[
    str,
    Field(
        title="E-mail",
        description="Address that the user signs in with; unique in the tenant, whatever its case.",
        max_length=254,
        pattern=r"^\s*[^@\s]+@[^@\s]+\s*$",
        examples=["ada@acme.example"],
    ),
]
Name = Annotated[str, Field(title="Name", description="Name shown to others.", min_length=1, max_length=200)]
Password = Annotated[
    SecretStr,
    Field(
        title="Password",
        description=f"{SHORTEST} to {LONGEST} characters of any kind.",
        min_length=SHORTEST,
        max_length=LONGEST,
    ),
]
Typed = Annotated[
    SecretStr, Field(title="Password", description="The user's password.", min_length=1, max_length=LONGEST)
]
Roles = Annotated[
    list[Role], Field(title="Roles", description="Built-in roles, which bundle permissions.", max_length=len(ROLES))
]
TeamIds = Annotated[
    list[Annotated[str, Field(max_length=64)]],
    Field(title="Teams", description="Ids of the teams that the user is in.", max_length=100),
]
Language = Annotated[
    str,
    Field(
        title="Language",
        description="Language of the screens as BCP 47, such as `it`; empty for the tenant's.",
        max_length=35,
        pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$",
    ),
]
Disabled = Annotated[bool, Field(title="Disabled", description="Whether the user is kept from signing in.")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Credentials(_In):
    """Who signs in, and how they prove it."""

    tenant: str = Field(title="Tenant", description="Id of the organisation.", max_length=63)
    email: str = Field(title="E-mail", description="Address of the user.", max_length=254)
    password: Typed


class AccessToken(BaseModel):
    """A token to send as `Authorization: Bearer …`."""

    access_token: str = Field(title="Access token", description="A signed JSON Web Token.")
    token_type: Literal["Bearer"] = Field("Bearer", title="Type", description="How it is sent.")
    expires_in: int = Field(title="Expires in", description="Seconds until it is worth nothing.")


class KeySet(BaseModel):
    """Public keys that access tokens are verified with (RFC 7517)."""

    keys: list[dict[str, Any]] = Field(title="Keys", description="JSON Web Keys; each token names its key by `kid`.")


class UserAdd(_In):
    """A user to add."""

    email: Email
    name: Name
    password: Password
    roles: Roles
    team_ids: TeamIds = []
    language: Language = ""


def _kept(title: str) -> Any:
    return Field(None, title=title, description="The new value; left out or null to keep the present one.")


class UserChange(_In):
    """What to change of a user; what is left out stays as it is."""

    email: Email | None = _kept("E-mail")
    name: Name | None = _kept("Name")
    password: Password | None = _kept("Password")
    roles: Roles | None = _kept("Roles")
    team_ids: TeamIds | None = _kept("Teams")
    disabled: Disabled | None = _kept("Disabled")
    language: Language | None = _kept("Language")


class UserView(BaseModel):
    """A user."""

    id: str = Field(title="Id", description="Id of the user.")
    email: str = Field(title="E-mail", description="Address that the user signs in with.")
    name: str = Field(title="Name", description="Name shown to others.")
    roles: list[str] = Field(title="Roles", description="Built-in roles.")
    team_ids: list[str] = Field(title="Teams", description="Ids of the teams that the user is in.")
    disabled: bool = Field(title="Disabled", description="Whether the user is kept from signing in.")
    language: str = Field(title="Language", description="Language of the screens; empty for the tenant's.")
    created_at: datetime = Field(title="Created", description="When the user was added.")
    updated_at: datetime = Field(title="Updated", description="When the user was changed last.")
    version: int = Field(title="Version", description="Goes up with each change; the `ETag` is made of it.")

    @classmethod
    def of(cls, user: User) -> "UserView":
        """Return what others see of a user."""
        return cls(
            id=user.id,
            created_at=user.created_at,
            updated_at=user.updated_at,
            version=user.version,
            **user.snapshot(),
        )


class TeamName(_In):
    """A team to add, or its new name."""

    name: Annotated[str, Field(title="Name", description="Unique in the tenant.", min_length=1, max_length=100)]


class TeamView(BaseModel):
    """A team."""

    id: str = Field(title="Id", description="Id of the team.")
    name: str = Field(title="Name", description="Name of the team, unique in the tenant.")
    created_at: datetime = Field(title="Created", description="When the team was added.")
    updated_at: datetime = Field(title="Updated", description="When the team was changed last.")
    version: int = Field(title="Version", description="Goes up with each change; the `ETag` is made of it.")

    @classmethod
    def of(cls, team: Team) -> "TeamView":
        """Return what is seen of a team."""
        return cls(
            id=team.id, name=team.name, created_at=team.created_at, updated_at=team.updated_at, version=team.version
        )


class Me(BaseModel):
    """Whoever sent the request."""

    tenant: str = Field(title="Tenant", description="Organisation that the request is for.")
    subject: str = Field(title="Subject", description="Id of the user, or name of the service.")
    kind: Literal["user", "service"] = Field(title="Kind", description="Whether a person or a program.")
    name: str = Field(title="Name", description="Name shown to others.")
    roles: list[str] = Field(title="Roles", description="Built-in roles; none for a service.")
    permissions: list[str] = Field(title="Permissions", description="What the caller may do, such as `tickets:read`.")
    user: UserView | None = Field(None, title="User", description="The user's record, where it is kept here.")

    @classmethod
    def of(cls, caller: Caller, user: User | None) -> "Me":
        """Return what a caller is told of themselves."""
        return cls(
            tenant=caller.tenant,
            subject=caller.subject,
            kind=caller.kind,
            name=caller.name,
            roles=list(caller.roles),
            permissions=sorted(caller.permissions),
            user=UserView.of(user) if user is not None else None,
        )


class NewPassword(_In):
    """A new password of one's own."""

    current: Typed
    new: Password


class RoleView(BaseModel):
    """A built-in role."""

    name: str = Field(title="Name", description="Name of the role.")
    permissions: list[str] = Field(title="Permissions", description="What it allows, such as `tickets:read`.")


class RoleList(BaseModel):
    """All built-in roles."""

    items: list[RoleView] = Field(title="Items", description="From the role that may least to the one that may all.")

    @classmethod
    def built_in(cls) -> "RoleList":
        """Return the table of roles and permissions."""
        return cls(items=[RoleView(name=name, permissions=sorted(may)) for name, may in permissions_by_role().items()])
