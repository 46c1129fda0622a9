"""The sandbox as the conformance kit takes hold of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_facebook.config import AccountSettings, AppSettings
from chorally_facebook.sandbox.faults import Fault
from chorally_facebook.sandbox.graph import change
from chorally_facebook.sandbox.twin import Sandbox
from chorally_sdk.sandbox import Connection, Levers, Made
from chorally_sdk.sandbox.faults import AFTERWARDS

_LOST = ("timeout_before_effect", "timeout_after_effect", "connection_refused", "connection_reset")
_TOLD = (
    "error_500_before",
    "error_500_after",
    "rate_limit",
    "expired_token",
    "forbidden",
    "gone",
    "invalid",
    "not_json",
)
_CODES: Mapping[tuple[int, int | None], dict[str, Any]] = {
    (1, None): {"type": "RetryLater"},
    (2, None): {"type": "RetryLater"},
    (4, None): {"type": "RateLimited", "scope": "app"},
    (10, None): {"type": "Rejected", "reason": "permission"},
    (17, None): {"type": "RateLimited", "scope": "account"},
    (32, None): {"type": "RateLimited", "scope": "account"},
    (100, None): {"type": "Rejected", "reason": "invalid"},
    (100, 33): {"type": "Rejected", "reason": "gone"},
    (102, None): {"type": "Reauthorize"},
    (190, 463): {"type": "Reauthorize"},
    (190, 460): {"type": "Reauthorize"},
    (200, None): {"type": "Rejected", "reason": "permission"},
    (368, None): {"type": "Rejected", "reason": "blocked"},
    (613, None): {"type": "RateLimited", "scope": "account"},
    (80001, None): {"type": "RateLimited", "scope": "account"},
}
"""Error codes and subcodes of the Graph API ("Handling Errors", read 2026-11-23), and what each must be."""


class Page(Levers):
    """A page of the sandbox, without a network and on a clock that stands."""

    description = "facebook/api_specs"
    kinds = frozenset(
        (
            *(f"{kind}/{on}" for kind in (*_LOST, "connection_reset_after_effect", *_TOLD) for on in ("read", "write")),
            *(f"{kind}/read" for kind in AFTERWARDS),
        )
    )

    def __init__(self) -> None:
        super().__init__()
        self.page = Sandbox(now=self.clock, sleep=self.clock.sleep)
        self.page.configure(hold_s=0, deliver="manual", callback_url="https://chorally.example/hooks")

    def connection(self) -> Connection:
        """Say how the page is connected."""
        world, hooks = self.page.world, self.page.hooks
        app = AppSettings(
            client_id=self.page.graph.login.oauth.client_id,
            app_secret=SecretStr(hooks.app_secret),
            verify_token=SecretStr(hooks.verify_token),
        )
        grant = sdk.Grant(access=SecretStr("sandbox-token"))
        return Connection(world.page_id, world.page_name, grant, AccountSettings(page_id=world.page_id), app)

    def transport(self) -> httpx.AsyncBaseTransport:
        """Reach it without a network."""
        return self.page.transport()

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person comment on the newest post, or reply."""
        name = (author or "").title()
        return self.page.comment(author or "", body, author_name=name, parent_id=parent).id

    async def edit(self, external_id: str, body: str) -> None:
        """Let a person edit a comment."""
        self.page.change(external_id, message=body)

    async def remove(self, external_id: str) -> None:
        """Let a person remove a comment."""
        self.page.remove(external_id)

    def made(self) -> Sequence[Made]:
        """Tell the page's own comments."""
        world = self.page.world
        ours = [comment for comment in world.comments.values() if comment.author_id == world.page_id]
        return [Made(each.id, each.message, each.parent_id or each.post_id, each.is_hidden) for each in ours]

    def page_size(self, size: int) -> None:
        """Let listings show no more than this at once."""
        self.page.configure(page_size=size)

    def inject(self, kind: str, on: str, *, times: int = 1, wait_s: int = 60) -> None:
        """Let something go wrong with the next calls."""
        told = {"on": "reply" if on == "write" else on, "kind": kind, "times": times, "wait_minutes": wait_s // 60}
        self.page.faults.waiting.append(Fault.model_validate(told))

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self.page.faults.waiting.clear()

    def revoke(self) -> None:
        """Let the page's token be another."""
        self.page.configure(access_token="another-token")  # noqa: S106 - opens nothing but this sandbox
        self.page.graph.login.oauth.revoke()

    def hooks(self) -> Sequence[sdk.RawHook]:
        """Take what waits, as it would be sent."""
        return [self._hook(body, headers) for body, headers in self.page.hooks.taken()]

    def batch(self, *bodies: str) -> sdk.RawHook:
        """Return one hook of several comments."""
        self.page.hooks.taken()
        for body in bodies:
            self.page.comment("ada", body)
        return self.hooks()[0]

    def batch_of_accounts(self, bodies: Mapping[str, str]) -> sdk.RawHook:
        """Return one hook of several pages."""
        now = self.clock()
        told = [
            (now, (page, change(self.page.world.comment("ada", "Ada", body, self._post()), "add", now)))
            for page, body in bodies.items()
        ]
        return self.signed(self.page.hooks.pack(told))

    def signed(self, body: bytes) -> sdk.RawHook:
        """Return a hook of any body."""
        return self._hook(body, self.page.hooks.headers(body))

    def unknown(self) -> sdk.RawHook:
        """Return a hook of a field that is not documented."""
        entry = {"id": self.page.world.page_id, "time": 1, "changes": [{"field": "dances", "value": {"steps": 3}}]}
        return self.signed(json.dumps({"object": "page", "entry": [entry]}).encode())

    def handshake(self, *, is_forged: bool = False) -> tuple[sdk.RawHook, bytes]:
        """Return the test of the callback URL."""
        asked = self.page.hooks.challenge()
        told = {**asked, "hub.verify_token": "forged-token"} if is_forged else asked
        return sdk.RawHook(method="GET", query=told, received_at=self.clock()), asked["hub.challenge"].encode()

    def keys(self) -> sdk.Keys:
        """Return the app's secrets."""
        app = self.connection().app_settings
        return sdk.Keys(secrets={"app_secret": (app.app_secret,), "verify_token": (app.verify_token,)})

    def refusals(self) -> Mapping[str, tuple[httpx.Response, dict[str, Any]]]:
        """Return the errors of the Graph API that a page meets."""
        request = httpx.Request("GET", "https://graph.facebook.com/v25.0/me")
        table = {}
        for (code, subcode), means in _CODES.items():
            told = {"message": "no", "type": "OAuthException", "code": code}
            told |= {"error_subcode": subcode} if subcode else {}
            answer = httpx.Response(400, json={"error": told}, request=request)
            table[f"{code}/{subcode}" if subcode else str(code)] = (answer, means)
        return table

    def _post(self) -> str:
        return self.page.world.latest_post().id

    def _hook(self, body: bytes, headers: Mapping[str, str]) -> sdk.RawHook:
        lower = {name.lower(): value for name, value in headers.items()}
        return sdk.RawHook(method="POST", path="/", headers=lower, body=body, received_at=self.clock())
