"""Hands a mail to the SMTP server, and says what came of it."""

import asyncio
import base64
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPStatus,
)
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_mail import sasl, tls
from chorally_mail.compose import Composed
from chorally_mail.config import MailSettings, Tls
from chorally_mail.saying import quoted
from chorally_mail.wire import Dial

NAME = "[127.0.0.1]"  # how a client without a name of its own greets (RFC 5321, 4.1.4)
PARTING_S = 5.0  # seconds for the farewell, when all is done
_NOT_SIGNED_IN = frozenset((530, 534, 535, 538))


@asynccontextmanager
async def signed_in(
    settings: MailSettings, token: Callable[[], Awaitable[SecretStr]], dial: Dial
) -> AsyncIterator[aiosmtplib.SMTP]:
    """Connect to the server and sign in, where it asks for that.

    Raises:
        Reauthorize: The server does not accept the password or the token.
        RetryLater: The server cannot be reached, or is busy.
        Rejected: The server does not offer what the settings ask for.
    """
    context = None if settings.smtp_tls is Tls.NONE else await asyncio.to_thread(tls.context, settings.ca_file)
    try:
        line = await dial(settings.smtp_host, settings.smtp_port, settings.timeout)
    except sdk.RetryLater as error:
        raise sdk.RetryLater(f"the SMTP server: {error}") from error
    client = aiosmtplib.SMTP(
        hostname=settings.smtp_host.strip("[]"),
        use_tls=settings.smtp_tls is Tls.IMPLICIT,
        start_tls=False,
        tls_context=context,
        local_hostname=NAME,
        timeout=settings.timeout.total_seconds(),
        sock=line,
    )
    transport = None
    try:
        await _connect(client, settings, line)
        transport = client.transport
        await _sign_in(client, settings, token)
        yield client
        with suppress(SMTPException, OSError, ValueError):  # all that mattered is done
            await client.quit(timeout=PARTING_S)
    finally:
        client.close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()  # TLS has said farewell, and waits for the server's in vain where that has left


async def _connect(client: aiosmtplib.SMTP, settings: MailSettings, line: socket.socket) -> None:
    where = f"the SMTP server {settings.smtp_host}:{settings.smtp_port}"
    try:
        try:
            await client.connect()
        except BaseException:
            line.close()  # nobody else has it
            raise
        await client.ehlo()
        if settings.smtp_tls is Tls.STARTTLS:
            if not client.supports_extension("starttls"):
                raise sdk.Rejected(f"{where} does not offer STARTTLS; choose another encryption")
            await client.starttls()
            await client.ehlo()
    except SMTPResponseException as refused:
        raise verdict(refused.code, str(refused.message), where) from refused
    except (SMTPException, OSError) as error:
        why = "its certificate is not trusted" if "CERTIFICATE" in str(error).upper() else "it does not answer"
        raise sdk.RetryLater(f"{where} cannot be reached: {why}") from error


async def _sign_in(client: aiosmtplib.SMTP, settings: MailSettings, token: Callable[[], Awaitable[SecretStr]]) -> None:
    if not client.supports_extension("auth"):
        return  # a server that knows us by our address; one that does not refuses the mail
    where = f"the SMTP server {settings.smtp_host}"
    secret = (settings.password or await token()).get_secret_value()
    try:
        if settings.password is None:
            await _show_token(client, settings, secret)
        else:
            offered = [one for one in ("plain", "login", "cram-md5") if one in client.server_auth_methods]
            client.AUTH_METHODS = tuple(offered[:1])  # one attempt: each refused one brings a lock-out nearer
            await client.login(settings.login, secret)
    except SMTPAuthenticationError as refused:
        said = quoted(str(refused.message), secret)
        if 400 <= refused.code < 500:
            raise sdk.RetryLater(f"{where} cannot sign anybody in now: {refused.code} {said}") from None
        proof = "the token" if settings.password is None else "user name or password"
        raise sdk.Reauthorize(f"{where} does not accept {proof}: {refused.code} {said}") from None
    except SMTPResponseException as refused:
        raise verdict(refused.code, quoted(str(refused.message), secret), where) from None
    except (SMTPException, OSError):
        raise sdk.RetryLater(f"{where} broke off while signing in") from None


async def _show_token(client: aiosmtplib.SMTP, settings: MailSettings, token: str) -> None:
    """Sign in by a token, and let the server say why not (RFC 4954; RFC 7628, 3.2.3)."""
    where = settings.smtp_host, settings.smtp_port
    proof = sasl.by_token(client.server_auth_methods, settings.login, token, *where)
    shown = base64.b64encode(proof.response)
    answer = await client.execute_command(b"AUTH", proof.mechanism.encode(), shown)
    why = ""
    if answer.code == SMTPStatus.auth_continue:
        why = sasl.reason(answer.message, token)
        answer = await client.execute_command(base64.b64encode(proof.parting))
    if answer.code != SMTPStatus.auth_successful:
        raise SMTPAuthenticationError(answer.code, f"{answer.message} ({why})" if why else answer.message)


async def submit(mail: Composed, settings: MailSettings, token: Callable[[], Awaitable[SecretStr]], dial: Dial) -> None:
    """Send one mail.

    Raises:
        RetryLater: It was not sent.
        Reauthorize: It was not sent; the server does not accept the sign-in.
        Rejected: It was not sent, and never will be.
        OutcomeUnknown: The connection broke after the mail went out and before the server said that it has it.
    """
    where = f"the SMTP server {settings.smtp_host}"
    async with signed_in(settings, token, dial) as client:
        options, encoding = _needs(mail, client, where)
        try:
            await client.mail(mail.sender, options=options, encoding=encoding)
            for recipient in mail.recipients:
                await client.rcpt(recipient, encoding=encoding)
        except SMTPRecipientRefused as refused:
            raise verdict(refused.code, str(refused.message), where, recipient=True) from refused
        except SMTPResponseException as refused:
            raise verdict(refused.code, str(refused.message), where) from refused
        except (SMTPException, OSError) as error:
            raise sdk.RetryLater(f"{where} broke off before it had the mail") from error
        try:
            await client.data(mail.raw, timeout=settings.send_timeout.total_seconds())
        except SMTPResponseException as refused:
            raise verdict(refused.code, str(refused.message), where) from refused
        except (SMTPException, OSError) as error:
            raise sdk.OutcomeUnknown(f"{where} broke off before it said whether it has the mail") from error


def _needs(mail: Composed, client: aiosmtplib.SMTP, where: str) -> tuple[list[str], str]:
    """Return the options and the encoding of the envelope; refuses what the server cannot carry."""
    options: list[str] = []
    limit = client.esmtp_extensions.get("size", "").strip()
    if client.supports_extension("size"):
        if limit.isdigit() and 0 < int(limit) < len(mail.raw):
            raise sdk.Rejected(
                f"{where} takes mails of at most {limit} bytes, this one has {len(mail.raw)}; shorten it"
            )
        options.append(f"SIZE={len(mail.raw)}")
    if not mail.needs_utf8:
        return options, "ascii"
    if not client.supports_extension("smtputf8"):
        raise sdk.Rejected(f"{where} cannot send to addresses outside ASCII; use another address")
    return [*options, "SMTPUTF8"], "utf-8"


def verdict(code: int, said: str, where: str, *, recipient: bool = False) -> sdk.ConnectorError:
    """Return what a refusal means (RFC 5321, 4.2; RFC 3463).

    Args:
        code: The reply code.
        said: What the server says beside it.
        where: Which server.
        recipient: Whether it refuses the recipient.
    """
    said = quoted(said)
    detail = re.match(r"[245]\.(\d{1,3})\.(\d{1,3})", said)
    subject, cause = (int(detail.group(1)), int(detail.group(2))) if detail else (0, 0)
    why = f"{where} answered {code} {said}".rstrip()
    if code in _NOT_SIGNED_IN:
        return sdk.Reauthorize(why)
    if code < 500:
        return sdk.RateLimited(why) if code == 421 and subject == 7 else sdk.RetryLater(why)
    if subject == 7:
        return sdk.Rejected(why, reason=sdk.Reason.BLOCKED)
    if recipient and (subject == 1 or (not detail and code in (550, 551, 553))):
        return sdk.Rejected(why, reason=sdk.Reason.GONE)
    if subject == 2 and cause in (0, 1):
        return sdk.Rejected(why, reason=sdk.Reason.GONE)
    return sdk.Rejected(why, reason=sdk.Reason.INVALID)
