"""Where a client's grant comes from when it may change while the client lives."""

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import httpx

from chorally_sdk.errors import Reauthorize
from chorally_sdk.model.accounts import Grant


class Grants(Protocol):
    """Gives the grant that is good now; a host renews it behind this."""

    async def fresh(self) -> Grant:
        """Return the grant, renewed first where it is about to end.

        Raises:
            Reauthorize: There is none any more; a person must consent again.
            RetryLater: It has ended and cannot be renewed at the moment.
        """

    async def instead(self, refused: Grant, refusal: Reauthorize) -> Grant:
        """Return another grant than the one that the platform has just refused.

        Raises:
            Reauthorize: There is no other; it is ``refusal`` where a renewal cannot help.
            RetryLater: It cannot be renewed at the moment.
        """


class Authorised(NamedTuple):
    """How one call is authorised, and by which grant."""

    auth: httpx.Auth | None
    grant: Grant | None
    renews: bool = False
    """Whether another grant may take its place."""


def is_repeatable(options: Mapping[str, Any]) -> bool:
    """Whether the body of a call can be sent a second time: it is not read from a source that has an end."""
    content = options.get("content")
    if content is not None and not isinstance(content, str | bytes):
        return not isinstance(content, Iterable | AsyncIterable) or isinstance(content, Sequence)
    return not options.get("files")
