"""What says that two authors may be one person: an address, a number, a profile; compared by digests.

What a platform itself knows somebody by counts as verified: the address that a mail came from, the number that a
message came from. What people write into a field does not.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from chorally_core.events.ids import derived
from chorally_core.ports.custom_fields import FieldSet

Kind = Literal["mail", "phone", "link"]
KINDS: tuple[Kind, ...] = ("mail", "phone", "link")

_MAIL = re.compile(r"[^@\s<>\"]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
_BETWEEN = re.compile(r"[\s().\-/\u00a0]")


def mail_in(text: str) -> str | None:
    """Return a mail address as it is compared; None where the text is none."""
    wanted = text.strip().lower()
    return wanted if _MAIL.fullmatch(wanted) else None


def phone_in(text: str) -> str | None:
    """Return a telephone number with its country as it is compared; None where the text is none."""
    wanted = _BETWEEN.sub("", text)
    wanted = f"+{wanted[2:]}" if wanted.startswith("00") else wanted
    return wanted if _PHONE.fullmatch(wanted) else None


def link_in(text: str) -> str | None:
    """Return a link as it is compared, without what does not tell two profiles apart; None where the text is none."""
    try:
        parts = urlsplit(text.strip())
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    path = parts.path.rstrip("/")
    if parts.scheme not in ("http", "https") or not host or not (path or parts.query):
        return None
    return f"{host}{path}{'?' + parts.query if parts.query else ''}"


_READ = {"mail": mail_in, "phone": phone_in, "link": link_in}


def shown_by(tenant: str, external_id: str, phone: str, url: str | None) -> dict[str, str]:
    """Return the digests of what a platform knows somebody by, by kind."""
    read = {
        "mail": mail_in(external_id),
        "phone": phone_in(phone or (external_id if external_id.startswith("+") else "")),
        "link": link_in(url) if url else None,
    }
    return {kind: digest(tenant, kind, value) for kind, value in read.items() if value is not None}


def filled_in(tenant: str, values: Mapping[str, Any], fields: FieldSet | None) -> dict[str, str]:
    """Return the digests of what somebody's fields say of who they are, by kind."""
    found: dict[str, str] = {}
    for key, field in (fields.declared("author") if fields is not None else {}).items():
        value = values.get(key)
        if field.identifies is None or not isinstance(value, str) or field.identifies in found:
            continue
        if (read := _READ[field.identifies](value)) is not None:
            found[field.identifies] = digest(tenant, field.identifies, read)
    return found


def digest(tenant: str, kind: str, value: str) -> str:
    """Return what stands for a value: the same for the same of one tenant."""
    return derived("identifies", tenant, kind, value)
