"""Links by which anybody can get a file for a while: sealed, so that nobody can make or change one.

A link says whose file it is and until when, under the installation's secret keys (AES and HMAC-SHA256, compared in
constant time): it tells nothing, cannot be guessed, and needs no record. It ends with its time, its file or its key.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from chorally_core.ports.secrets import Unopenable, Vault

LONGEST = timedelta(days=7)
"""How long a link may last."""

_PURPOSE = "media-link"


class Linked(NamedTuple):
    """What a link leads to."""

    tenant: str
    file_id: str


class Links:
    """Makes links, and reads them."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def made(self, tenant: str, file_id: str, until: datetime) -> str:
        """Return the part of a URL that leads to a file until a time."""
        return self._vault.seal({_PURPOSE: [tenant, file_id, int(until.timestamp())]})

    def read(self, said: str, now: datetime) -> Linked | None:
        """Return what a link leads to; None where it is none of ours, or has ended."""
        try:
            found = self._vault.open(said)
        except (Unopenable, ValueError):
            return None
        match found:
            case {"media-link": [str(tenant), str(file_id), int(until)]} if len(found) == 1:
                ends = datetime.fromtimestamp(until, UTC)
                return Linked(tenant, file_id) if now < ends else None
        return None
