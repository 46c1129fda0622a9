"""Posts of the account: the one visible call, and the search for what it made.

Source: "Content Publishing" of the Instagram Platform (read 2026-11-23). A container can be published once, so that its
status proves whether a call whose answer was lost did so; the media it became is then in the account's list.
"""

from datetime import datetime

from chorally_meta.listing import Reader
from chorally_meta.shapes import Created, Listing, read

import chorally_sdk as sdk
from chorally_instagram import faults
from chorally_instagram.api import Api
from chorally_instagram.comments import CLOCKS_APART, IN_DOUBT, same
from chorally_instagram.containers import container_of, is_story, status_of
from chorally_instagram.shapes import Media

LISTED = "id,caption,timestamp,permalink"


async def publish(api: Api, post: sdk.Publication) -> sdk.Receipt:
    """Show a container that is ready.

    Raises:
        OutcomeUnknown: Instagram's answer does not say whether the post was made.
        Rejected: There is no container, or it has ended.
    """
    container = container_of(post.prepared)
    if not container:
        raise sdk.Rejected("there is no container to publish; it must be prepared first")
    try:
        answer = await api.http.post(api.own("media_publish"), data={"creation_id": container})
        made = read(Created, answer.content, "the answer to a post")
    except (faults.Transient, sdk.Malformed) as error:
        raise sdk.OutcomeUnknown(f"whether the post was made is not known: {error}") from error
    return sdk.Receipt(external_id=made.id, conversation_id=made.id, data={"container": container})


async def find(api: Api, post: sdk.Publication) -> sdk.Receipt | None:
    """Return the post that a lost call made; None where its container was never published.

    Raises:
        OutcomeUnknown: Several posts could be it.
        RetryLater: The container was published, and its post is not listed yet.
    """
    container = container_of(post.prepared)
    status = await _status(api, container) if container else ""
    if status and status not in {"PUBLISHED", "GONE"}:
        return None
    alike = await _alike(api, post)
    if len(alike) > 1:
        raise sdk.OutcomeUnknown(f"{len(alike)} equal posts of the account were found" + IN_DOUBT)
    if not alike and status == "PUBLISHED":
        raise sdk.RetryLater("the post was made, and Instagram does not list it yet")
    if not alike:
        raise sdk.OutcomeUnknown("what became of the container is not known" + IN_DOUBT)
    return sdk.Receipt(external_id=alike[0].id, conversation_id=alike[0].id, url=alike[0].permalink)


async def _status(api: Api, container: str) -> str:
    try:
        return (await status_of(api, container)).status_code
    except sdk.Rejected as error:
        if error.reason is not sdk.Reason.GONE:
            raise
        return "GONE"


async def _alike(api: Api, post: sdk.Publication) -> list[Media]:
    """The account's media since the attempt that have its text; of the newest a listing begins with."""
    since: datetime | None = (post.tried_at - CLOCKS_APART).replace(microsecond=0) if post.tried_at else None
    found: list[Media] = []
    edge = "stories" if is_story(post) else "media"
    async for media in Reader(api.http).all(Listing[Media], api.own(edge), {"fields": LISTED, "limit": "50"}):
        if since is not None and media.timestamp is not None and media.timestamp < since:
            break
        if same(media.caption, post.body):
            found.append(media)
    return found
