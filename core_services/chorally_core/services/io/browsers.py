"""Ties a consent to the browser in which it was begun, by a cookie."""

from collections.abc import Mapping
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple


class Cookie(NamedTuple):
    """What a browser keeps while the person is away: a digest of the state, which is another one than is stored."""

    name: str
    value: str
    is_secure: bool

    @classmethod
    def of(cls, state: str, redirect_uri: str) -> "Cookie":
        """Return the cookie of a state; over HTTPS one that no other host, and nothing in clear, can have set."""
        is_secure = redirect_uri.startswith("https://")
        name = f"chorally-consent-{_digest(state, b'name')[:12]}"
        return cls(f"__Host-{name}" if is_secure else name, _digest(state, b"value"), is_secure)

    def is_among(self, cookies: Mapping[str, str]) -> bool:
        """Whether a browser has it; compared in constant time."""
        return compare_digest(self.value.encode(), cookies.get(self.name, "").encode(errors="replace"))

    def header(self, seconds: int) -> str:
        """Return the ``Set-Cookie`` that has a browser keep it for so long; none has it forget."""
        secure = "; Secure" if self.is_secure else ""
        value = self.value if seconds else ""
        return f"{self.name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def _digest(state: str, use: bytes) -> str:
    return blake2b(state.encode(errors="replace"), digest_size=24, person=b"consent/" + use).hexdigest()
