{% set c = cookiecutter %}
"""Connector for {{ c.title }}; say here which documentation was read, and when."""

{% if c.pull == 'yes' %}
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
{% elif 'yes' in (c.webhooks, c.discover, c.offers_templates) %}
from collections.abc import Sequence
{% endif %}
{% if 'yes' in (c.moderate, c.subscribe, c.fetch, c.download) %}
from urllib.parse import quote
{% endif %}
{% if 'yes' in (c.pull, c.webhooks, c.moderate, c.discover, c.offers_templates) %}

{% endif %}
import chorally_sdk as sdk
{% if c.auth == 'api_key' %}
import httpx
{% endif %}
{% if c.__client == 'yes' %}
from chorally_sdk import oauth
{% endif %}
{% if c.subscribe == 'yes' %}
from pydantic import SecretStr
{% endif %}

{% if c.webhooks == 'yes' %}
from {{ c.__package }} import webhook
{% endif %}
{% if c.auth == 'api_key' %}
from {{ c.__package }}.auth import ApiKey
{% endif %}
{% if c.__settings == 'yes' %}
from {{ c.__package }}.config import AppSettings
{% endif %}
{% set names = [] %}
{% if c.__reads == 'yes' %}{% set _ = names.append('MESSAGE') %}{% endif %}
{% if c.discover == 'yes' %}{% set _ = names.append('Accounts') %}{% endif %}
{% if c.offers_templates == 'yes' %}{% set _ = names.append('Approvals') %}{% endif %}
{% if c.prepare == 'yes' %}{% set _ = names.append('Draft') %}{% endif %}
{% if c.__lists == 'yes' %}{% set _ = names.append('Listing') %}{% endif %}
{% set _ = names.append('Profile') %}
{% if c.fetch == 'yes' %}{% set _ = names.append('Said') %}{% endif %}
{% if c.subscribe == 'yes' %}{% set _ = names.append('Subscribed') %}{% endif %}
{% set _ = names.append('read') %}
{% if c.pull == 'yes' or c.fetch == 'yes' %}{% set _ = names.append('to_message') %}{% endif %}
{% set line = 'from ' ~ c.__package ~ '.translate import ' ~ names | join(', ') %}
{% if line | length <= 120 %}
{{ line }}
{% else %}
from {{ c.__package }}.translate import (
{% for name in names %}
    {{ name }},
{% endfor %}
)
{% endif %}
{% set dedupe = 'lookup' if c.find == 'yes' else 'native_key' %}
{% set abilities = ['sdk.Connector'] %}
{% if c.auth == 'oauth' %}{% set _ = abilities.append('sdk.Authorizes') %}{% endif %}
{% if c.auth == 'client_credentials' %}{% set _ = abilities.append('sdk.Renews') %}{% endif %}
{% if c.discover == 'yes' %}{% set _ = abilities.append('sdk.Discovers') %}{% endif %}
{% if c.pull == 'yes' %}{% set _ = abilities.append('sdk.Pulls') %}{% endif %}
{% if c.fetch == 'yes' %}{% set _ = abilities.append('sdk.Fetches') %}{% endif %}
{% if c.download == 'yes' %}{% set _ = abilities.append('sdk.Downloads') %}{% endif %}
{% if c.webhooks == 'yes' %}{% set _ = abilities.append('sdk.Receives') %}{% endif %}
{% if c.subscribe == 'yes' %}{% set _ = abilities.append('sdk.Subscribes') %}{% endif %}
{% if c.prepare == 'yes' %}{% set _ = abilities.append('sdk.Prepares') %}{% endif %}
{% if c.offers_templates == 'yes' %}{% set _ = abilities.append('sdk.OffersTemplates') %}{% endif %}
{% if c.reply == 'yes' %}{% set _ = abilities.append('sdk.Replies') %}{% endif %}
{% if c.publish == 'yes' %}{% set _ = abilities.append('sdk.Publishes') %}{% endif %}
{% if c.find == 'yes' %}{% set _ = abilities.append('sdk.Finds') %}{% endif %}
{% if c.moderate == 'yes' %}{% set _ = abilities.append('sdk.Moderates') %}{% endif %}
{% set _ = abilities.append('sdk.Sandboxes') %}
{% set verb = 'reply' if c.__reads == 'yes' else 'send' %}
{% set message = 'MESSAGE' if c.__reads == 'yes' else '"' ~ c.platform ~ '_message"' %}
{% if 'yes' in (c.__lists, c.__writes, c.__client) %}

{% endif %}
{% if c.__lists == 'yes' %}
PAGE_SIZE = 50
{% endif %}
{% if c.__writes == 'yes' %}
LONGEST = 500
{% endif %}
{% if c.__client == 'yes' %}
HOST = "{{ c.platform.replace('_', '-') }}.example"
{% endif %}


class {{ c.__class }}(
{% for ability in abilities %}
    {{ ability }},
{% endfor %}
):
    """One account at {{ c.title }}."""

    manifest = sdk.Manifest(
        platform="{{ c.platform }}",
        title="{{ c.title }}",
        base_url="https://{{ c.platform.replace('_', '-') }}.example",
        hosts=("{{ c.platform.replace('_', '-') }}.example",),
{% if c.__client == 'yes' %}
        scopes=("read", "write"),
{% endif %}
{% if c.webhooks == 'yes' %}
        hooks=sdk.Hooks(scope="app"),
{% endif %}
{% if c.__settings == 'yes' %}
        app_settings=AppSettings,
{% endif %}
{% if c.reply == c.moderate == c.publish == 'no' %}
        channels=(sdk.Channel(name={{ message }}),),
{% else %}
        channels=(
{% if 'yes' in (c.reply, c.moderate) %}
            sdk.Channel(
                name={{ message }},
                actions={
{% if c.reply == 'yes' %}
                    "{{ verb }}": sdk.Limits(max_text=LONGEST, dedupe="{{ dedupe }}"),
{% endif %}
{% if c.moderate == 'yes' %}
                    "hide": sdk.Limits(),
                    "unhide": sdk.Limits(),
                    "delete": sdk.Limits(),
{% endif %}
                },
            ),
{% else %}
            sdk.Channel(name={{ message }}),
{% endif %}
{% if c.publish == 'yes' %}
            sdk.Channel(
                name="{{ c.platform }}_post",
                actions={"publish": sdk.Limits(max_text=LONGEST, dedupe="{{ dedupe }}")},
            ),
{% endif %}
        ),
{% endif %}
    )

    async def check(self) -> sdk.AccountInfo:
        """Name the account{{ ', and the scopes that are missing' if c.__client == 'yes' else '' }}."""
        told = read(Profile, (await self.http.get("/account")).content)
{% if c.__client == 'yes' %}
        missing = frozenset(self.manifest.scopes) - told.scopes
        return sdk.AccountInfo(external_id=told.id, name=told.name, missing_scopes=missing)
{% else %}
        return sdk.AccountInfo(external_id=told.id, name=told.name)
{% endif %}
{% if c.auth == 'api_key' %}

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Carry the key in its header."""
        return ApiKey(grant.access)
{% endif %}
{% if c.__client == 'yes' %}

    def _oauth(self) -> oauth.Client:
        app = AppSettings.model_validate(self.app.settings)
        return oauth.Client(
            self,
            app.client_id,
            app.client_secret,
            token_url="/oauth/token",  # noqa: S106 - where tokens are given
{% if c.auth == 'oauth' %}
            authorize_url=f"https://{HOST}/oauth/authorize",
{% endif %}
        )
{% endif %}
{% if c.auth == 'oauth' %}

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give the page of consent."""
        return self._oauth().consent(state, challenge, redirect_uri)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into the grant."""
        return await self._oauth().exchange(callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Renew the grant by its refresh token."""
        return await self._oauth().refresh(grant)
{% elif c.auth == 'client_credentials' %}

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Issue the app's own grant anew."""
        return oauth.carried(grant, await self._oauth().credentials())
{% endif %}
{% if c.discover == 'yes' %}

    async def accounts(self) -> Sequence[sdk.AccountInfo]:
        """List what the consent opens, each account with a token of its own."""
        found: list[sdk.AccountInfo] = []
        page: str | None = "1"
        while page:
            told = read(Accounts, (await self.http.get("/accounts", params={"page": page})).content)
            for each in told.accounts:
                grant = sdk.Grant(access=each.token)
                found.append(sdk.AccountInfo(external_id=each.id, name=each.name, grant=grant))
            page = told.next
        return found
{% endif %}
{% if c.pull == 'yes' %}

    def streams(self) -> Sequence[sdk.Stream]:
        """Say that messages can be pulled."""
        return [sdk.Stream(name="messages")]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what was said or changed after the cursor, oldest first."""
        after = str(cursor["after"]) if cursor else ""
        while True:
            told = await self._listing("/messages", after)
            after = told.last or after
            wanted = [said for said in told.messages if since is None or said.said_at >= since]
            yield sdk.Page(events=tuple(map(to_message, wanted)), cursor={"after": after}, done=not told.more)
            if not told.more:
                return
{% endif %}
{% if c.fetch == 'yes' %}

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read the message that a ping names."""
        answer = await self.http.get(f"/messages/{quote(ping.external_id or '', safe='')}")
        return [to_message(read(Said, answer.content))]
{% endif %}
{% if c.download == 'yes' %}

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Read a file, piece by piece."""
        async with self.http.stream("GET", f"/files/{quote(attachment.external_id or '', safe='')}") as answer:
            async for piece in answer.aiter_bytes():
                yield piece
{% endif %}
{% if c.__lists == 'yes' %}

    async def _listing(self, path: str, after: str) -> Listing:
        params = {"limit": str(PAGE_SIZE)} | ({"after": after} if after else {})
        answer = await self.http.get(path, params=params)
        told = read(Listing, answer.content)
        if told.more and told.last in {"", after}:
            raise sdk.Malformed("the next page is the same page again", answer.content)
        return told
{% endif %}
{% if c.webhooks == 'yes' %}

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge a webhook by its signature and its age."""
        return webhook.verify(hook, keys)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Translate a webhook."""
        return webhook.parse(hook)
{% endif %}
{% if c.subscribe == 'yes' %}

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Create, renew or heal: the platform keeps one for each URL."""
        body = {"callback": callback, "secret": secret.get_secret_value()}
        told = read(Subscribed, (await self.http.put("/subscription", json=body)).content)
        return sdk.Subscription(external_id=told.id, expires_at=told.ends_at)

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """End it; already gone is success."""
        await self._delete(f"/subscription/{quote(current.external_id, safe='')}")
{% endif %}
{% if c.prepare == 'yes' %}

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Put the text into a draft that nobody sees."""
        told = read(Draft, (await self.http.post("/drafts", json={"text": outgoing.body})).content)
        return sdk.Prepared(state={"draft": told.id})
{% endif %}
{% if c.offers_templates == 'yes' %}

    async def templates(self) -> Sequence[sdk.Template]:
        """List the approved texts."""
        found: list[sdk.Template] = []
        page: str | None = "1"
        while page:
            told = read(Approvals, (await self.http.get("/templates", params={"page": page})).content)
            found += [sdk.Template(name=each.name, text=each.text) for each in told.templates]
            page = told.next
        return found
{% endif %}
{% if c.reply == 'yes' %}

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Say something."""
{% set more = 'answers=message.in_reply_to' if c.__reads == 'yes' else 'to=message.to' %}
{% if c.offers_templates == 'yes' %}
        template = message.template.name if message.template else None
        return await self._made("/messages", message, {{ more }}, template=template)
{% else %}
        return await self._made("/messages", message, {{ more }})
{% endif %}
{% endif %}
{% if c.publish == 'yes' %}

    async def publish(self, publication: sdk.Publication) -> sdk.Receipt:
        """Post something of our own."""
        return await self._made("/posts", publication)
{% endif %}
{% if c.__writes == 'yes' %}

    async def _made(self, path: str, outgoing: sdk.Outgoing, **more: str | None) -> sdk.Receipt:
{% set draft = ' "draft": outgoing.prepared.get("draft"),' if c.prepare == 'yes' else '' %}
{% if c.find == c.prepare == 'yes' %}
        body = {"text": outgoing.body,{{ draft }} **more}
        answer = await self.http.post(path, json=body)
{% elif c.find == 'yes' %}
        answer = await self.http.post(path, json={"text": outgoing.body, **more})
{% elif c.prepare == 'yes' %}
        key = {"Idempotency-Key": outgoing.client_ref}
        body = {"text": outgoing.body,{{ draft }} **more}
        answer = await self.http.post(path, json=body, headers=key)
{% else %}
        key = {"Idempotency-Key": outgoing.client_ref}
        answer = await self.http.post(path, json={"text": outgoing.body, **more}, headers=key)
{% endif %}
        try:
            return sdk.Receipt(external_id=answer.json()["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise sdk.OutcomeUnknown("the answer does not say whether it was made; look for it") from error
{% endif %}
{% if c.find == 'yes' %}

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look through all that the account said since the attempt."""
        target = outgoing.in_reply_to if isinstance(outgoing, sdk.OutboundMessage) else None
        after = ""
        while True:
            told = await self._listing("/sent", after)
            for said in told.messages:
                is_late_enough = outgoing.tried_at is None or said.said_at >= outgoing.tried_at
                if said.text == outgoing.body and said.answers == target and is_late_enough:
                    return sdk.Receipt(external_id=said.id)
            if not told.more:
                return None
            after = told.last
{% endif %}
{% if c.moderate == 'yes' %}

    async def moderate(self, action: sdk.Action) -> None:
        """Hide, show or delete; already so is success."""
        path = f"/messages/{quote(action.external_id, safe='')}"
        if action.verb == "delete":
            await self._delete(path)
        else:
            await self.http.request("PUT" if action.verb == "hide" else "DELETE", f"{path}/hidden")
{% endif %}
{% if c.moderate == 'yes' or c.subscribe == 'yes' %}

    async def _delete(self, path: str) -> None:
        try:
            await self.http.delete(path)
        except sdk.Rejected as error:
            if error.reason is not sdk.Reason.GONE:
                raise
{% endif %}

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return the platform in memory; needs ``chorally-sdk[dev]``."""
        from {{ c.__package }}.sandbox import {{ c.__class }}Twin  # heavy, and of no use in production

        return {{ c.__class }}Twin()
