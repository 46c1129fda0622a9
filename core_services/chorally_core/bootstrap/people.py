"""Who a tenant's authors and users are, for services that keep a view of them of their own."""

from collections.abc import Sequence

from chorally_core.ports.documents import Documents, Key, Query
from chorally_core.services.author.model import Author
from chorally_core.services.identity.model import User
from chorally_core.services.message.model import Block
from chorally_core.services.rule_engine.people import Authors, Known, Member, Users

_PAGE = 200


def authors_of(documents: Documents) -> Authors:
    """Return what gives a tenant's authors page by page."""

    async def page(tenant: str, after: str) -> Sequence[Known]:
        query = Query(Author, tenant, limit=_PAGE, after=(None, after) if after else None)
        found: list[Author] = await documents.find(query)
        blocks = await documents.load([Key.by_id(Block, Block.id_of(tenant, author.id)) for author in found])
        blocked = {block.author_id for block in blocks.values() if isinstance(block, Block)}
        return [Known(author.id, author.version, author.snapshot(), author.id in blocked) for author in found]

    return page


def users_of(documents: Documents) -> Users:
    """Return what gives a tenant's users page by page, with their teams."""

    async def page(tenant: str, after: str) -> Sequence[Member]:
        query = Query(User, tenant, limit=_PAGE, after=(None, after) if after else None)
        found: list[User] = await documents.find(query)
        return [Member(user.id, user.version, user.team_ids, user.disabled) for user in found]

    return page
