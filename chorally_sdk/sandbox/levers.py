"""What can be done to a stand-in of a platform, whatever it is made of: the levers that the kit's checks pull.

A lever that a stand-in overrides is offered; a check that needs one which is not is skipped, and says so. The
stand-in need not be HTTP: the mail connector's is two servers on loopback.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Literal, NoReturn, Self

import httpx

from chorally_sdk.errors import Unsupported
from chorally_sdk.model.accounts import Grant
from chorally_sdk.model.hooks import Keys, RawHook
from chorally_sdk.model.inbound import Attachment
from chorally_sdk.model.manifest import Verb
from chorally_sdk.sandbox.clock import Clock


class NotOffered(Unsupported):
    """This stand-in has no such lever."""


@dataclass(frozen=True)
class Connection:
    """How the account of the stand-in is connected."""

    external_id: str
    name: str = ""
    grant: Grant | None = None
    settings: Any = None
    app_settings: Any = None
    consented: Grant | None = None
    """The person's grant, where accounts have one of their own that is derived from it; else ``grant`` is it."""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """Something visible that our account made: a reply, or a post without a target."""

    external_id: str
    body: str
    target: str | None = None
    is_hidden: bool = False


@dataclass(frozen=True)
class Profile:
    """An account that a consent opens."""

    external_id: str
    name: str


@dataclass(frozen=True)
class Subscribed:
    """A subscription as the platform holds it."""

    external_id: str
    callback: str | None
    """Where hooks go; None where that is set once for the app, in the platform's console."""
    secret: str = ""
    expires_at: datetime | None = None


class Levers:
    """A stand-in of a platform for one account; entered before use."""

    kinds: ClassVar[frozenset[str]] = frozenset()
    """Faults that ``inject`` knows, each as ``kind/on``."""
    channel: ClassVar[str] = ""
    """The channel of what ``say`` says; the manifest's first where empty."""
    renews_alive: ClassVar[bool] = False
    """Whether only a grant that still works is renewed, as at Meta: ``expire`` then stops short of its end."""
    own_only: ClassVar[frozenset[Verb]] = frozenset()
    """What our account may do to its own words only, as ``delete`` is where people's words are theirs."""
    description: ClassVar[str | tuple[str, ...]] = ""
    """The platform's official description, or several, as paths below ``$CHORALLY_SPECS``; empty where there is none.

    A file of OpenAPI, Swagger, Google's discovery, Telegram's methods or CSDL; a folder of OpenAPI, lexicons or nodes.
    """
    excused: ClassVar[Mapping[str, str]] = {}
    """Where the description is silent or wrong, and how that is known: by a regular expression that is searched in
    calls it does not have (``GET https://…``) and in mistakes it finds. The report tells each that was needed."""
    signs_bodies: ClassVar[bool] = True
    """Whether the proof of a webhook is about its body; a shared word proves who sends, whatever is sent."""
    proves_in_body: ClassVar[bool] = False
    """Whether the proof of a webhook is in its body and nowhere else, as Graph's ``clientState``."""
    lacks: ClassVar[frozenset[str]] = frozenset()
    """Abilities, such as ``Pulls``, that the connector has for accounts of another kind than this stand-in's; one whose
    accounts lack ``Pulls`` has no streams."""
    posted_with: ClassVar[tuple[Attachment, ...]] = ()
    """What a post must have besides a text, where the platform takes no text alone."""
    tells_removals: ClassVar[bool] = True
    """Whether the platform's webhooks tell of what was taken back; False only where it documents none that does."""
    people_answer: ClassVar[bool] = True
    """Whether people can answer what people said; False where only our account can, as on places of reviews: ``say``
    is then never given a ``parent``."""

    def __init__(self) -> None:
        self.clock = Clock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""

    def offered(self) -> frozenset[str]:
        """Return the names of the levers that this stand-in has."""
        return frozenset(name for name in LEVERS if getattr(type(self), name) is not getattr(Levers, name))

    def connection(self) -> Connection:
        """Say how its account is connected; always needed."""
        raise NotImplementedError

    def transport(self) -> httpx.AsyncBaseTransport:
        """Reach it over HTTP, without a network."""
        _not_offered("transport")

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person say something, now or at a time, and return its ``external_id``."""
        _not_offered("say")

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person say something with a file and return its ``external_id``."""
        _not_offered("attach")

    async def edit(self, external_id: str, body: str) -> None:
        """Let a person change what was said."""
        _not_offered("edit")

    async def remove(self, external_id: str) -> None:
        """Let a person take back what was said."""
        _not_offered("remove")

    async def say_elsewhere(self, body: str, *, target: str) -> str:
        """Let our account answer by another program and return the answer's ``external_id``."""
        _not_offered("say_elsewhere")

    def made(self) -> Sequence[Made]:
        """Tell what our account made, every copy of it."""
        _not_offered("made")

    def seen_files(self) -> Sequence[bytes]:
        """Tell the contents of the files that people see with what our account made."""
        _not_offered("seen_files")

    def media_limit(self, verb: str) -> Mapping[str, int]:
        """Return the largest size in bytes that the platform takes, by media type."""
        _not_offered("media_limit")

    def page_size(self, size: int) -> None:
        """Let listings show no more than this at once."""
        _not_offered("page_size")

    def unread(self) -> None:
        """Let all that was read be there to be read again, where asking for a page acknowledges the one before."""
        _not_offered("unread")

    def forget_cursors(self) -> None:
        """Let every cursor given so far be unknown from now on."""
        _not_offered("forget_cursors")

    def older(self, cursor: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """Return a cursor as an older version of the connector wrote it."""
        _not_offered("older")

    def inject(self, kind: str, on: str, *, times: int = 1, wait_s: int = 60) -> None:
        """Let something go wrong with the next calls."""
        _not_offered("inject")

    def clear(self) -> None:
        """Let nothing more go wrong."""
        _not_offered("clear")

    def revoke(self) -> None:
        """Take every grant back."""
        _not_offered("revoke")

    def second_grant(self) -> Grant:
        """Return another grant of the same account."""
        _not_offered("second_grant")

    def withhold(self, scope: str) -> Grant:
        """Return a grant that lacks a scope."""
        _not_offered("withhold")

    def consent(self, url: str) -> Mapping[str, str]:
        """Let a person open the page of consent and agree; return the query of the call-back."""
        _not_offered("consent")

    def expire(self) -> None:
        """Let the time pass after which the access token has ended, and the refresh token has not.

        Where ``renews_alive``: until a day or less before the end.
        """
        _not_offered("expire")

    def keeps_refresh(self) -> None:
        """Let renewals give no other refresh token: the old one goes on."""
        _not_offered("keeps_refresh")

    def profiles(self) -> Sequence[Profile]:
        """Tell which accounts a consent opens; more than one page of them."""
        _not_offered("profiles")

    def hooks(self) -> Sequence[RawHook]:
        """Take the webhooks that wait to be sent, signed; there are some only after ``say`` and the like."""
        _not_offered("hooks")

    def batch(self, *bodies: str) -> RawHook:
        """Return one webhook that tells of several new things."""
        _not_offered("batch")

    def batch_of_accounts(self, bodies: Mapping[str, str]) -> RawHook:
        """Return one webhook that tells of a new thing of each of several accounts, by ``external_id``."""
        _not_offered("batch_of_accounts")

    def signed(self, body: bytes) -> RawHook:
        """Return a webhook of any body, signed as the platform does."""
        _not_offered("signed")

    def unknown(self) -> RawHook:
        """Return a webhook of a kind that its documentation does not name, signed."""
        _not_offered("unknown")

    def handshake(self, *, is_forged: bool = False) -> tuple[RawHook, bytes]:
        """Return the request by which the platform tests a URL, and the answer it wants."""
        _not_offered("handshake")

    def keys(self) -> Keys:
        """Return what hooks are judged by."""
        _not_offered("keys")

    def by_token(self, claims: Mapping[str, Any], *, key: str = "known") -> RawHook:
        """Return a webhook whose token has other claims (None leaves one out), or is signed by another key.

        See ``KeySet.headers``: ``known``, ``forged`` under a known name, ``secret``.
        """
        _not_offered("by_token")

    def rotate_keys(self) -> None:
        """Let hooks be signed by a new key from now on, which ``keys`` knows."""
        _not_offered("rotate_keys")

    def signature_age(self) -> float:
        """Return the seconds after which the platform's documentation tells to refuse a signature."""
        _not_offered("signature_age")

    def subscriptions(self) -> Sequence[Subscribed]:
        """Tell what is subscribed."""
        _not_offered("subscriptions")

    def lose_subscriptions(self) -> None:
        """Delete the account's subscriptions on the platform's side."""
        _not_offered("lose_subscriptions")

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Return the longest text that the platform takes, and the unit that it counts in."""
        _not_offered("text_limit")

    def close_window(self) -> None:
        """Let the time pass after which no answer to what was said is taken."""
        _not_offered("close_window")

    def refusals(self) -> Mapping[str, "tuple[httpx.Response, dict[str, Any]]"]:
        """Return the platform's errors by name, and what each must be: ``type``, ``reason``, ``wait_s``, ``scope``."""
        _not_offered("refusals")

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell how people see something."""
        _not_offered("state_of")

    def template_names(self) -> Sequence[str]:
        """Tell the names of the approved texts; more than one page of them."""
        _not_offered("template_names")


def _not_offered(lever: str) -> NoReturn:
    raise NotOffered(f"this stand-in has no lever {lever!r}")


LEVERS = frozenset(
    name for name, value in vars(Levers).items() if callable(value) and name not in {"offered"} and name[0] != "_"
)
"""The names of all levers."""
