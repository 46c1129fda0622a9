"""What a caller may do: permissions, and the built-in roles that bundle them."""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Permission(StrEnum):
    """One thing that a caller may be allowed to do."""

    TICKETS_READ = "tickets:read"
    """See tickets and their messages."""
    TICKETS_WRITE = "tickets:write"
    """Answer, assign, tag, merge and resolve tickets."""
    REPLIES_SEND = "replies:send"
    """Have the own answers go out at once; without it somebody else approves each of them first."""
    REPLIES_APPROVE = "replies:approve"
    """Approve or reject the answers of those who may not send them by themselves."""
    CONVERSATIONS_READ = "conversations:read"
    """See the conversations that we began, lists, and what people wish."""
    CONVERSATIONS_WRITE = "conversations:write"
    """Begin conversations, and write down whether people want to hear from us."""
    MAILINGS_WRITE = "mailings:write"
    """Write to lists of people, and say whose consent is asked for."""
    MESSAGES_MODERATE = "messages:moderate"
    """Hide, show, delete, like and edit messages on their platforms."""
    ACCOUNTS_READ = "accounts:read"
    """See the connected accounts and their state."""
    ACCOUNTS_WRITE = "accounts:write"
    """Connect, change and disconnect accounts."""
    AUTHORS_READ = "authors:read"
    """See the people who write."""
    AUTHORS_WRITE = "authors:write"
    """Tag people, fill in their fields, and say which of them are one person."""
    AUTHORS_ERASE = "authors:erase"
    """Erase a person and everything kept of them."""
    LOGS_READ = "logs:read"
    """Read the history of what was changed, and by whom."""
    AUDIT_READ = "audit:read"
    """See who changed what of users, accounts, rules and settings, from what to what."""
    USERS_READ = "users:read"
    """See users and teams."""
    USERS_WRITE = "users:write"
    """Add and change users and teams, within the own permissions."""
    DELIVERIES_READ = "deliveries:read"
    """See what is on its way out and what became of it."""
    DELIVERIES_RESOLVE = "deliveries:resolve"
    """Decide what became of a delivery in doubt."""
    PUBLICATIONS_READ = "publications:read"
    """See our own posts and what became of them."""
    PUBLICATIONS_DRAFT = "publications:draft"
    """Write posts and hand them in; without ``publications:write`` each of them asks for an approval."""
    PUBLICATIONS_WRITE = "publications:write"
    """Publish posts in the name of accounts, now or at a time; cancel, retry and delete them."""
    PUBLICATIONS_APPROVE = "publications:approve"
    """Approve or reject the posts of others, where the workflow names one."""
    PUBLICATIONS_CONFIGURE = "publications:configure"
    """Say who approves which posts, and in which time zone they are planned."""
    RULES_READ = "rules:read"
    """See rules, calendars and replies, try them on what happened, and see what they did."""
    RULES_WRITE = "rules:write"
    """Add, change, order, enable and remove rules, calendars and replies, which act on tickets and answer people."""
    METADATA_READ = "metadata:read"
    """See tags, fields, canned replies, views and macros."""
    METADATA_WRITE = "metadata:write"
    """Change tags, fields, and the canned replies, views and macros that others share."""
    WEBHOOKS_READ = "webhooks:read"
    """See webhooks, and what was told to them."""
    WEBHOOKS_WRITE = "webhooks:write"
    """Add, change and remove webhooks, which are told what happens; send again what was told."""
    OPERATIONS_READ = "operations:read"
    """See dead letters, jobs and how far consumers lag."""
    OPERATIONS_WRITE = "operations:write"
    """Replay dead letters and stored webhooks; cancel and repeat jobs."""
    INSTALLATION_WRITE = "installation:write"
    """Change what serves every tenant, such as the installation's own apps; for whoever runs the system."""


_VIEWER = frozenset(
    {Permission.TICKETS_READ, Permission.ACCOUNTS_READ, Permission.AUTHORS_READ, Permission.METADATA_READ}
)
_AGENT = _VIEWER | {
    Permission.TICKETS_WRITE,
    Permission.REPLIES_SEND,
    Permission.CONVERSATIONS_READ,
    Permission.CONVERSATIONS_WRITE,
    Permission.MESSAGES_MODERATE,
    Permission.AUTHORS_WRITE,
    Permission.USERS_READ,
    Permission.DELIVERIES_READ,
    Permission.LOGS_READ,
    Permission.PUBLICATIONS_READ,
    Permission.PUBLICATIONS_DRAFT,
}
_TRAINEE = _AGENT - {Permission.REPLIES_SEND, Permission.CONVERSATIONS_WRITE, Permission.MESSAGES_MODERATE}
_SUPERVISOR = _AGENT | {
    Permission.REPLIES_APPROVE,
    Permission.MAILINGS_WRITE,
    Permission.DELIVERIES_RESOLVE,
    Permission.PUBLICATIONS_WRITE,
    Permission.PUBLICATIONS_APPROVE,
    Permission.RULES_READ,
    Permission.RULES_WRITE,
    Permission.METADATA_WRITE,
}
_ADMIN = frozenset(Permission) - {Permission.INSTALLATION_WRITE}

ROLES: Mapping[str, frozenset[Permission]] = MappingProxyType(
    {"viewer": _VIEWER, "trainee": _TRAINEE, "agent": _AGENT, "supervisor": _SUPERVISOR, "admin": _ADMIN}
)
"""The built-in roles of a tenant's people, from the one that may least to the one that may most."""

INSTALLER = "installation-operator"
"""The role of whoever runs the installation; nobody within a tenant can give it."""


_added: dict[str, frozenset[str]] = {}


def declare(permissions: Mapping[str, Collection[str]]) -> None:
    """Have permissions of services that were installed beside those above; again, it changes nothing.

    Args:
        permissions: The built-in roles that have each of them.
    """
    _added.update({permission: frozenset(roles) for permission, roles in permissions.items()})


def every_permission() -> frozenset[str]:
    """Return all permissions: those above, and those of services that were installed."""
    return frozenset(Permission) | frozenset(_added)


def permissions_by_role() -> dict[str, frozenset[str]]:
    """Return what each of the built-in roles allows."""
    return {role: may | {permission for permission in _added if role in _added[permission]}
            for role, may in ROLES.items()}  # fmt: skip


def permissions_of(roles: Iterable[str]) -> frozenset[str]:
    """Return what these roles allow together; a role that is not built in allows nothing."""
    known = ROLES if not _added else permissions_by_role()
    known = {**known, INSTALLER: every_permission()}
    return frozenset().union(*(known.get(role, frozenset()) for role in roles))
