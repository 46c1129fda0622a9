"""What a connector declares about its platform, as data."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from chorally_sdk.errors import Scope
from chorally_sdk.model.base import Model
from chorally_sdk.model.endpoints import Pattern, matches

Verb = Literal["reply", "send", "publish", "edit", "delete", "hide", "unhide", "like", "read"]
"""What can be done on a channel."""

Unit = Literal["code_points", "graphemes", "utf16", "bytes", "own"]
"""What a text's length is counted in; ``own`` asks ``Connector.measure``."""

Dedupe = Literal["native_key", "client_ref", "lookup", "none"]
"""How a second visible copy can be avoided when the outcome of a call is unknown."""

Copies = Literal["allowed", "on_arrival", "never"]
"""Whether files of what people say may be copied by the host."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
"""A name of a platform or channel: lower case letters, digits, underscores."""


_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d (\S+)")


def _is_clock(text: str) -> str:
    if text:
        form = _CLOCK.fullmatch(text)
        if form is None:
            raise ValueError(f"{text!r} is no clock time with its zone; write it as 00:00 America/Los_Angeles")
        try:
            ZoneInfo(form[2])
        except (LookupError, ValueError, OSError) as error:
            raise ValueError(
                f"{form[2]!r} is no time zone; take a name of the IANA list, such as Europe/Rome"
            ) from error
    return text


class Limits(Model):
    """What one action on one channel allows; what exceeds it is refused before any network."""

    max_text: int | None = None
    """Longest text, counted in ``unit``; None where the platform states none."""
    unit: Unit = "code_points"
    media: Mapping[str, int] = {}
    """Largest size in bytes by media type, such as ``image/jpeg`` or ``image/*``."""
    max_media: int = 0
    """Most attachments in one call."""
    captions: bool = True
    """Whether one call takes a text and attachments together; where not, the text goes first, and the attachments
    after it, as parts."""
    parts: Annotated[int, Field(ge=1, le=99)] = 1
    """Into how many visible things an answer may be split that exceeds one; 1 refuses it. Leave it at 1 where a new
    answer takes the place of the old one."""
    options: Mapping[str, str] = {}
    """What the action takes besides in ``Outgoing.options``: by name, in a sentence for whoever fills it in."""
    window: timedelta | None = None
    """How long after the author's last message an answer is allowed."""
    agent_window: timedelta | None = None
    """A longer window that only people may use (``OutboundMessage.late``)."""
    dedupe: Dedupe = "none"
    dedupe_for: timedelta | None = None
    """How long the platform remembers a native key; None means for ever."""
    settles: timedelta = timedelta(0)
    """How long after an attempt its absence counts as proof."""


class Channel(Model):
    """A kind of place on the platform, which is also the name of its topic."""

    name: Name
    id_scope: Literal["account", "app", "platform"] = "account"
    """Within what an author's ``external_id`` is unique."""
    actions: Mapping[Verb, Limits] = {}
    keep_for: timedelta | None = None
    """A duty to delete what people say after this time, where the platform imposes one; counted from when it came."""
    copies: Copies = "allowed"
    """Whether the files of what people say may be copied: ``on_arrival`` where links end so soon that they must be as
    they come, ``never`` where the platform forbids it, so that each reading asks the platform."""


class Budget(Model):
    """A quota: calls weigh what ``costs`` says, one where it says nothing; together no more than ``limit``."""

    limit: Annotated[int, Field(gt=0)]
    """What calls may weigh together within ``per``."""
    per: Annotated[timedelta, Field(gt=timedelta(0))]
    scope: Scope = "account"
    """Who shares it: all accounts of the app, those who call for one account, or these endpoints of one account."""
    match: Pattern = "*"
    """Calls that it counts: ``*``, or ``METHOD /path`` (see ``chorally_sdk.model.endpoints``)."""
    costs: Mapping[Pattern, Annotated[int, Field(ge=0)]] = {}
    """Weight by pattern; the first that fits counts."""
    resets: Annotated[str, AfterValidator(_is_clock)] = ""
    """Clock time with its zone at which ``per`` begins, such as ``00:00 America/Los_Angeles``; empty where every
    moment begins one."""

    def cost(self, method: str, path: str) -> int:
        """Return what a call weighs, zero where it is not counted."""
        if not matches(self.match, method, path):
            return 0
        return next((cost for pattern, cost in self.costs.items() if matches(pattern, method, path)), 1)


class Hooks(Model):
    """How the platform's webhooks arrive."""

    scope: Literal["app", "account"]
    """Whose URL and whose secrets: one for the app, or one for each account."""
    jwks: tuple[str, ...] = ()
    """URLs of key sets that the host keeps fresh for ``verify``."""


class Stream(Model):
    """One thing to pull."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    every: timedelta = timedelta(0)
    """Time between polls; zero leaves it to the host."""
    live: bool = False
    """Never ends: kept open, and reopened after an error."""
    scope: Literal["app", "account"] = "account"
    without_hooks: bool = False
    """Runs only while the account is not subscribed to webhooks."""
    history: bool = True
    """Whether what was before can be had; False of a queue, which gives each thing once and to one reader."""


class Manifest(Model):
    """Everything the host, the API, the inbox and the documentation must know about a connector."""

    platform: Name
    version: str = "0.1.0"
    title: str = ""
    """The platform's name as people write it; the platform's word where empty."""
    channels: tuple[Channel, ...]
    scopes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Hosts the connector may call; ``*`` allows every public address."""
    base_url: str = ""
    budgets: tuple[Budget, ...] = ()
    hooks: Hooks | None = None
    cursor_version: Annotated[int, Field(ge=1)] = 1
    """Raised by one when cursors change their form; ``Connector.upgrade`` turns the older ones into it."""
    settings_version: Annotated[int, Field(ge=1)] = 1
    """Raised by one when either settings change their form; see ``Connector.upgrade_settings``."""
    app_settings: type[BaseModel] | None = None
    """Settings of the developer app at the platform; secret fields are ``SecretStr``."""
    account_settings: type[BaseModel] | None = None
    """Settings of one account; secret fields are ``SecretStr``."""
    quality: Mapping[str, str] = {}
    """Rules of quality by name: ``done``, ``todo``, or ``exempt: why``."""

    def channel(self, name: str) -> Channel:
        """Return the channel of that name.

        Raises:
            LookupError: The connector has no such channel.
        """
        for channel in self.channels:
            if channel.name == name:
                return channel
        raise LookupError(f"{self.platform} has no channel {name!r}; it has {', '.join(c.name for c in self.channels)}")
