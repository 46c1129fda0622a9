"""Posts of the page: the one visible call, the search for what it made, edits and deletions.

Source: "Posts API" (read 2026-11-23).
"""

from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_linkedin.api import Api
from chorally_linkedin.comments import CLOCKS_APART, IN_DOUBT, like, same
from chorally_linkedin.little import plain, written
from chorally_linkedin.media import content_of
from chorally_linkedin.names import coded, page_of
from chorally_linkedin.shapes import Listing, Post

AUDIENCES = ("PUBLIC", "LOGGED_IN")


async def publish(api: Api, organization: str, publication: sdk.Publication) -> sdk.Receipt:
    """Make the post; LinkedIn keeps none for later.

    Raises:
        Rejected: An option is not as LinkedIn takes it.
        OutcomeUnknown: LinkedIn's answer does not name the post.
    """
    answer = await api.post("/rest/posts", body_of(organization, publication))
    made = answer.headers.get("x-restli-id") or answer.headers.get("x-linkedin-id") or ""
    if not made:
        raise sdk.OutcomeUnknown("LinkedIn's answer does not name the post")
    return _receipt(made)


def body_of(organization: str, publication: sdk.Publication) -> dict[str, Any]:
    """Return a post as LinkedIn takes it.

    Raises:
        Rejected: An option is not as LinkedIn takes it.
    """
    audience = publication.options.get("audience", "PUBLIC")
    if audience not in AUDIENCES:
        raise sdk.Rejected(f"the audience is one of {', '.join(AUDIENCES)}")
    content = content_of(publication)
    return {
        "author": organization,
        "commentary": written(publication.body, mentions_of(publication)),
        "visibility": audience,
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        **({"content": content} if content else {}),
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": False,
    }


def mentions_of(publication: sdk.Publication) -> dict[str, str]:
    """Return whom a post mentions, URN by name.

    Raises:
        Rejected: It is no such table.
    """
    said = publication.options.get("mentions") or {}
    if not isinstance(said, dict) or not all(isinstance(urn, str) and _is_urn(urn) for urn in said.values()):
        raise sdk.Rejected("mentions are URNs by name, as {'Acme': 'urn:li:organization:1'}")
    return {str(name): urn for name, urn in said.items()}


def _is_urn(text: str) -> bool:
    return text.startswith("urn:li:") and not set(text) & set("()[]{} ")


async def find(api: Api, organization: str, publication: sdk.Publication) -> sdk.Receipt | None:
    """Return the post that a lost call made, None where there is none.

    Raises:
        OutcomeUnknown: Several could be it.
    """
    earliest = publication.tried_at - CLOCKS_APART if publication.tried_at else None
    url = f"/rest/posts?author={coded(organization)}&q=author&sortBy=LAST_MODIFIED"
    found = set()
    async for post in api.all(Listing[Post], url, method="FINDER"):
        if earliest and post.changed_at and post.changed_at < earliest:
            break
        if _is_later(post, earliest) and same(plain(post.commentary), publication.body):
            found.add(post.id)
    if len(found) > 1:
        raise sdk.OutcomeUnknown(f"{len(found)} equal posts of the page were found" + IN_DOUBT)
    return _receipt(found.pop()) if found else None


def _is_later(post: Post, earliest: datetime | None) -> bool:
    return earliest is None or post.made_at is None or post.made_at >= earliest


def _receipt(urn: str) -> sdk.Receipt:
    return sdk.Receipt(external_id=urn, conversation_id=urn, url=page_of(urn))


async def moderate(api: Api, organization: str, action: sdk.Action) -> None:
    """Edit or delete an own post, or like any post as the page.

    Raises:
        Rejected: LinkedIn has no such thing for posts.
    """
    path = f"/rest/posts/{coded(action.external_id)}"
    match action.verb:
        case "edit":
            await api.post(path, {"patch": {"$set": {"commentary": written(action.body)}}}, "PARTIAL_UPDATE")
        case "delete":
            await api.delete(path)
        case "like":
            await like(api, organization, action.external_id)
        case _:
            raise sdk.Rejected(f"LinkedIn's posts take no {action.verb!r}")
