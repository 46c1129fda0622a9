"""The accounts and apps that are connected now, at hand in memory, with their connectors."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from chorally_core.ports.documents import Documents, Query
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.connected import Connected
from chorally_core.services.io.key_sets import KeySets, reader
from chorally_core.services.io.model import Account, App
from chorally_core.services.io.upgrading import account_of_today, app_of_today
from chorally_core.telemetry.outbound import watching
from chorally_sdk import Account as SdkAccount
from chorally_sdk import App as SdkApp
from chorally_sdk import Attachment, Connector, Grant, Http, Keys, Publishes, Pulls, Receives, Replies, Unsupported
from chorally_sdk.http.breaker import Breaker
from chorally_sdk.http.budgets import Budgets, LocalBudgets
from chorally_sdk.http.grants import Grants
from chorally_sdk.http.metering import Meter
from chorally_sdk.model.manifest import Manifest

_LINGERS = timedelta(minutes=5)

INSTALLATION = ""
"""The tenant of apps that serve the whole installation."""


class Directory:
    """Finds accounts by what the platform calls them, and makes their connectors."""

    def __init__(
        self,
        connectors: Mapping[str, type[Connector]],
        documents: Documents,
        vault: Vault,
        *,
        now: Callable[[], datetime],
        base_urls: Mapping[str, str] | None = None,
        private: Sequence[IPv4Network | IPv6Network] = (),
        transport: Callable[[str], httpx.AsyncBaseTransport | None] = lambda platform: None,
        budgets: Budgets | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare an empty directory.

        Args:
            connectors: Connector classes by platform.
            documents: Where accounts and apps are stored.
            vault: Opens their secrets.
            now: The clock given to connectors.
            base_urls: Replaces a platform's base URL for the whole installation, as for a sandbox.
            private: Networks that connectors of any host reach besides public ones.
            transport: Returns the transport of a platform's HTTP clients; None takes httpx's own.
            budgets: Keep calls within platforms' quotas; this process's own where None.
            monotonic: Seconds that only grow, by which a platform that is down is left alone.
        """
        self.connectors = connectors
        self._documents = documents
        self._vault = vault
        self._now = now
        self._base_urls = dict(base_urls or {})
        self._private = tuple(private)
        self._transport = transport
        self._budgets = budgets or LocalBudgets(now=now)
        self._monotonic = monotonic
        self.files: Callable[[str, Attachment], AsyncIterator[bytes]] | None = None
        """Reads a tenant's file that goes out; set by who has the files."""
        self.links: Callable[[str, Attachment], Awaitable[str]] | None = None
        """Gives a URL at which a platform can fetch a tenant's file; set by who has the files."""
        self.key_sets = KeySets(reader(), monotonic=monotonic)
        """Platforms' published keys, which webhooks are judged by."""
        self.breakers: dict[str, Breaker] = {}
        """What spares the platform of each account that was called."""
        self.live: Callable[[str], Grants] | None = None
        """Gives grants that are renewed; set by who renews them."""
        self.changes = 0
        """Grows whenever an account or app is taken in or forgotten."""
        self.accounts: dict[str, Account] = {}
        self.apps: dict[str, App] = {}
        self._by_external: dict[tuple[str, str], list[Account]] = {}
        self._made: dict[str, Connector] = {}
        self._clients: dict[str, Http] = {}
        self._keys: dict[tuple[str, str], Keys] = {}
        self._retired: list[tuple[datetime, Http]] = []

    async def load(self) -> None:
        """Read all apps and accounts."""
        for of, put in ((App, self.put_app), (Account, self.put)):
            after: tuple[Any, str] | None = None
            while True:
                found = await self._documents.find(Query(of, None, limit=1000, after=after))
                for document in found:
                    put(document)
                if len(found) < 1000:
                    break
                after = (found[-1].id, found[-1].id)

    def put_app(self, app: App) -> None:
        """Take in an app as it is now."""
        self.changes += 1
        self.apps[app.id] = app
        self._made.clear()
        self._keys.clear()

    def drop_app(self, app_id: str) -> None:
        """Forget an app."""
        self.changes += 1
        self.apps.pop(app_id, None)
        self._made.clear()
        self._keys.clear()

    def put(self, account: Account) -> None:
        """Take in an account as it is now."""
        self.drop(account.id)
        self.accounts[account.id] = account
        if account.state != "disconnected" and account.external_id:
            self._by_external.setdefault((account.platform, account.external_id), []).append(account)

    async def is_gone(self, account_id: str) -> bool:
        """Whether an account is not connected by what is stored: another process may have connected it just now."""
        stored = await self._documents.get(Account, account_id)
        return stored is None or stored.state == "disconnected"

    def drop(self, account_id: str) -> None:
        """Forget an account and its connector."""
        self.changes += 1
        self._made.pop(account_id, None)
        client = self._clients.pop(account_id, None)
        if client is not None:
            self._retired.append((self._now(), client))
        self._keys.clear()
        old = self.accounts.pop(account_id, None)
        if old is not None:
            place = (old.platform, old.external_id)
            rest = [a for a in self._by_external.get(place, []) if a.id != account_id]
            self._by_external[place] = rest

    def called(self, platform: str, external_id: str, app_id: str | None) -> list[Account]:
        """Return the accounts that the platform calls so, among those that the app may speak for.

        An app of the installation speaks for every tenant's accounts, a tenant's own for that tenant's.
        """
        found = self._by_external.get((platform, external_id), [])
        app = self.apps.get(app_id or "")
        if app is None or app.tenant == INSTALLATION:
            return found
        return [account for account in found if account.tenant == app.tenant]

    def apps_of(self, platform: str) -> list[App]:
        """Return the apps of a platform."""
        return [app for app in self.apps.values() if app.platform == platform]

    def app_for(self, account: Account) -> App | None:
        """Return the account's app: the one it names, else the tenant's, else the installation's."""
        if account.app_id:
            return self.apps.get(account.app_id)
        apps = self.apps_of(account.platform)
        own = [app for app in apps if app.tenant == account.tenant]
        shared = [app for app in apps if app.tenant == INSTALLATION]
        return next(iter(own + shared), None)

    def app_settings(self, app: App | None, platform: str) -> BaseModel | None:
        """Return an app's settings with its secrets, as the connector declared them."""
        model = self.connectors[platform].manifest.app_settings
        if model is None or app is None:
            return None
        app = app_of_today(app, self.connectors[platform], self._vault)
        opened = self._vault.open(app.sealed) if app.sealed else {}
        newest = {name: value[0] if isinstance(value, list) and value else value for name, value in opened.items()}
        return model.model_validate({**app.settings, **newest})

    def keys(self, app: App | None, account: Account | None) -> Keys:
        """Return the live secrets that a hook is judged by: one or two by setting name."""
        place = (app.id if app else "", account.id if account else "")
        known = self._keys.get(place)
        if known is None:
            known = self._keys[place] = self._opened_keys(app, account)
        return known

    def _opened_keys(self, app: App | None, account: Account | None) -> Keys:
        secrets: dict[str, tuple[SecretStr, ...]] = {}
        for held in (app, account):
            holder = self._of_today(held)
            if holder is not None and holder.sealed:
                opened = self._vault.open(holder.sealed)
                values = opened.get("settings", {}) if isinstance(holder, Account) else opened
                for name, value in values.items():
                    live = value if isinstance(value, list) else [value]
                    secrets[name] = tuple(SecretStr(str(v)) for v in live if v)
            if holder is not None and holder.hook_secret:
                secrets["subscription"] = (SecretStr(str(self._vault.open(holder.hook_secret))),)
        holder = app or account
        hooks = self.connectors[holder.platform].manifest.hooks if holder is not None else None
        return Keys(secrets=secrets, jwks=self.key_sets.of(hooks.jwks) if hooks is not None else {})

    def _of_today(self, holder: App | Account | None) -> App | Account | None:
        if holder is None or holder.platform not in self.connectors:
            return holder
        upgrade: Callable[..., App | Account] = app_of_today if isinstance(holder, App) else account_of_today
        return upgrade(holder, self.connectors[holder.platform], self._vault)

    async def renew_keys(self, urls: Sequence[str] | None = None) -> bool:
        """Read published keys again, those that are named or those that were read long ago; whether any changed."""
        changed = await (self.key_sets.keep_fresh() if urls is None else self.key_sets.renew(urls))
        if changed:
            self._keys.clear()
        return changed

    def bare(self, platform: str) -> Connector:
        """Return a connector for calls that are about no account: ``verify`` and ``parse``."""
        made = self._made.get(f"bare:{platform}")
        if made is None:
            made = self._made[f"bare:{platform}"] = self._make(platform, None, None, None, None)
        return made

    def connector(self, account: Account) -> Connector:
        """Return the connector of an account as it is now, made once."""
        made = self._made.get(account.id)
        if made is None:
            made = self._made[account.id] = self.draft(self.accounts.get(account.id, account))
        return made

    def draft(self, account: Account) -> Connector:
        """Return a connector for an account as given, which need not be stored."""
        account = account_of_today(account, self.connectors[account.platform], self._vault)
        opened = self._vault.open(account.sealed) if account.sealed else {}
        settings = account_settings(self.connectors[account.platform], account.settings, opened.get("settings", {}))
        grant = Grant.model_validate(opened["grant"]) if opened.get("grant") else None
        app = self.app_for(account)
        live = self.live(account.grant_id) if self.live is not None and account.grant_id else None
        return self._make(account.platform, app, account, settings, grant, live)

    def app_of(self, platform: str, app_id: str | None, tenant: str) -> App | None:
        """Return the app that an account of a tenant would have: the named one, the tenant's or the installation's."""
        nobody = Account(
            id="", tenant=tenant, platform=platform, name="", app_id=app_id, hook_token="", created_at=self._now(),
            connected_at=self._now(),
        )  # fmt: skip
        return self.app_for(nobody)

    def unbound(self, platform: str, app: App | None, live: Grants | None) -> Connector:
        """Return a connector that is about no account, with a grant or without; whoever asks closes its client."""
        return self._make(platform, app, None, None, None, live)

    def _make(
        self,
        platform: str,
        app: App | None,
        account: Account | None,
        settings: BaseModel | None,
        grant: Grant | None,
        live: Grants | None = None,
    ) -> Connector:
        connector = self.connectors[platform]
        manifest = connector.manifest
        http = Http(
            base_url=self._base_urls.get(platform, manifest.base_url),
            hosts=manifest.hosts,
            private=self._private,
            grant=grant,
            grants=live,
            transport=self._transport(platform),
            watch=watching(platform),
            meter=self._meter(platform, app, account, manifest),
            breaker=self._breaker(account) if account is not None else None,
        )
        if account is not None:
            self._clients[account.id] = http
        connected = Connected(self, platform, app.id if app else "")
        sdk_app = SdkApp(id=app.id if app else "", settings=self.app_settings(app, platform), accounts=connected)
        sdk_account = None
        if account is not None:
            sdk_account = SdkAccount(
                id=account.id,
                tenant=account.tenant,
                external_id=account.external_id,
                name=account.name,
                data=account.data,
                settings=settings,
            )

        async def token() -> SecretStr:
            known = await live.fresh() if live is not None else grant
            if known is None:
                raise LookupError("this account has no grant")
            return known.access

        media = media_url = None
        if self.files is not None and account is not None:
            media = partial(self.files, account.tenant)
        if self.links is not None and account is not None:
            media_url = partial(self.links, account.tenant)
        return connector(
            sdk_app, http, sdk_account, now=self._now, token=token if grant or live else None, media=media,
            media_url=media_url,
        )  # fmt: skip

    def _meter(self, platform: str, app: App | None, account: Account | None, manifest: Manifest) -> Meter:
        """In whose quotas a client's calls count: the app's, of whichever tenants, and the account's."""
        tenant = account.tenant if account is not None else ""
        name = json.dumps([platform, app.id if app is not None else "", "" if app is not None else tenant])
        return Meter(self._budgets, name, account.id if account is not None else "", manifest.budgets, tenant)

    def _breaker(self, account: Account) -> Breaker:
        return self.breakers.setdefault(account.id, Breaker(now=self._monotonic))

    async def close_retired(self, after: timedelta = _LINGERS) -> None:
        """Close connections made for accounts as they were; calls that were under way have ended."""
        now = self._now()
        due = [http for at, http in self._retired if now - at >= after]
        self._retired = [(at, http) for at, http in self._retired if now - at < after]
        for http in due:
            await http.aclose()

    async def aclose(self) -> None:
        """Close the connections of all accounts."""
        await self.close_retired(timedelta(0))
        for http in self._clients.values():
            await http.aclose()
        self._clients.clear()
        self._made.clear()


def receives(connector: Connector) -> Receives:
    """Return the connector as one that takes webhooks.

    Raises:
        Unsupported: It takes none.
    """
    if not isinstance(connector, Receives):
        raise Unsupported(f"the connector {connector.manifest.platform!r} takes no webhooks")
    return connector


def pulls(connector: Connector) -> Pulls:
    """Return the connector as one that pulls.

    Raises:
        Unsupported: It does not pull.
    """
    if not isinstance(connector, Pulls):
        raise Unsupported(f"the connector {connector.manifest.platform!r} does not pull")
    return connector


def replies(connector: Connector) -> Replies:
    """Return the connector as one that answers.

    Raises:
        Unsupported: It cannot answer.
    """
    if not isinstance(connector, Replies):
        raise Unsupported(f"the connector {connector.manifest.platform!r} cannot answer")
    return connector


def publishes(connector: Connector) -> Publishes:
    """Return the connector as one that publishes.

    Raises:
        Unsupported: It does not.
    """
    if not isinstance(connector, Publishes):
        raise Unsupported(f"the connector {connector.manifest.platform!r} cannot publish")
    return connector


def account_settings(
    connector: type[Connector], settings: Mapping[str, Any], secrets: Mapping[str, Any]
) -> BaseModel | None:
    """Return an account's settings as its connector declared them.

    Raises:
        ValidationError: They do not fit; every mistake at once.
    """
    model = connector.manifest.account_settings
    return None if model is None else model.model_validate({**settings, **secrets})


__all__ = [
    "INSTALLATION", "Directory", "ValidationError", "account_settings", "publishes", "pulls", "receives", "replies",
]  # fmt: skip
