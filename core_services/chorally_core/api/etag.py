"""Versions over HTTP: an answer's ``ETag`` is its record's version, ``If-Match`` guards a change (RFC 9110)."""

from typing import Annotated

from fastapi import Header

from chorally_core.api.problem import Problem

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1024,
        title="If-Match",
        description="`ETag` of the record as it was seen; the change is refused with 412 if it has changed since.",
    ),
]
"""The request header ``If-Match``."""


def etag(version: int) -> str:
    """Return the entity tag of a stored version."""
    return f'"{version}"'


def check_match(if_match: str | None, version: int, *, required: bool = False) -> None:
    """Let a change go on only if the caller has seen the stored version.

    Call it within ``decide``, where the version is the one that the change will replace.

    Args:
        if_match: The header's value; None where it was not sent.
        version: The version that is stored.
        required: Whether the header may be left out.

    Raises:
        Problem: 412, the record has changed; 428, the header is required.
    """
    if if_match is None:
        if required:
            raise Problem(428, "send If-Match with the ETag of the record as you saw it", code="if-match-required")
        return
    tags = [tag.strip() for tag in if_match.split(",")]
    if "*" not in tags and etag(version) not in tags:
        raise Problem(412, "the record has changed since; read it again", code="changed-meanwhile")
