"""What all parts of the page's Graph API stand on: the page, its faults, and who is told of what it does itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx
from chorally_meta.sandbox import GraphTwin, Told
from starlette.types import Receive, Scope, Send

from chorally_facebook.sandbox.faults import Faults
from chorally_facebook.sandbox.world import World
from chorally_sdk.sandbox import Call, Clock
from chorally_sdk.sandbox.parts import parts_of

Echo = Literal["before", "after", "off"]


class PageBase(GraphTwin):
    """A page without routes of its own."""

    def __init__(
        self, *, clock: Clock | None = None, seed: int = 0, callback: httpx.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(clock=clock, seed=seed, callback=callback, scopes=SCOPES)
        self.world = World(self.clock, self.account)
        self.faults = self.courier.faults = Faults(self.rng, self.clock.sleep, hold_s=0)
        self.echo: Echo = "after"
        """Whether what the page does is told by webhook before or after the call that does it is answered."""
        self.size = 100
        self._later: list[Told] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, and tell then what is to be told after the answer."""
        async with self._telling():
            await super().__call__(scope, receive, send)

    @asynccontextmanager
    async def _telling(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            later, self._later = self._later, []
            for told in later:
                self.courier.add(told)

    async def tell(self, value: Any, *, field: str = "") -> None:
        """Tell by webhook what the page itself did."""
        told = Told(self.world.page_id, value, field)
        if self.echo == "before":
            await self.courier.now_or_later(told)
        elif self.echo == "after":
            self._later.append(told)

    def of_page(self, call: Call) -> str:
        """Return the id of the page that a call is about.

        Raises:
            KeyError: It is about something else.
        """
        if call.path["page_id"] not in {"me", self.world.page_id}:
            raise KeyError(call.path["page_id"])
        return self.world.page_id

    async def form(self, call: Call) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
        """Return the fields of a form, of several parts or not, and its files: type and bytes by field."""
        kind = call.request.headers.get("content-type", "")
        asked = self.asked(call)
        files: dict[str, tuple[str, bytes]] = {}
        if kind.startswith("multipart/"):
            for part in parts_of(kind, await call.request.body()):
                if part.filename is None:
                    asked[part.name] = part.text
                else:
                    files[part.name] = (part.media_type, part.content)
        return asked, files


SCOPES = (
    *("pages_show_list", "pages_read_engagement", "pages_read_user_engagement", "pages_manage_engagement"),
    *("pages_manage_metadata", "pages_messaging", "pages_manage_posts"),
)
