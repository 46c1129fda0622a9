"""What LinkedIn shows of posts and comments, and what its notifications tell."""

from typing import Any

from chorally_linkedin.little import plain
from chorally_linkedin.sandbox.world import Comment, Post, World, ms


def post(made: Post) -> dict[str, Any]:
    """Return a post as the Posts API shows it."""
    return {
        "id": made.urn,
        "author": made.author,
        "commentary": made.commentary,
        "visibility": "PUBLIC",
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "lifecycleState": "PUBLISHED",
        "createdAt": ms(made.created_at),
        "publishedAt": ms(made.created_at),
        "lastModifiedAt": ms(made.changed_at),
        **({"content": made.content} if made.content else {}),
    }


def comment(made: Comment, world: World) -> dict[str, Any]:
    """Return a comment as the API of social actions shows it."""
    answers = sum(each.parent == made.id for each in world.comments.values())
    actor = {"actor": made.actor} if made.actor else {}
    shown: dict[str, Any] = {
        **actor,
        "created": {**actor, "time": ms(made.created_at)},
        "lastModified": {**actor, "time": ms(made.changed_at)},
        "id": made.id,
        "$URN": made.urn,
        "message": {"attributes": [], "text": made.text},
        "object": made.post.activity,
    }
    if made.parent:
        shown["parentComment"] = world.comments[made.parent].urn if made.parent in world.comments else made.parent
    if made.file:
        shown["content"] = [
            {"type": "IMAGE", "entity": {"image": made.file}, "url": f"https://media.licdn.com/{made.file}"}
        ]
    if answers:
        shown["commentsSummary"] = {"totalFirstLevelComments": answers, "aggregatedTotalComments": answers}
    return shown


def notification(action: str, made: Comment, number: int, at: int, *, page: str) -> dict[str, Any]:
    """Return what is told of a comment."""
    return {
        "notificationId": number,
        "organizationalEntity": page,
        "action": action,
        "sourcePost": made.post.activity,
        "decoratedSourcePost": {
            "entity": made.post.urn,
            "owner": made.post.author,
            "text": plain(made.post.commentary),
            "mediaCategory": "NONE",
        },
        "generatedActivity": made.urn,
        "decoratedGeneratedActivity": {
            "comment": {"entity": made.urn, "owner": made.actor, "object": made.post.activity, "text": made.text}
        },
        "lastModifiedAt": at,
        "subscriber": "urn:li:person:owner",
    }


def shared(action: str, made: Post, number: int, at: int, *, page: str, source: str = "") -> dict[str, Any]:
    """Return what is told of a post that mentions the page, or passes one of its posts on."""
    return {
        "notificationId": number,
        "organizationalEntity": page,
        "action": action,
        **({"sourcePost": source} if source else {}),
        "generatedActivity": made.urn,
        "decoratedGeneratedActivity": {
            "share": {"entity": made.urn, "owner": made.author, "text": plain(made.commentary)}
        },
        "lastModifiedAt": at,
        "subscriber": "urn:li:person:owner",
    }
