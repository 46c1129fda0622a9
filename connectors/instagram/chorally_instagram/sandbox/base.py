"""What all parts of the account's Graph API stand on: its tokens in both flavours, its people, who is told of what."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import httpx
from chorally_meta.sandbox import GraphTwin, Owned, Told
from starlette.types import Receive, Scope, Send

from chorally_instagram import consent
from chorally_instagram.sandbox.world import World
from chorally_sdk.sandbox import Call, Clock, Refusal

T = TypeVar("T")


class AccountBase(GraphTwin):
    """An account without routes of its own."""

    object: ClassVar[str] = "instagram"
    usage_type: ClassVar[str] = "instagram"
    throttle: ClassVar[int] = 80002
    by_facebook: ClassVar[bool] = False
    """Whether it is reached by its page's token."""

    def __init__(
        self, *, clock: Clock | None = None, seed: int = 0, callback: httpx.AsyncBaseTransport | None = None
    ) -> None:
        scopes = consent.BY_FACEBOOK.scopes if self.by_facebook else consent.SCOPES
        super().__init__(clock=clock, seed=seed, callback=callback, scopes=scopes or ())
        self.account = Owned("100000000000001", "Lamps & Co", "sandbox-page-token")
        self.owned = [self.account]
        self.world = World(self.clock, "17841400000000001", "lamps.co")
        self.names: dict[str, str] = {}
        """User names by the id that people have for this account."""
        self.silent = False
        """Whether what the account does itself is told by no webhook."""
        self._later: list[Told] = []
        self._forgotten: set[str] = set()
        self._given: set[str] = set()

    def forget_cursors(self) -> None:
        """Let every cursor given so far be unknown from now on."""
        self._forgotten |= self._given
        self._given.clear()

    def listed(
        self, call: Call, found: Sequence[T], place: Callable[[T], int], show: Callable[[T], Any], *, url: str = "",
        asked: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Return a page of a listing, by a cursor that is not forgotten.

        Raises:
            ValueError: The cursor is none of ours, or is forgotten.
        """
        after = (self.asked(call) if asked is None else asked).get("after", "")
        if after in self._forgotten:
            raise ValueError(f"Invalid cursors values: {after!r}")
        told = super().listed(call, found, place, show, url=url, asked=asked)
        given = told.get("paging", {}).get("cursors", {}).get("after")
        if given:
            self._given.add(given)
            self._forgotten.discard(given)
        return told

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

    def echo(self, value: Any, *, field: str = "") -> None:
        """Tell by webhook what the account itself did, after the call is answered."""
        if not self.silent:
            self._later.append(Told(self.world.account, value, field))

    def tell(self, value: Any, *, field: str = "", webhook: bool = True) -> None:
        """Tell by webhook what people did."""
        if webhook:
            self.courier.add(Told(self.world.account, value, field))

    def known(self, name: str) -> str:
        """Return the id of a person, who is known by name from then on."""
        person = self.world.person(name)
        self.names.setdefault(person, name)
        return person

    def username(self, person: str) -> str:
        """Return somebody's user name."""
        return self.world.username if person == self.world.account else self.names[person]

    def of_account(self, call: Call) -> None:
        """Refuse a call about another account.

        Raises:
            KeyError: It is about something else.
        """
        if call.path["object_id"] not in {"me", self.world.account, self.account.id}:
            raise KeyError(call.path["object_id"])

    def subscriber(self, object_id: str) -> str:
        """Return the id under which the account is subscribed.

        Raises:
            KeyError: There is no such object.
        """
        if object_id not in {"me", self.world.account, self.account.id}:
            raise KeyError(object_id)
        return self.world.account

    def authorise(self, call: Call) -> None:
        """Judge a call by its token: the account's own, or with Facebook Login its page's or a person's."""
        token = self.token_of(call)
        self.judge_proof(call, token)
        is_page = any(page.token == token for page in self.owned)
        if not (self.login.is_person(token) or is_page):
            raise Refusal("token")
        if self.by_facebook and not is_page and call.request.url.path != "/me/accounts":
            raise Refusal("forbidden")

    def shown_account(self, page: Owned) -> dict[str, Any]:
        """Return a page as ``/me/accounts`` lists it, with the account that belongs to it."""
        number = self.owned.index(page)
        known = {"id": str(int(self.world.account) + number), "username": self.world.username + str(number or "")}
        return {**page.shown(), "instagram_business_account": known}


def iso(at: datetime) -> str:
    """Return a time as the Graph API writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
