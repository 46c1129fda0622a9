{% set c = cookiecutter %}
{% set verb = 'reply' if c.__reads == 'yes' else 'send' %}
"""{{ c.title }} in memory, as its documentation tells it."""

{% if c.webhooks == 'yes' %}
import json
{% endif %}
{% set abc = [] %}
{% if c.auth == 'oauth' or c.webhooks == 'yes' %}{% set _ = abc.append('Mapping') %}{% endif %}
{% if 'yes' in (c.webhooks, c.__writes, c.subscribe, c.discover) %}{% set _ = abc.append('Sequence') %}{% endif %}
{% if abc %}
from collections.abc import {{ abc | join(', ') }}
{% endif %}
{% set dt = [] %}
{% if c.__reads == 'yes' %}{% set _ = dt.append('datetime') %}{% endif %}
{% if c.subscribe == 'yes' %}{% set _ = dt.append('timedelta') %}{% endif %}
{% if dt %}
from datetime import {{ dt | join(', ') }}
{% endif %}
from typing import Any{{ ', ClassVar' if c.prepare == 'yes' else '' }}{{ ', Literal' if c.moderate == 'yes' and c.__reads == 'yes' else '' }}

{% if c.webhooks == 'yes' or c.__client == 'yes' %}
import chorally_sdk as sdk
{% endif %}
{% set names = ['Call', 'Connection'] %}
{% if c.__writes == 'yes' %}{% set _ = names.append('Made') %}{% endif %}
{% set _ = names.append('OAuth') %}
{% if c.discover == 'yes' %}{% set _ = names.append('Profile') %}{% endif %}
{% if c.auth == 'api_key' %}{% set _ = names.append('Refusal') %}{% endif %}
{% set _ = names.append('Shelf') %}
{% if c.__reads == 'yes' or c.__lists == 'yes' %}{% set _ = names.append('Thing') %}{% endif %}
{% set _ = names.append('Twin') %}
{% set _ = names.append('answers') %}
{% if 'yes' in (c.discover, c.offers_templates) %}{% set _ = names.append('by_number') %}{% endif %}
{% if c.webhooks == 'yes' %}{% set _ = names.append('hmac_signer') %}{% endif %}
{% set line = 'from chorally_sdk.sandbox import ' ~ names | join(', ') %}
{% if line | length <= 120 %}
{{ line }}
{% else %}
from chorally_sdk.sandbox import (
{% for name in names %}
    {{ name }},
{% endfor %}
)
{% endif %}
from chorally_sdk.sandbox.clock import Clock
{% if c.subscribe == 'yes' %}
from chorally_sdk.sandbox.levers import Subscribed
{% endif %}
{% if c.__settings == 'yes' %}
from pydantic import SecretStr
{% endif %}
{% if c.download == 'yes' %}
from starlette.responses import Response
{% endif %}

{% if c.auth == 'api_key' %}
from {{ c.__package }}.auth import HEADER
{% endif %}
{% if c.__settings == 'yes' %}
from {{ c.__package }}.config import AppSettings
{% endif %}
{% if c.webhooks == 'yes' %}
from {{ c.__package }}.webhook import DELIVERY, SECRET, SIGNATURE, TIME{{ ', TOKEN' if c.handshake == 'yes' else '' }}
{% endif %}
{% if c.auth == 'api_key' or c.__settings == 'yes' or c.webhooks == 'yes' %}

{% endif %}
ACCOUNT, NAME = "account-1", "Our account"
{% if c.discover == 'yes' %}
ACCOUNTS = {ACCOUNT: NAME, "account-2": "Our other account", "account-3": "Our third account"}
{% endif %}
{% if c.offers_templates == 'yes' %}
TEMPLATES = ("welcome", "thanks", "closed")
{% endif %}
{% if c.__writes == 'yes' %}
LONGEST = 500
{% endif %}
{% if c.subscribe == 'yes' %}
LEASE = timedelta(days=3)
{% endif %}


class {{ c.__class }}Twin(Twin):
    """An account, what people say to it, and what it says."""

{% if c.prepare == 'yes' %}
    kinds: ClassVar[frozenset[str]] = Twin.kinds | {"timeout_after_effect/prepare"}

{% endif %}
    def __init__(self) -> None:
        clock = Clock()
{% if c.__client == 'yes' %}
        super().__init__(clock=clock, oauth=OAuth(clock, scopes=frozenset({"read", "write"})))
        self.grant = self.a_grant()
        self.has_expired = False
{% else %}
        super().__init__(clock=clock, oauth=OAuth(clock, lifetime=None))
        self.grant = self.a_grant(lasting=True)
{% endif %}
        self.messages = Shelf(self.clock, "m")
{% if c.prepare == 'yes' %}
        self.drafts = Shelf(self.clock, "d")
{% endif %}
{% if c.download == 'yes' %}
        self.files: dict[str, bytes] = {}
{% endif %}
{% if c.__writes == 'yes' and c.find == 'no' %}
        self.made_under: dict[str, str] = {}
{% endif %}
{% if c.webhooks == 'yes' %}
        self.waiting: list[dict[str, Any]] = []
        self.delivered = 0
        self.sign = hmac_signer(
            SIGNATURE, prefix="v1=", timestamp=TIME, message=lambda body, at: f"{at}.".encode() + body
        )
{% endif %}
{% if c.subscribe == 'yes' %}
        self.held: list[Subscribed] = []
{% endif %}
{% if c.__settings == 'yes' %}
        self.settings = AppSettings(
{% if c.__client == 'yes' %}
            client_id=self.oauth.client_id,
            client_secret=SecretStr(self.oauth.client_secret),
{% endif %}
{% if c.__hook_secret == 'yes' %}
            webhook_secret=SecretStr("sandbox-hook-secret"),
{% endif %}
{% if c.handshake == 'yes' %}
            verify_token=SecretStr("sandbox-verify-token"),
{% endif %}
        )
{% endif %}

    # the API

    @answers("GET", "/account")
    async def account(self, call: Call) -> Any:
        """Tell whom the token speaks for."""
{% if c.__client == 'yes' %}
        token = self.oauth.live(call.token)
{% if c.discover == 'yes' %}
        account = token.subject if token and token.subject else ACCOUNT
        return {"id": account, "name": ACCOUNTS[account], "scopes": sorted(token.scopes) if token else []}
{% else %}
        return {"id": ACCOUNT, "name": NAME, "scopes": sorted(token.scopes) if token else []}
{% endif %}
{% else %}
        return {"id": ACCOUNT, "name": NAME}
{% endif %}
{% if c.__client == 'yes' %}

    @answers("POST", "/oauth/token", on="token", is_open=True)
    async def token(self, call: Call) -> Any:
        """Give tokens."""
        return self.answer_token(call)
{% endif %}
{% if c.auth == 'api_key' %}

    def authorise(self, call: Call) -> None:
        """Judge a call by its key."""
        if self.oauth.live(call.request.headers.get(HEADER, "")) is None:
            raise Refusal("token")
{% endif %}
{% if c.discover == 'yes' %}

    @answers("GET", "/accounts")
    async def list_accounts(self, call: Call) -> Any:
        """List the accounts of a consent, two at once, each with its token."""
        cut = by_number(list(ACCOUNTS), call.query, size=2)
        tokens = {account: self.oauth.issue(subject=account, lasting=True).access for account in cut.shown}
        shown = [{"id": account, "name": ACCOUNTS[account], "token": tokens[account]} for account in cut.shown]
        return {"accounts": shown, "next": cut.next}
{% endif %}
{% if c.fetch == 'yes' %}

    @answers("GET", "/messages/{id}")
    async def one_message(self, call: Call) -> Any:
        """Show one message."""
        return self._shown(self.messages[call.path["id"]])
{% endif %}
{% if c.download == 'yes' %}

    @answers("GET", "/files/{id}")
    async def file(self, call: Call) -> Any:
        """Give a file."""
        return Response(self.files[call.path["id"]], media_type="application/octet-stream")
{% endif %}
{% if c.prepare == 'yes' %}

    @answers("POST", "/drafts", on="prepare")
    async def draft(self, call: Call) -> Any:
        """Keep a text that nobody sees."""
        return {"id": self.drafts.add(call.fields["text"]).id}
{% endif %}
{% if c.offers_templates == 'yes' %}

    @answers("GET", "/templates")
    async def list_templates(self, call: Call) -> Any:
        """List the approved texts, two at once."""
        cut = by_number(TEMPLATES, call.query, size=2)
        return {"templates": [{"name": name, "text": f"Dear {name}"} for name in cut.shown], "next": cut.next}
{% endif %}
{% if c.pull == 'yes' %}

    @answers("GET", "/messages")
    async def list_messages(self, call: Call) -> Any:
        """List what was said, in the order of changes."""
        return self._listing(list(self.messages), call)
{% endif %}
{% if c.find == 'yes' %}

    @answers("GET", "/sent")
    async def list_sent(self, call: Call) -> Any:
        """List what the account said."""
        return self._listing(self.messages.where(own=True), call)
{% endif %}
{% if c.reply == 'yes' %}

    @answers("POST", "/messages")
    async def reply(self, call: Call) -> Any:
        """Say something."""
        target = call.fields.get("answers")
        return self._say(call, self.messages[target].id if target else None)
{% endif %}
{% if c.publish == 'yes' %}

    @answers("POST", "/posts")
    async def post(self, call: Call) -> Any:
        """Post something."""
        return self._say(call, None)
{% endif %}
{% if c.moderate == 'yes' %}

    @answers("PUT", "/messages/{id}/hidden")
    async def hide(self, call: Call) -> Any:
        """Hide a message."""
        self.messages.change(call.path["id"], hidden=True)
        return {}

    @answers("DELETE", "/messages/{id}/hidden")
    async def unhide(self, call: Call) -> Any:
        """Show a message."""
        self.messages.change(call.path["id"], hidden=False)
        return {}

    @answers("DELETE", "/messages/{id}")
    async def delete(self, call: Call) -> Any:
        """Delete a message."""
        self.messages.remove(call.path["id"])
        return {}
{% endif %}
{% if c.subscribe == 'yes' %}

    @answers("PUT", "/subscription")
    async def subscribe(self, call: Call) -> Any:
        """Subscribe a URL, or renew it."""
        made = Subscribed("s1", call.fields["callback"], call.fields["secret"], self.clock() + LEASE)
        self.held = [made]
        return {"id": made.external_id, "ends_at": (self.clock() + LEASE).isoformat()}

    @answers("DELETE", "/subscription/{id}")
    async def unsubscribe(self, call: Call) -> Any:
        """End a subscription."""
        if not any(held.external_id == call.path["id"] for held in self.held):
            raise KeyError(call.path["id"])
        self.held = []
        return {}
{% endif %}

    # the levers

    def connection(self) -> Connection:
        """Say how the account is connected."""
{% if c.__client == 'yes' %}
        if not self.has_expired and self.grant.expires_at and self.grant.expires_at <= self.clock():
            self.grant = self.a_grant()
{% endif %}
{% if c.__settings == 'yes' %}
        return Connection(ACCOUNT, NAME, self.grant, app_settings=self.settings)
{% else %}
        return Connection(ACCOUNT, NAME, self.grant)
{% endif %}
{% if c.__client == 'yes' %}

    def second_grant(self) -> sdk.Grant:
        """Return another grant of the account."""
        return self.a_grant()

    def withhold(self, scope: str) -> sdk.Grant:
        """Return a grant that lacks a scope."""
        self.oauth.withheld = {scope}
        return self.a_grant()

    def expire(self) -> None:
        """Let the access token end."""
        self.has_expired = True
        self.clock.pass_(hours=1, seconds=1)
{% endif %}
{% if c.auth == 'oauth' %}

    def consent(self, url: str) -> Mapping[str, str]:
        """Let a person agree."""
        return self.oauth.consent(url)

    def keeps_refresh(self) -> None:
        """Let renewals give no other refresh token."""
        self.oauth.rotates = False
{% endif %}
{% if c.discover == 'yes' %}

    def profiles(self) -> Sequence[Profile]:
        """Tell which accounts a consent opens."""
        return [Profile(*account) for account in ACCOUNTS.items()]
{% endif %}
{% if c.offers_templates == 'yes' %}

    def template_names(self) -> Sequence[str]:
        """Tell the names of the approved texts."""
        return TEMPLATES
{% endif %}
{% if c.download == 'yes' %}

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person send a file."""
        made = self.messages.add(body, author="ada", file=f"f{len(self.files)}")
        self.files[made.more["file"]] = content
        return made.id
{% endif %}
{% if c.__reads == 'yes' %}

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person say something."""
        made = self.messages.add(body, author=author, parent=parent)
{% if c.webhooks == 'yes' %}
        self._tell("said", made)
{% endif %}
        return made.id

    async def edit(self, external_id: str, body: str) -> None:
        """Let a person change it."""
{% if c.webhooks == 'yes' %}
        self._tell("changed", self.messages.change(external_id, body=body))
{% else %}
        self.messages.change(external_id, body=body)
{% endif %}

    async def remove(self, external_id: str) -> None:
        """Let a person take it back."""
{% if c.download == 'yes' %}
        gone = self.messages.remove(external_id)
        self.files.pop(gone.more.get("file", ""), None)
{% if c.webhooks == 'yes' %}
        self._tell("removed", gone)
{% endif %}
{% elif c.webhooks == 'yes' %}
        self._tell("removed", self.messages.remove(external_id))
{% else %}
        self.messages.remove(external_id)
{% endif %}
{% endif %}
{% if c.__writes == 'yes' %}

    def made(self) -> Sequence[Made]:
        """Tell what the account said."""
        return [Made(said.id, said.body, said.parent) for said in self.messages.where(own=True)]

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Tell the longest text."""
        return LONGEST, "code_points"
{% endif %}
{% if c.moderate == 'yes' and c.__reads == 'yes' %}

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell how people see a message."""
        if external_id not in self.messages:
            return "gone"
        return "hidden" if self.messages[external_id].more.get("hidden") else "visible"
{% endif %}
{% if c.webhooks == 'yes' %}

    def hooks(self) -> Sequence[sdk.RawHook]:
        """Take the webhooks that wait, one for each change."""
        waiting, self.waiting = self.waiting, []
        return [self._hook([change]) for change in waiting]

    def batch(self, *bodies: str) -> sdk.RawHook:
        """Return one webhook of several messages."""
        return self._hook([self._change("said", self.messages.add(body, author="ada")) for body in bodies])

    def batch_of_accounts(self, bodies: Mapping[str, str]) -> sdk.RawHook:
        """Return one webhook of several accounts."""
        said = {account: self.messages.add(body, author="ada") for account, body in bodies.items()}
        return self._hook([{**self._change("said", each), "account": account} for account, each in said.items()])

    def signed(self, body: bytes) -> sdk.RawHook:
        """Return a webhook of any body."""
        self.delivered += 1
        (secret,) = self.keys().secrets[SECRET]
        headers = self.sign(body, secret.get_secret_value(), self.clock())
        headers = {**headers, DELIVERY: f"delivery-{self.delivered:06}"}
        return sdk.RawHook(method="POST", headers=headers, body=body, received_at=self.clock())

    def unknown(self) -> sdk.RawHook:
        """Return a webhook of a kind that is not documented."""
        return self._hook([{"account": ACCOUNT, "kind": "danced", "steps": 3}])

    def keys(self) -> sdk.Keys:
        """Return what webhooks are judged by."""
{% set also = ', TOKEN: (self.settings.verify_token,)' if c.handshake == 'yes' else '' %}
{% if c.subscribe == 'yes' %}
        secret = self.held[0].secret if self.held else "sandbox-hook-secret"
        return sdk.Keys.model_validate({"secrets": {SECRET: (secret,){{ also }}}})
{% else %}
        return sdk.Keys(secrets={SECRET: (self.settings.webhook_secret,){{ also }}})
{% endif %}
{% if c.handshake == 'yes' %}

    def handshake(self, *, is_forged: bool = False) -> tuple[sdk.RawHook, bytes]:
        """Return the platform's test of the URL, and what it wants to hear."""
        token = "nobodys-token" if is_forged else self.settings.verify_token.get_secret_value()
        query = {"challenge": "1234567", TOKEN: token}
        return sdk.RawHook(method="GET", query=query, received_at=self.clock()), b"1234567"
{% endif %}

    def signature_age(self) -> float:
        """Tell the seconds after which a signature is too old."""
        return 300
{% endif %}
{% if c.subscribe == 'yes' %}

    def subscriptions(self) -> Sequence[Subscribed]:
        """Tell what is subscribed."""
        return self.held

    def lose_subscriptions(self) -> None:
        """Forget it all."""
        self.held = []
{% endif %}
{% if c.__lists == 'yes' or c.webhooks == 'yes' or c.__writes == 'yes' %}

    # within
{% endif %}
{% if c.__lists == 'yes' %}

    def _listing(self, found: list[Thing], call: Call) -> Any:
        after = int(call.query.get("after") or 0)
        rest = [said for said in sorted(found, key=lambda said: said.place) if said.place > after]
        shown = rest[: min(int(call.query.get("limit") or self.size), self.size)]
        last = after if call.is_stuck or not shown else shown[-1].place
        told = [self._shown(said) for said in shown]
        return {"messages": told, "last": str(last) if last else "", "more": len(rest) > len(shown)}
{% endif %}
{% if 'yes' in (c.__lists, c.webhooks, c.fetch) %}

    def _shown(self, said: Thing) -> dict[str, Any]:
        thread, is_ours = said, bool(said.more.get("own"))
        while thread.parent and thread.parent in self.messages:
            thread = self.messages[thread.parent]
        return {
            "id": said.id,
            "text": said.body,
            "said_at": said.created_at.isoformat(),
            "changed_at": (said.created_at if is_ours else said.changed_at).isoformat(),
            "by": {"id": f"p-{said.author}", "name": said.author.title()} if said.author else None,
            "answers": said.parent,
            "thread": thread.id,
            "own": is_ours,
{% if c.download == 'yes' %}
            "file": said.more.get("file"),
{% endif %}
        }
{% endif %}
{% if c.__writes == 'yes' %}

    def _say(self, call: Call, target: str | None) -> Any:
        text = call.fields["text"]
        if len(text) > LONGEST:
            raise ValueError("the text is too long")
{% if c.prepare == 'yes' %}
        if call.fields.get("draft") not in self.drafts:
            raise ValueError("there is no such draft")
{% endif %}
{% if c.find == 'no' %}
        key = call.request.headers.get("idempotency-key", "")
        if key in self.made_under:
            return {"id": self.made_under[key]}
{% endif %}
        made = self.messages.add(text, author="us", parent=target, own=True)
{% if c.find == 'no' %}
        self.made_under[key] = made.id
{% endif %}
{% if c.webhooks == 'yes' %}
        self._tell("said", made)
{% endif %}
        return {"id": made.id}
{% endif %}
{% if c.webhooks == 'yes' %}

    def _change(self, kind: str, said: Thing) -> dict[str, Any]:
        return {"account": ACCOUNT, "kind": kind, "message": self._shown(said)}

    def _tell(self, kind: str, said: Thing) -> None:
        self.waiting.append(self._change(kind, said))

    def _hook(self, changes: list[dict[str, Any]]) -> sdk.RawHook:
        return self.signed(json.dumps({"changes": changes}).encode())
{% endif %}
