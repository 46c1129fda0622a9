"""A mailbox: whose it is, and how it is asked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import chorally_sdk as sdk

IMMUTABLE = 'IdType="ImmutableId"'
"""Ids stay the same while a mail stays in its mailbox, from draft to sent too (Graph, "Get immutable identifiers")."""
HEADERS = {"Prefer": IMMUTABLE}
AS_TEXT = {"Prefer": f'{IMMUTABLE}, outlook.body-content-type="text"'}


@dataclass(frozen=True)
class Mailbox:
    """One mailbox, the person's own or a shared one."""

    http: sdk.Http
    address: str
    """Its own address, in lower case."""
    shared: str = ""
    """The address of a shared one; empty for the person's own."""
    now: datetime | None = None

    def url(self, *parts: str) -> str:
        """Return the path of something in it."""
        root = ("users", self.shared) if self.shared else ("me",)
        return "/" + "/".join(quote(part, safe="$@") for part in (*root, *parts))

    async def get(self, *parts: str, headers: dict[str, str] | None = None, **params: str) -> bytes:
        """Read something; ``params`` are query options without their dollar sign."""
        options: dict[str, Any] = {f"${name}": value for name, value in params.items()}
        answer = await self.http.get(self.url(*parts), params=options, headers=headers or HEADERS)
        return answer.content
