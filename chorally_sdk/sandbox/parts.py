"""The parts of a form that carries files (``multipart/form-data``, RFC 7578)."""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy

MULTIPART = "multipart/form-data"


@dataclass(frozen=True)
class Part:
    """One field of a form, or one file."""

    name: str
    content: bytes
    filename: str | None = None
    """None where it is a field."""
    media_type: str = "text/plain"

    @property
    def text(self) -> str:
        """The field's value."""
        return self.content.decode("utf-8", "replace")


def parts_of(content_type: str, body: bytes) -> Iterator[Part]:
    """Yield the parts of a form, by its header ``Content-Type``; nothing where the body is none."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    for part in message_from_bytes(head + body, policy=policy.HTTP).walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            raw = part.get_payload(decode=True)
            yield Part(name, raw if isinstance(raw, bytes) else b"", part.get_filename(), part.get_content_type())
