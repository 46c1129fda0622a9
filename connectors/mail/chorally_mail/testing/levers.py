"""A mailbox on the two servers in miniature, as people and the conformance kit take hold of it.

Its tokens are issued over HTTP, where its control plane is too; mail goes over IMAP and SMTP, on loopback.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

import chorally_sdk as sdk
from chorally_mail import identity, reading
from chorally_mail.config import MailApp, Provider
from chorally_mail.testing import a_mailbox
from chorally_mail.testing.imap import FakeImap
from chorally_mail.testing.smtp import HANG_UP, LOST, FakeSmtp
from chorally_sdk.sandbox import Call, Clock, Connection, Fault, Made, OAuth, Twin, answers
from chorally_sdk.sandbox.control import did

_SMTP = {
    "timeout_before_effect": (".", HANG_UP),
    "connection_reset": (".", HANG_UP),
    "connection_refused": ("CONNECT", HANG_UP),
    "timeout_after_effect": (".", LOST),
    "connection_reset_after_effect": (".", LOST),
    "expired_token": ("AUTH", "535 5.7.8 no"),
    "invalid": (".", "554 5.6.0 the content is not acceptable"),
}
_IMAP = {
    "expired_token": "NO [AUTHENTICATIONFAILED] no",
    "error_500_before": "NO [UNAVAILABLE] come back later",
    "timeout_before_effect": "",
    "connection_refused": "",
}
"""What a sign-in is answered; nothing at all where it is empty."""
_URL = "https://127.0.0.1/oauth"
IMAP_PORT, SMTP_PORT = 10143, 10025
"""Where the servers of a served sandbox are."""


class Mailbox(Twin):
    """A mailbox, its people, its two servers on loopback, and who issues its tokens."""

    kinds = frozenset(
        (
            *(f"{kind}/write" for kind in _SMTP),
            *(f"{kind}/read" for kind in _IMAP),
            *(kind for kind in Twin.kinds if kind.endswith("/token")),
        )
    )

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make an empty mailbox."""
        at = clock or Clock()
        super().__init__(clock=at, seed=seed, oauth=OAuth(at, scopes=frozenset(("mail",))))
        self.imap, self.smtp = FakeImap(), FakeSmtp()
        self.imap.is_live = self.smtp.is_live = self._is_live
        self.smtp.keep = self.imap.folders["Sent"].add
        self.app.routes[:0] = [
            Route("/_sandbox/faults", self._add_fault, methods=["POST"]),
            Route("/_sandbox/faults", self._clear_faults, methods=["DELETE"]),
        ]
        self._said = 0
        self._at_once = reading.PAGE
        self._grant = self.a_grant()

    def _is_live(self, token: str) -> bool:
        return self.oauth.live(token) is not None

    async def start(self) -> None:
        """Open both servers."""
        await self.imap.start()
        await self.smtp.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the servers."""
        reading.PAGE = self._at_once
        await self.smtp.__aexit__()
        await self.imap.__aexit__()

    @answers("POST", "/oauth/token", on="token", is_open=True)
    async def token_endpoint(self, call: Call) -> Any:
        """Issue tokens."""
        return self.answer_token(call)

    @answers("POST", "/oauth/revoke", on="token", is_open=True)
    async def revocation_endpoint(self, call: Call) -> Any:
        """Take tokens back."""
        for token in self.oauth.tokens:
            token.is_revoked |= call.fields.get("token") in (token.access, token.refresh)
        return {}

    def connection(self) -> Connection:
        """Say how the mailbox is connected: by a consent; a grant that has ended is another one by now."""
        if self._grant.expires_at and self._grant.expires_at <= self.clock():
            self._grant = self.a_grant()
        settings = a_mailbox(self.imap, self.smtp, password=None).account.settings
        secret = SecretStr(self.oauth.client_secret)
        app = MailApp(
            provider=Provider.OTHER, client_id=self.oauth.client_id, client_secret=secret, scopes=("mail",),
            authorize_url=f"{_URL}/authorize", token_url=f"{_URL}/token", revocation_url=f"{_URL}/revoke",
        )  # fmt: skip
        return Connection(settings.address, settings.name, self._grant, settings, app)

    def second_grant(self) -> sdk.Grant:
        """Return another grant of the same mailbox."""
        return self.a_grant()

    def consent(self, url: str) -> Mapping[str, str]:
        """Let a person agree on the page of consent."""
        return self.oauth.consent(url)

    def expire(self) -> None:
        """Let the hour of the access token pass."""
        self.clock.pass_(hours=1, minutes=1)

    def keeps_refresh(self) -> None:
        """Let renewals give no other refresh token."""
        self.oauth.rotates = False

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person send a mail, in answer to another where one is named."""
        return self._arrived(self._mail(body, author, parent, at))

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person send a mail with a file."""
        mail = self._mail(body, "ada", None, None)
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename="photo.bin")
        return self._arrived(mail)

    async def remove(self, external_id: str) -> None:
        """Let another client delete a mail."""
        for uid, (raw, _) in list(self.imap.inbox.mails.items()):
            if identity.external_id(message_from_bytes(raw)) == external_id:
                del self.imap.inbox.mails[uid]

    def made(self) -> Sequence[Made]:
        """Tell what the server took for people."""
        mails = [message_from_bytes(raw, policy=policy.default) for raw in self.smtp.sent]
        return [Made(mail["Message-ID"].strip("<>"), _text(mail)) for mail in mails]

    def seen_files(self) -> Sequence[bytes]:
        """Tell the contents of the files that the server took for people."""
        mails = [message_from_bytes(raw, policy=policy.default) for raw in self.smtp.sent]
        return [bytes(part.get_payload(decode=True) or b"") for mail in mails for part in mail.iter_attachments()]

    def page_size(self, size: int) -> None:
        """Let the folder be read so many mails at once."""
        reading.PAGE = size

    def forget_cursors(self) -> None:
        """Let the server number its mails anew (UIDVALIDITY)."""
        self.imap.inbox.renumbered(3)

    def inject(self, kind: str, on: str, *, times: int = 1, wait_s: int = 60) -> None:
        """Let a server answer otherwise, until it is cleared; at the token endpoint so many times."""
        if on == "token":
            super().inject(kind, on, times=times, wait_s=wait_s)
        elif on == "write":
            name, answer = _SMTP[kind]
            self.smtp.answers[name] = answer
        else:
            self.imap.refusal, self.imap.is_deaf = _IMAP[kind], not _IMAP[kind]
            self.imap.is_live = lambda token: False

    def clear(self) -> None:
        """Let both servers answer as usual."""
        super().clear()
        self.smtp.answers.clear()
        self.imap.is_live, self.imap.is_deaf = self._is_live, False

    async def _add_fault(self, request: Request) -> Response:
        async def add(asked: Fault) -> dict[str, bool]:
            if f"{asked.kind}/{asked.on}" not in self.kinds:
                raise ValueError(f"the kinds are {', '.join(sorted(self.kinds))}")
            self.inject(asked.kind, asked.on, times=asked.times, wait_s=asked.wait_s)
            return {"success": True}

        return await did(request, Fault, add)

    async def _clear_faults(self, _: Request) -> Response:
        self.clear()
        return JSONResponse({"success": True})

    def _mail(self, body: str, author: str | None, parent: str | None, at: datetime | None) -> EmailMessage:
        self._said += 1
        mail = EmailMessage()
        if author:
            mail["From"] = f"{author.title()} <{author}@example.org>"
        mail["To"] = "help@shop.example"
        mail["Subject"] = "Order"
        mail["Message-ID"] = f"<{self._said}@example.org>"
        mail["Date"] = at or self.clock()
        if parent:
            mail["In-Reply-To"] = mail["References"] = f"<{parent.partition('#')[0]}>"
        mail.set_content(body, cte="base64")
        return mail

    def _arrived(self, mail: EmailMessage) -> str:
        raw = mail.as_bytes(policy=policy.SMTP)
        self.imap.deliver(raw, self.clock())
        return identity.external_id(message_from_bytes(raw))


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return str(part.get_content()).replace("\r\n", "\n").removesuffix("\n") if part else ""


class Served(Mailbox):
    """A mailbox whose servers open with the HTTP server that serves it, at ports that are known before."""

    def __init__(self) -> None:
        """Make an empty mailbox; nothing is opened yet."""
        super().__init__()
        self.imap.port, self.smtp.port = IMAP_PORT, SMTP_PORT

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; at the begin and the end of all, open and close the servers (ASGI, lifespan)."""
        if scope["type"] != "lifespan":
            await super().__call__(scope, receive, send)
            return
        await receive()
        try:
            await self.imap.start(self.imap.port)
            await self.smtp.start(self.smtp.port)
        except OSError as error:
            await send({"type": "lifespan.startup.failed", "message": f"a port of the mailbox is taken: {error}"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})
