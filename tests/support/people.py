"""People of a tenant who sign in, beside the operator who is nobody's colleague."""

from datetime import UTC, datetime

import httpx
import msgspec
from chorally_core.ports.documents import Query
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.identity import User

from tests.support.api import Api

AT = datetime(2026, 11, 1, tzinfo=UTC)


async def a_person(
    api: Api, name: str, *roles: str, tenant: str = "acme", teams: tuple[str, ...] = ()
) -> httpx.AsyncClient:
    """Return a client of somebody who was just hired."""
    user = User(
        id=name, tenant=tenant, login=User.login_of(tenant, f"{name}@example.com"), email=f"{name}@example.com",
        name=name.title(), password_hash="", roles=roles, team_ids=teams, created_at=AT, updated_at=AT,
    )  # fmt: skip
    await api.system.ledger.commit(Work([Step.of([user])]))
    return again(api, name, *roles, tenant=tenant)


def again(api: Api, name: str, *roles: str, tenant: str = "acme") -> httpx.AsyncClient:
    """Return a client with another token of theirs."""
    issued = api.system.trust.issuer.issue(subject=name, tenant=tenant, name=name, roles=roles, generation=1)
    return api.client(issued.access_token)


async def change_person(api: Api, name: str, **changes: object) -> None:
    """Change what is kept of somebody; ``removed`` removes them."""
    (user,) = [u for u in await api.system.ledger.documents.find(Query(User, None)) if u.id == name]
    if changes.pop("removed", False):
        await api.system.ledger.documents.delete(User, [name])
        return
    await api.system.ledger.commit(Work([Step.of([msgspec.structs.replace(user, **changes)])]))
