"""Files that go out, as a form of several parts (RFC 7578), streamed and never held whole."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import chorally_sdk as sdk

OCTETS = "application/octet-stream"


def form(
    fields: Mapping[str, str], name: str, attachment: sdk.Attachment, content: AsyncIterator[bytes], boundary: str
) -> dict[str, Any]:
    """Return what a POST of a form with one file takes: ``await self.http.post(url, **form(…))``.

    The length is told where the file's is known; else the body goes in chunks.

    Args:
        fields: The form's other fields.
        name: Of the file's field, such as ``source`` or ``file``.
        attachment: Says the file's name, type and size.
        content: Its bytes, of ``Connector.media``.
        boundary: What separates the parts: letters and digits that occur in none, such as ``Outgoing.client_ref``.
    """
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{fields[key]}\r\n' for key in fields]
    file_name = _quoted(attachment.name or "file")
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
        f"Content-Type: {_typed(attachment.media_type)}\r\n\r\n"
    )
    head, tail = "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()

    async def body() -> AsyncIterator[bytes]:
        yield head
        async for piece in content:
            yield piece
        yield tail

    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    if attachment.size_bytes is not None:
        headers["Content-Length"] = str(len(head) + attachment.size_bytes + len(tail))
    return {"content": body(), "headers": headers}


def _quoted(name: str) -> str:
    """A file's name as a browser writes it: what would end the header is escaped."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _typed(media_type: str | None) -> str:
    return media_type if media_type and media_type.isprintable() else OCTETS
