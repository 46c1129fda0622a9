"""A good connector whose platform proves its hooks by tokens, and its twin."""

from collections.abc import Mapping
from typing import Any, ClassVar

import chorally_sdk as sdk
from chorally_sdk.sandbox import KeySet, Levers
from tests.sdk.kit.guestbook import Guestbook
from tests.sdk.kit.twin import GuestbookTwin

KEYS = "https://guestbook.example/keys"
ISSUER, AUDIENCE = "https://guestbook.example", "https://ours.example/hooks"


class Tokens(Guestbook):
    """Reads hooks that whoever has the platform's key sent."""

    manifest = Guestbook.manifest.model_copy(update={"hooks": sdk.Hooks(scope="app", jwks=(KEYS,))})

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Ask the token."""
        if hook.method == "GET":
            return self.tested(hook, keys)
        told = self.claims(hook, keys)
        if isinstance(told, sdk.Verdict):
            return told
        return sdk.accept(delivery_id=self.delivery_id(hook))

    def claims(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Json | sdk.Verdict:
        """What the token says, or why it is refused."""
        return sdk.claims(hook, keys, ISSUER, AUDIENCE)


class TokenTwin(GuestbookTwin):
    """Signs tokens, and nothing of the body."""

    signs_bodies: ClassVar[bool] = False
    signature_age = Levers.signature_age  # a token says itself how long it is good

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.set = KeySet(KEYS, self.clock, issuer=ISSUER, audience=AUDIENCE)

    def signed(self, body: bytes) -> sdk.RawHook:
        """Any body, with a token."""
        return self._tokened(body, {}, "known")

    def by_token(self, claims: Mapping[str, Any], *, key: Any = "known") -> sdk.RawHook:
        """A hook of nothing, by some token."""
        return self._tokened(b'{"deliveries": [], "version": 1}', claims, key)

    def rotate_keys(self) -> None:
        """Sign by a new one."""
        self.set.rotate()

    def keys(self) -> sdk.Keys:
        """The key set, and what proves a test of the URL."""
        return self.set.keys(verify_token=(self.settings.verify_token,))

    def _tokened(self, body: bytes, claims: Mapping[str, Any], key: Any) -> sdk.RawHook:
        self.delivered += 1
        headers = {**self.set.headers(claims, key=key), "x-guestbook-delivery": f"delivery-{self.delivered:06}"}
        return sdk.RawHook(method="POST", path="/", headers=headers, body=body, received_at=self.clock())
