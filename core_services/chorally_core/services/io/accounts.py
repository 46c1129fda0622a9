"""Connecting accounts and apps, and what becomes of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from pydantic import SecretStr, ValidationError

import chorally_sdk as sdk
from chorally_core.events import Event, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.documents import Condition, Conflict, Query
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.account_facts import told
from chorally_core.services.io.apps import Apps
from chorally_core.services.io.directory import account_settings
from chorally_core.services.io.fitting import Unfit, check_storable, mistakes, plain, secret_fields
from chorally_core.services.io.grants import GrantRecord, in_full
from chorally_core.services.io.inbound import SERVICE
from chorally_core.services.io.model import CONSENT_ENDING, Account
from chorally_core.services.io.renewal import Renewal
from chorally_core.services.io.upgrading import account_of_today

log = structlog.get_logger(__name__)

_TRIES = 5
_GRANT = ("access_token", "refresh_token", "expires_at", "scopes")


async def _no_trouble(_: Account) -> str:
    return ""


class Accounts(Apps):
    """Changes accounts and apps; whoever pulls and delivers for them is told."""

    renewal: Renewal | None = None
    """Keeps tokens good; without it they are sealed with their account and stay as they are."""
    reconnect_url: str = ""
    """Where a person connects an account again; ``{account_id}`` stands for its id."""
    subscribes: Callable[[str], bool] = staticmethod(lambda platform: False)
    """Whether accounts of a platform are subscribed, and must be unsubscribed when they are disconnected."""
    hook_secret: Callable[[str], str] = staticmethod(lambda platform: "")
    """Makes what webhooks of a platform's new account are proven by, sealed; empty where the host makes none."""
    trouble: Callable[[Account], Awaitable[str]] = staticmethod(_no_trouble)
    """Returns why an account's webhooks do not come."""

    async def connect(
        self,
        *,
        account_id: str,
        tenant: str,
        platform: str,
        name: str,
        settings: Mapping[str, Any],
        credentials: Mapping[str, Any],
        since: datetime | None,
        app_id: str | None = None,
        grant_id: str | None = None,
        ticket_per: str = "author",
        silence_s: int | None = None,
        actor: tuple[ActorKind, str] = ("service", ""),
    ) -> Account:
        """Check an account against its platform and store it as connected, with a consent's grant or credentials.

        Raises:
            LookupError: No such connector, or no such app.
            Unfit: Settings or credentials do not fit.
            ConnectorError: The platform refused, or could not be reached; nothing is stored.
        """
        draft = self._draft(account_id, tenant, platform, name, settings, credentials, app_id)
        if grant_id is not None:
            draft = msgspec.structs.replace(draft, grant_id=grant_id)
        async with self._granted(draft) as draft:
            return await self._connected(draft, since, ticket_per, silence_s, actor)

    @asynccontextmanager
    async def _granted(self, draft: Account) -> AsyncIterator[Account]:
        """Give an account whose token lies where it is renewed, if it can be; forgotten again where that fails."""
        if self.renewal is None or draft.grant_id is not None:
            yield draft
            return
        if not issubclass(self._connector(draft.platform), sdk.Renews):
            yield draft
            return
        opened = self._vault.open(draft.sealed) if draft.sealed else {}
        record = GrantRecord(
            id=derived("grant", draft.id, self._new_id()), tenant=draft.tenant, platform=draft.platform,
            app_id=draft.app_id, created_at=self._now(),
        )  # fmt: skip
        await self.renewal.put(record, sdk.Grant.model_validate(opened["grant"]) if opened.get("grant") else None)
        sealed = self._vault.seal({"settings": opened.get("settings", {}), "grant": None})
        try:
            yield msgspec.structs.replace(draft, sealed=sealed, grant_id=record.id)
        finally:
            await self.renewal.remove_unused(record.id)

    async def regrant(
        self, account: Account, grant_id: str, *, actor: tuple[ActorKind, str] = ("service", "")
    ) -> Account:
        """Connect an account again with the grant of a new consent.

        Raises:
            Unfit: The grant is of another account.
            ConnectorError: The platform refused it; nothing is stored.
        """
        opened = self._vault.open(account.sealed) if account.sealed else {}
        changed = msgspec.structs.replace(
            account, sealed=self._vault.seal({"settings": opened.get("settings", {}), "grant": None}),
            grant_id=grant_id, state="connected", reason="", leaving=False,
        )  # fmt: skip
        info = await self._checked(changed)
        if info.external_id != account.external_id:
            raise Unfit([("/accounts", f"the consent is for {info.name!r}, not for {account.external_name!r}")])
        missing = tuple(sorted(info.missing_scopes))
        changed = msgspec.structs.replace(changed, data=dict(info.data), missing_scopes=missing)
        await self.store(changed, "account_connected", actor)
        await self.forget(account.grant_id)
        return changed

    async def forget(self, grant_id: str | None) -> None:
        """Forget a grant unless another account uses it."""
        if self.renewal is not None:
            await self.renewal.remove_unused(grant_id)

    async def _connected(
        self, draft: Account, since: datetime | None, ticket_per: str, silence_s: int | None,
        actor: tuple[ActorKind, str],
    ) -> Account:  # fmt: skip
        platform, tenant, account_id = draft.platform, draft.tenant, draft.id
        info = await self._checked(draft)
        called_so = (Condition("platform", "is", platform), Condition("external_id", "is", info.external_id))
        known: list[Account] = await self._ledger.documents.find(Query(Account, tenant, called_so))
        twin = next((a for a in known if a.id != account_id and a.state != "disconnected"), None)
        if twin is not None:
            raise Unfit([("/credentials", f"{info.name!r} is already connected as account {twin.id}")])
        account = msgspec.structs.replace(
            draft,
            external_id=info.external_id,
            external_name=info.name,
            data=dict(info.data),
            missing_scopes=tuple(sorted(info.missing_scopes)),
            since=since,
            ticket_per="thread" if ticket_per == "thread" else "author",
            silence_s=silence_s,
        )
        await self.store(account, "account_connected", actor)
        return account

    def _draft(
        self,
        account_id: str,
        tenant: str,
        platform: str,
        name: str,
        settings: Mapping[str, Any],
        credentials: Mapping[str, Any],
        app_id: str | None,
    ) -> Account:
        connector = self._connector(platform)
        app = self._directory.apps.get(app_id or "")
        if app_id and (app is None or app.platform != platform or app.tenant not in ("", tenant)):
            raise LookupError(f"there is no app {app_id!r} of {platform}")
        sealed, expires_at = self._sealed(connector, settings, credentials)
        now = self._now()
        return Account(
            id=account_id,
            tenant=tenant,
            platform=platform,
            name=name,
            app_id=app_id,
            settings={k: v for k, v in settings.items() if k not in secret_fields(connector.manifest.account_settings)},
            settings_version=connector.manifest.settings_version,
            sealed=sealed,
            hook_token=self._new_id(),
            hook_secret=self.hook_secret(platform),
            created_at=now,
            connected_at=now,
            token_expires_at=expires_at,
        )

    def _sealed(
        self, connector: type[sdk.Connector], settings: Mapping[str, Any], credentials: Mapping[str, Any]
    ) -> tuple[str, datetime | None]:
        """Settings' secrets and the grant, sealed, and when the grant ends."""
        check_storable(settings=settings, credentials=plain(credentials))
        model = connector.manifest.account_settings
        hidden = secret_fields(model)
        errors = [(f"/settings/{k}", "is a secret: give it in credentials") for k in settings if k in hidden]
        secrets = {k: v for k, v in credentials.items() if k in hidden}
        unknown = [k for k in credentials if k not in hidden and k not in _GRANT]
        allowed = ", ".join([*sorted(hidden), *_GRANT])
        errors += [(f"/credentials/{k}", f"is not known; known are {allowed}") for k in unknown]
        if errors:
            raise Unfit(errors)
        try:
            account_settings(connector, settings, secrets)
        except ValidationError as error:
            raise Unfit(mistakes(error, "/settings")) from None
        grant = None
        if credentials.get("access_token"):
            try:
                grant = sdk.Grant(
                    access=SecretStr(str(credentials["access_token"])),
                    refresh=SecretStr(str(credentials["refresh_token"])) if credentials.get("refresh_token") else None,
                    expires_at=credentials.get("expires_at"),
                    scopes=frozenset(credentials.get("scopes") or ()),
                )
            except (ValidationError, TypeError):
                raise Unfit([("/credentials", "expires_at must be an instant with zone, scopes a list")]) from None
        opened = {"settings": secrets, "grant": in_full(grant) if grant else None}
        return self._vault.seal(opened), grant.expires_at if grant else None

    async def _checked(self, draft: Account) -> sdk.AccountInfo:
        connector = self._directory.draft(draft)
        try:
            return await connector.check()
        finally:
            await connector.http.aclose()

    async def check(self, account: Account) -> tuple[Account, sdk.AccountInfo]:
        """Ask the platform about an account and store what follows: connected again, or what is missing.

        Raises:
            ConnectorError: The platform refused or could not be reached; a refusal is stored first.
        """
        try:
            info = await self._directory.connector(account).check()
        except sdk.ConnectorError as error:
            await self.refused(account, error)
            raise
        missing = tuple(sorted(info.missing_scopes))
        why = f"missing scopes: {', '.join(missing)}" if missing else await self.trouble(account)
        account = await self.become(account, "degraded" if why else "connected", why)
        return account, info

    async def refused(self, account: Account, error: sdk.ConnectorError) -> None:
        """Take in that the platform refuses an account's token, or a permission; anything else is no refusal."""
        if isinstance(error, sdk.Reauthorize):
            await self.become(account, "reauthorization_required", str(error))
        elif isinstance(error, sdk.Rejected) and error.reason is sdk.Reason.PERMISSION:
            await self.become(account, "degraded", str(error))

    async def become(
        self, account: Account, state: str, reason: str, actor: tuple[ActorKind, str] = ("service", ""), what: str = ""
    ) -> Account:
        """Store a new state, once, with the fact that tells of it (``what``); one disconnected by now stays so.

        So does one that has other credentials by now than those that the state is about. Another process may have
        changed the account just now: then its change is gone on from.
        """
        about = (account.sealed, account.grant_id)
        account = self._directory.accounts.get(account.id, account)
        for _ in range(_TRIES):
            if (
                account.state == "disconnected"
                or (account.sealed, account.grant_id) != about
                or (account.state, account.reason) == (state, reason)
                or (account.state == state and state == "reauthorization_required")
            ):
                return account
            changed = msgspec.structs.replace(account, state=state, reason=reason[:1000])
            try:
                await self.store(changed, what or f"account_{state}", actor)
            except Conflict:
                stored = await self._ledger.documents.get(Account, account.id)
                if stored is None:
                    raise
                account = stored
                continue
            return changed
        raise Conflict(Account.kind, account.id)

    async def change(
        self,
        account: Account,
        *,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
        silence_s: int | None = None,
        actor: tuple[ActorKind, str] = ("service", ""),
    ) -> Account:
        """Store new settings or credentials; new credentials are checked first and connect the account again.

        Raises:
            Unfit: They do not fit, or belong to another account on the platform.
            ConnectorError: The platform refused them; nothing is stored.
        """
        if settings is not None or credentials is not None:
            account = account_of_today(account, self._connector(account.platform), self._vault)
        changed = account
        if name is not None:
            changed = msgspec.structs.replace(changed, name=name)
        if silence_s is not None:
            changed = msgspec.structs.replace(changed, silence_s=silence_s or None)
        if settings is not None or credentials is not None:
            connector = self._connector(account.platform)
            merged = {**account.settings, **(settings or {})}
            check_storable(settings=merged)
            if credentials is None:
                opened = self._vault.open(account.sealed) if account.sealed else {}
                try:
                    account_settings(connector, merged, opened.get("settings", {}))
                except ValidationError as error:
                    raise Unfit(mistakes(error, "/settings")) from None
                changed = msgspec.structs.replace(changed, settings=merged)
            else:
                sealed, expires_at = self._sealed(connector, merged, credentials)
                changed = msgspec.structs.replace(
                    changed,
                    settings=merged,
                    sealed=sealed,
                    token_expires_at=expires_at,
                    state="connected",
                    reason="",
                    leaving=False,
                    grant_id=None,
                )
        else:
            await self.store(changed, "account_changed", actor)
            return changed
        async with self._granted(changed) as changed:
            info = await self._checked(changed)
            if info.external_id != account.external_id:
                raise Unfit([("/credentials", f"belong to {info.name!r}, not to {account.external_name!r}")])
            missing = tuple(sorted(info.missing_scopes))
            changed = msgspec.structs.replace(changed, data=dict(info.data), missing_scopes=missing)
            await self.store(changed, "account_changed", actor)
        if changed.grant_id != account.grant_id:
            await self.forget(account.grant_id)
        return changed

    async def disconnect(self, account: Account, actor: tuple[ActorKind, str] = ("service", "")) -> Account:
        """Forget an account's credentials, at once or when it is unsubscribed; its tickets and messages stay."""
        changed = msgspec.structs.replace(account, state="disconnected", reason="", leaving=True)
        if not self.subscribes(account.platform):
            changed = msgspec.structs.replace(changed, sealed="", data={}, grant_id=None, leaving=False)
        await self.store(changed, "account_disconnected", actor)
        if changed.leaving:
            return changed
        await self.forget(account.grant_id)
        return changed

    async def store(self, account: Account, what: str, actor: tuple[ActorKind, str]) -> None:
        """Store an account over the version that it bears, with the fact of what became of it.

        Raises:
            Conflict: It was changed meanwhile.
        """
        at = self._now()
        cause = derived("account", account.id, what, str(account.version))
        known = self._directory.accounts.get(account.id)
        data = told(what, known, account, actor, self._reconnecting(account, what))
        fact = Event(
            topic=topics.LOGS,
            issuer=SERVICE,
            name="add",
            data=data,
            id=cause,
            tenant=account.tenant,
            key=f"{account.tenant}/account/{account.id}",
            occurred_at=at,
        )
        msgspec.structs.force_setattr(account, "changed_at", at)
        await self._ledger.commit(Work([Step.of([account], [fact])]))
        if known is None or known.version + 1 >= account.version:  # else what is not known yet is found with the rest
            self._directory.put(account)
        self._on_changed()
        log.info(what, account_id=account.id, platform=account.platform, state=account.state)

    def _reconnecting(self, account: Account, what: str) -> dict[str, str]:
        """Where a person connects the account again, if that is what it needs, now or soon."""
        asks = account.state == "reauthorization_required" or what == CONSENT_ENDING
        if not asks or not self.reconnect_url:
            return {}
        return {"reconnect_url": self.reconnect_url.replace("{account_id}", account.id)}


def since_days(days: float | None, now: datetime) -> datetime | None:
    """Return how far back a number of days reaches; None for none."""
    return None if not days else now - timedelta(days=days)
