"""Bodies of uploads (RFC 7578), written piece by piece: a file is never held whole."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import chorally_sdk as sdk


@dataclass(frozen=True)
class Upload:
    """A file that goes out."""

    field: str
    name: str
    media_type: str
    read: Callable[[], AsyncIterator[bytes]]
    most: int
    """Bytes that the platform takes."""


def content_type(boundary: str) -> str:
    """Return the header that goes with a body."""
    return f"multipart/form-data; boundary={boundary}"


async def body(fields: Mapping[str, str], uploads: Sequence[Upload], boundary: str) -> AsyncIterator[bytes]:
    """Yield a body in pieces.

    Raises:
        Rejected: A file is larger than the platform takes; what was sent until then is no whole request.
    """
    for name, value in fields.items():
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for upload in uploads:
        named = f'form-data; name="{upload.field}"; filename="{_quoted(upload.name)}"'
        kind = _quoted(upload.media_type)
        yield f"--{boundary}\r\nContent-Disposition: {named}\r\nContent-Type: {kind}\r\n\r\n".encode()
        size = 0
        async for piece in upload.read():
            size += len(piece)
            if size > upload.most:
                raise sdk.Rejected(f"{upload.name} has more than {upload.most} bytes; make it smaller")
            yield piece
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _quoted(name: str) -> str:
    """A file's name, or its media type, as browsers write it: no line of it ends early."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
