"""The connector: our code for one platform."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from socket import socket as stdlib_socket
from typing import TYPE_CHECKING, ClassVar

from pydantic import SecretStr

from chorally_sdk.errors import ConnectorError
from chorally_sdk.model.accounts import Account, AccountInfo, App, Grant
from chorally_sdk.model.base import Cursor, Json
from chorally_sdk.model.inbound import Attachment
from chorally_sdk.model.manifest import Manifest

if TYPE_CHECKING:  # the HTTP client takes as long to import as all the rest; who only lists connectors needs none
    import httpx

    from chorally_sdk.http.client import Http
    from chorally_sdk.http.quota import Usage
    from chorally_sdk.http.sockets import Closed, Socket

TIMEOUT = timedelta(seconds=10)
"""How long connecting may take."""


class Connector(ABC):
    """One platform, spoken to for one account.

    A connector holds no state of its own between calls: tokens, cursors, retries, budgets and
    everything else with consequences belong to the host.
    """

    manifest: ClassVar[Manifest]

    def __init__(
        self,
        app: App,
        http: "Http",
        account: Account | None,
        *,
        now: Callable[[], datetime],
        token: Callable[[], Awaitable[SecretStr]] | None = None,
        media: Callable[[Attachment], AsyncIterator[bytes]] | None = None,
        media_url: Callable[[Attachment], Awaitable[str]] | None = None,
    ) -> None:
        """Take in what the host gives.

        Args:
            app: The developer app in whose name calls are made.
            http: The account's client, not yet bound.
            account: What the calls are about; None where they are about the app.
            now: The only clock.
            token: Gives the fresh access token; None where there is no grant.
            media: Reads a file of ours that goes out; None where the host has none.
            media_url: Gives a public URL of such a file; None where the host has none.
        """
        self.app = app
        """The developer app in whose name calls are made."""
        self.now = now
        """The only clock."""
        self._account = account
        self._token = token
        self._media = media
        self._media_url = media_url
        self.http = http.bound(self)
        """Authorised by the account's grant; raises what ``fault`` says."""

    @property
    def account(self) -> Account:
        """The account this call is about.

        Raises:
            LookupError: The call is made for the app or a consent: ``authorize``, ``exchange``, ``renew``,
                ``accounts``, ``verify``, ``parse``, and the pull of a stream whose scope is the app.
        """
        if self._account is None:
            raise LookupError("this call is made for the app, not for an account")
        return self._account

    async def token(self) -> SecretStr:
        """Return the fresh access token, for protocols that are not HTTP.

        Raises:
            LookupError: The account has no grant.
        """
        if self._token is None:
            raise LookupError("this account has no grant")
        return await self._token()

    async def dial(self, host: str, port: int, timeout: timedelta = TIMEOUT) -> stdlib_socket:
        """Return a connected socket for a protocol that is neither HTTP nor WebSocket, such as IMAP or SMTP.

        The manifest must declare the host; where only ``*`` does, it leads to public addresses, or to networks
        that whoever runs the host has named.

        Raises:
            Rejected: The host may not be called.
            RetryLater: It cannot be reached.
        """
        from chorally_sdk.http.dialing import dial

        return await dial(self.http.hosts, host, port, timeout)

    def socket(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        closed: "Closed" = lambda code, reason: None,
        timeout: timedelta = TIMEOUT,
    ) -> "AbstractAsyncContextManager[Socket]":
        """Open a WebSocket, for ``async with``; it calls whom ``self.http`` may call.

        Args:
            url: ``wss://…``, absolute.
            headers: Sent with the request; a grant is carried by ``await self.token()``.
            closed: What it means that the platform closed, by code and reason; a loss where None.
            timeout: For connecting, and again for the handshake.
        """
        from chorally_sdk.http.sockets import opened

        return opened(self.http.hosts, url, headers=headers, closed=closed, fault=self.fault, timeout=timeout)

    def media(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """Yield the bytes of a file that goes out, in pieces; for uploads, see ``Outgoing.attachments``.

        Raises:
            LookupError: The host keeps no files.
        """
        if self._media is None:
            raise LookupError("this host keeps no files; send the attachment's url")
        return self._media(attachment)

    async def media_url(self, attachment: Attachment) -> str:
        """Return an https URL at which the platform can fetch a file that goes out; it ends after some hours.

        For platforms that take an address and no bytes. Ask anew at each try, and keep no such URL.

        Raises:
            LookupError: The host has no address that platforms reach; the message says what to do.
            Rejected: The file is no longer kept.
            RetryLater: It cannot be had now.
        """
        if attachment.url:
            return attachment.url
        if self._media_url is None:
            raise LookupError("this host gives files no address")
        return await self._media_url(attachment)

    @abstractmethod
    async def check(self) -> AccountInfo:
        """Name the account and its missing scopes, by one call."""

    def auth(self, grant: Grant) -> "httpx.Auth":
        """Say how requests carry the grant; a Bearer header unless overridden."""
        from chorally_sdk.http.auth import Bearer

        return Bearer(grant.access)

    def fault(self, answer: "httpx.Response") -> ConnectorError | None:
        """Classify an answer, also one with status 200; by HTTP status unless overridden."""
        from chorally_sdk.http.faults import by_status

        return by_status(answer)

    def usage(self, answer: "httpx.Response") -> "Iterable[Usage]":
        """Read what an answer tells of the quota; the RateLimit headers unless overridden."""
        from chorally_sdk.http.quota import quota_headers

        return quota_headers(answer)

    def measure(self, text: str) -> int:
        """Return the text's length in the platform's own unit; asked where a limit's unit is ``own``."""
        return len(text)

    def addressed(self, to: str) -> str:
        """Return the external id of whoever an address leads to, as messages of theirs would name their author.

        Asked before a conversation is begun, so that the answer finds its ticket: a mail address in its one form, a
        phone number as the platform writes it. The address itself unless overridden; no I/O.

        Raises:
            Rejected: It is no address on this platform.
        """
        return to.strip()

    def upgrade(self, cursor: Cursor, version: int) -> Cursor:
        """Turn a cursor written under ``version`` into one of the next; asked once for each version up to today's."""
        return cursor

    @classmethod
    def upgrade_settings(cls, settings: Json, version: int) -> Json:
        """Turn an account's settings stored under ``version`` into those of the next; secrets are plain text."""
        return settings

    @classmethod
    def upgrade_app_settings(cls, settings: Json, version: int) -> Json:
        """Turn an app's settings stored under ``version`` into those of the next.

        A secret is plain text, or a list of two while one replaces the other.
        """
        return settings
