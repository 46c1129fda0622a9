"""Reads an answer's body up to a size: a platform, or who poses as one, cannot fill the memory."""

import httpx

MAX_BYTES = 16 * 2**20
"""Largest body that is read at once; what is larger is for ``Http.stream``."""

MAX_REFUSAL_BYTES = 2**18
"""How much of a refusal's body is read; what follows is left out."""

_OF_THE_WIRE = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class TooLarge(Exception):
    """The body is larger than what may be read at once."""


async def whole(answer: httpx.Response, most: int = MAX_BYTES) -> httpx.Response:
    """Return an open answer with its body, decoded; of one that is no success only the beginning.

    Raises:
        TooLarge: The body of a success has more than ``most`` bytes.
    """
    if not answer.is_success:
        most = min(most, MAX_REFUSAL_BYTES)
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > most:
            if answer.is_success:
                raise TooLarge(f"the answer has more than {most} bytes")
            break
    return httpx.Response(
        answer.status_code,
        headers=[(name, value) for name, value in answer.headers.raw if name.lower() not in _OF_THE_WIRE],
        content=bytes(body),
        request=answer.request,
        extensions=answer.extensions,
        history=answer.history,
    )
