"""Files that go out with answers: read from a tenant's objects when a connector asks for them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import chorally_sdk as sdk
from chorally_core.ports.documents import Documents
from chorally_core.ports.files import File
from chorally_core.ports.links import Linking
from chorally_core.ports.objects import FILES, Objects, Unavailable


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
        except Unavailable as error:
            raise sdk.RetryLater("the file's store cannot be reached; it goes out later") from error

    return read


LASTS = timedelta(hours=6)
"""How long a platform may take to fetch a file, with all its repeats."""


def linker(documents: Documents, linking: Linking, public_url: str) -> Callable[[str, sdk.Attachment], Awaitable[str]]:
    """Return what gives a URL at which a platform can fetch a tenant's file.

    Args:
        documents: Where the records of files are.
        linking: Makes the links.
        public_url: Address of the system as platforms know it; empty where they do not.
    """

    async def link(tenant: str, attachment: sdk.Attachment) -> str:
        name = attachment.external_id or ""
        file = await documents.get(File, name.removeprefix(FILES)) if name.startswith(FILES) else None
        if file is None or file.tenant != tenant or not file.is_whole:
            raise sdk.Rejected("the file is no longer kept; attach it again", reason=sdk.Reason.GONE)
        try:
            url = await linking.url(file, LASTS, public_url.rstrip("/"))
        except Unavailable as error:
            raise sdk.RetryLater("the file's store cannot be reached; it goes out later") from error
        if not url.startswith("https://") and public_url.startswith("https://"):
            url = linking.own(file, LASTS, public_url.rstrip("/"))
        if not url.startswith("https://"):
            why = "the platform fetches files itself, and this system has no public https address"
            raise LookupError(f"{why}; set CHORALLY_PUBLIC_URL")
        return url

    return link
