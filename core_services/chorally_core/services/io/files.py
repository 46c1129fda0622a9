"""Files that go out with answers: read from a tenant's objects when a connector asks for them."""

from collections.abc import AsyncIterator, Callable

import chorally_sdk as sdk
from chorally_core.ports.objects import Objects

PLACE = "files/"
"""Objects whose names begin so may go out; whatever else a tenant has stays here."""

_PIECE = 256 * 1024


def reader(objects: Objects) -> Callable[[str, sdk.Attachment], AsyncIterator[bytes]]:
    """Return what gives a tenant's file in pieces; its attachment's ``external_id`` is the object's name."""

    async def read(tenant: str, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        name = attachment.external_id or ""
        if not name.startswith(PLACE):
            raise sdk.Rejected("this attachment is no file of ours; attach it again, or put a link into the text")
        try:
            content = await objects.get(tenant, name)
        except LookupError as error:
            raise sdk.Rejected("the file is no longer kept; attach it again", reason=sdk.Reason.GONE) from error
        for at in range(0, len(content), _PIECE):
            yield content[at : at + _PIECE]

    return read
