"""Who a tenant's people are, for services that do not keep users."""

from collections.abc import Collection, Mapping

from chorally_core.ports.colleagues import Colleague, Colleagues
from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.permissions import Permission
from chorally_core.services.identity.model import User


def colleagues_of(documents: Documents) -> Colleagues:
    """Return what knows a tenant's people, as they are kept here."""

    async def look(tenant: str, ids: Collection[str]) -> Mapping[str, Colleague]:
        found = await documents.load([Key.by_id(User, name) for name in dict.fromkeys(ids)])
        users = [user for user in found.values() if isinstance(user, User) and user.tenant == tenant]
        return {
            user.id: Colleague(
                id=user.id, roles=user.roles, team_ids=user.team_ids,
                may_approve=not user.disabled and Permission.PUBLICATIONS_APPROVE in user.permissions,
            )
            for user in users
        }  # fmt: skip

    return look
