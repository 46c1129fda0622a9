"""Files that go out with answers: read from a tenant's objects when a connector asks for them."""

from collections.abc import AsyncIterator, Callable

import chorally_sdk as sdk
from chorally_core.ports.objects import FILES, Objects


def reader(objects: Objects) -> Callable[[str, sdk.Attachment], AsyncIterator[bytes]]:
    """Return what gives a tenant's file in pieces; its attachment's ``external_id`` is the object's name."""

    async def read(tenant: str, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        name = attachment.external_id or ""
        if not name.startswith(FILES):
            raise sdk.Rejected("this attachment is no file of ours; attach it again, or put a link into the text")
        try:
            async for piece in objects.pieces(tenant, name):
                yield piece
        except LookupError as error:
            raise sdk.Rejected("the file is no longer kept; attach it again", reason=sdk.Reason.GONE) from error

    return read
