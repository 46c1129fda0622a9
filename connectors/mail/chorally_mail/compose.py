"""Writes the mail that an answer is. Nothing here touches a network."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime

import chorally_sdk as sdk
from chorally_mail import identity, mime
from chorally_mail.attaching import Content
from chorally_mail.config import MailSettings
from chorally_mail.translate import bounded

MAX_SUBJECT = 250  # characters
MAX_RECIPIENTS = 50
MAX_NAME = 200  # characters of a file's name
MAX_THREAD = 900  # characters of the References header; a line ends at 998 (RFC 5322, 2.1.1)
_PREFIX = re.compile(
    r"^\s*(re|aw|r|rif|risp|sv|antw|vs|odp|res|ref|回复|答复|返信)\s*(\[\d+\])?\s*[:：]\s*", re.IGNORECASE
)
_ADDRESS = re.compile(r"[^\s<>@,;:\"()\[\]\\\x00-\x1f\x7f]{1,64}@[^\s<>@,;:\"()\[\]\\\x00-\x1f\x7f]{1,255}")
_TOKEN = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_THREADING = frozenset(("message-id", "in-reply-to", "references"))


class _Policy(EmailPolicy):
    """SMTP's, but Message-IDs are never encoded, however long; some are longer than a line should be."""

    def fold(self, name: str, value: str) -> str:
        if name.lower() in _THREADING:
            return f"{name}: " + "\r\n ".join(str(value).split()) + "\r\n"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("utf-8" if self.utf8 else "ascii")


@dataclass(frozen=True)
class Composed:
    """A mail ready to be sent."""

    message_id: str
    """Our Message-ID, without brackets."""
    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    """With CRLF line ends, in 7 bits, unless an address needs SMTPUTF8."""

    @property
    def needs_utf8(self) -> bool:
        """Whether an address cannot be written in ASCII."""
        return not all(address.isascii() for address in (self.sender, *self.recipients))


def compose(
    message: sdk.OutboundMessage, settings: MailSettings, now: datetime, files: Sequence[Content] = ()
) -> Composed:
    """Return the mail that a message is, with its files as they were read.

    ``options`` may name a ``subject``, an ``html`` version of the text, further recipients as ``cc`` (addresses),
    and ``reply_all`` to answer everybody whom the answered mail went to.

    Raises:
        Rejected: It has nobody to go to, or carries what a mail of ours cannot.
    """
    if not re.fullmatch(r"[0-9a-f]{32}", message.client_ref):
        raise sdk.Rejected("the message's reference is not 32 hexadecimal digits")
    us = mime.one_form(settings.address)
    to = _recipients(message, us)
    copies = _checked(_copies(message), besides=(us, *to))
    if len(to) + len(copies) > MAX_RECIPIENTS:
        raise sdk.Rejected(f"a mail goes to at most {MAX_RECIPIENTS} people")
    message_id = identity.own_message_id(message.client_ref, us)
    sender = settings.address if not us.isascii() else us
    utf8 = not all(address.isascii() for address in (sender, *to, *copies))

    mail = EmailMessage(policy=_Policy(linesep="\r\n", utf8=utf8))
    mail["From"] = _address(sender, _one_line(settings.name))
    mail["To"] = [_address(one) for one in to]
    if copies:
        mail["Cc"] = [_address(one) for one in copies]
    mail["Subject"] = _subject(message)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message_id}>"
    if answered := _ids(message.route.get("message_id")):
        mail["In-Reply-To"] = f"<{answered[0]}>"
        mail["References"] = _thread([*_ids(message.route.get("references")), answered[0]])
    mail.set_content(_body(message.body), cte="quoted-printable")
    if html := message.options.get("html"):
        mail.add_alternative(_body(str(html)), subtype="html", cte="quoted-printable")
    for file in files:
        _attach(mail, file)
    return Composed(message_id, sender, (*to, *copies), mail.as_bytes())


def _attach(mail: EmailMessage, file: Content) -> None:
    """Add a file; what calls itself a mail or several parts is one file all the same."""
    main, _, sub = (file.attachment.media_type or "").partition(";")[0].strip().lower().partition("/")
    if not _TOKEN.fullmatch(main) or not _TOKEN.fullmatch(sub) or main in ("message", "multipart"):
        main, sub = "application", "octet-stream"
    name = _one_line(file.attachment.name or "")[:MAX_NAME] or "file"
    mail.add_attachment(file.content, maintype=main, subtype=sub, filename=name)


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, username=local, domain=domain)


def _recipients(message: sdk.OutboundMessage, us: str) -> list[str]:
    wanted: Iterable[object] = _listed(message.route.get("reply_to")) or _listed(message.to)
    to = _checked(wanted, besides=())
    if not to:
        raise sdk.Rejected("the mail has nobody to go to; name an address")
    return to


def _copies(message: sdk.OutboundMessage) -> list[object]:
    copies = _listed(message.options.get("cc"))
    if message.options.get("reply_all"):
        copies += [*_listed(message.route.get("to")), *_listed(message.route.get("cc"))]
    return copies


def _checked(addresses: Iterable[object], besides: Sequence[str]) -> list[str]:
    """Return addresses in their one form, each once.

    Raises:
        Rejected: One is no address.
    """
    checked: list[str] = []
    for address in addresses:
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address.strip()):
            raise sdk.Rejected("a recipient is not an e-mail address such as ada@example.org")
        formed = mime.one_form(address)
        if formed not in besides and formed not in checked:
            checked.append(formed)
    return checked


def addressed(to: str) -> str:
    """Return an address in its one form.

    Raises:
        Rejected: It is none.
    """
    return _checked([to], besides=())[0]


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else [value] if value else []


def _ids(value: object) -> list[str]:
    """Message-IDs of a route; what could break out of a header line is none."""
    return [
        one
        for entry in _listed(value)
        if isinstance(entry, str)
        for one in identity.message_ids(" ".join(f"<{word.strip('<>')}>" for word in entry.split()))
    ]


def _thread(message_ids: Sequence[str]) -> str:
    """Write a References header: the first of the thread, and as many of the last as fit."""
    ids = bounded(list(dict.fromkeys(message_ids)))
    while len(ids) > 2 and sum(len(one) + 3 for one in ids) > MAX_THREAD:
        del ids[1]
    return " ".join(f"<{one}>" for one in ids)


def _subject(message: sdk.OutboundMessage) -> str:
    """The subject asked for; of an answer that of the mail it answers, with one ``Re:``; else the text's first line."""
    if asked := _one_line(str(message.options.get("subject") or "")):
        return asked[:MAX_SUBJECT]
    if message.route.get("message_id") or message.route.get("subject"):
        subject = _one_line(str(message.route.get("subject") or ""))
        while prefix := _PREFIX.match(subject):
            subject = subject[prefix.end() :]
        return f"Re: {subject}"[:MAX_SUBJECT].strip()
    first = next((line for line in map(_one_line, message.body.splitlines()) if line), "")
    return first[:70] or "(no subject)"


def _one_line(text: str) -> str:
    return " ".join(mime.clean(text).split())


def _body(text: str) -> str:
    return mime.clean(text).rstrip("\n") + "\n"
