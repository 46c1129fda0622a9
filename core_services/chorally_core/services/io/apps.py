"""Developer apps: an installation's own, and a tenant's."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

import chorally_sdk as sdk
from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.audit import audited
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.refused import Refused
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.fitting import Unfit, check_storable, mistakes, secret_fields
from chorally_core.services.io.inbound import SERVICE
from chorally_core.services.io.model import App, RemovedApp
from chorally_core.services.io.upgrading import app_of_today


class Apps:
    """Changes developer apps."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        vault: Vault,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        on_changed: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to change them, and what speaks through them.

        Args:
            ledger: Where they become durable.
            directory: Has them at hand.
            vault: Seals their secrets.
            now: The clock.
            new_id: Gives unguessable ids.
            on_changed: Tells other processes that something was stored.
        """
        self._ledger = ledger
        self._directory = directory
        self._vault = vault
        self._now = now
        self._new_id = new_id
        self._on_changed = on_changed

    async def add_app(
        self,
        tenant: str,
        platform: str,
        name: str,
        settings: Mapping[str, Any],
        app_id: str,
        actor: tuple[ActorKind, str] = ("service", ""),
    ) -> App:
        """Store a developer app; its secret settings are sealed. A setting may be a list of two live secrets.

        Raises:
            LookupError: No such connector.
            Unfit: The settings do not fit.
        """
        connector = self._connector(platform)
        model = connector.manifest.app_settings
        if model is None:
            raise Unfit([("/settings", f"{platform} needs no app")])
        hidden = self._fitting(model, settings)
        app = App(
            id=app_id,
            tenant=tenant,
            platform=platform,
            name=name,
            settings={k: v for k, v in settings.items() if k not in hidden},
            settings_version=connector.manifest.settings_version,
            sealed=self._vault.seal({k: v for k, v in settings.items() if k in hidden}),
            hook_token=self._new_id(),
            created_at=self._now(),
            changed_at=self._now(),
        )
        fact = self._app_fact("app_added", None, app, actor, sorted(hidden & settings.keys()))
        await self._ledger.commit(Work([Step.of([app], [fact])]))
        self._directory.put_app(app)
        self._on_changed()
        return app

    async def change_app(
        self,
        app: App,
        *,
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        keep_previous: bool = False,
        actor: tuple[ActorKind, str] = ("service", ""),
    ) -> App:
        """Store an app's new name or settings; what is not given stays.

        Args:
            app: The app as it is stored.
            name: Shown to people.
            settings: What to change; a secret may be a list of two that are both live.
            keep_previous: Whether the secrets given join those before them instead of taking their place.
            actor: Who changes it.

        Raises:
            LookupError: No such connector.
            Unfit: The settings do not fit.
        """
        connector = self._connector(app.platform)
        app = app_of_today(app, connector, self._vault)
        model = connector.manifest.app_settings
        opened = self._vault.open(app.sealed) if app.sealed else {}
        given = dict(settings or {})
        hidden = secret_fields(model)
        if keep_previous:
            for field in given.keys() & hidden & opened.keys():
                given[field] = [*_live(given[field]), *_live(opened[field])][:2]
        merged = {**app.settings, **opened, **given}
        if model is not None:
            self._fitting(model, merged)
        changed_secrets = [name for name in sorted(hidden) if merged.get(name) != opened.get(name)]
        changed = msgspec.structs.replace(
            app,
            name=app.name if name is None else name,
            settings={k: v for k, v in merged.items() if k not in hidden},
            sealed=self._vault.seal({k: v for k, v in merged.items() if k in hidden}),
            changed_at=self._now(),
        )
        fact = self._app_fact("app_changed", app, changed, actor, changed_secrets)
        await self._ledger.commit(Work([Step.of([changed], [fact])]))
        self._directory.put_app(changed)
        self._on_changed()
        return changed

    @staticmethod
    def _fitting(model: type[BaseModel], settings: Mapping[str, Any]) -> frozenset[str]:
        """Refuse settings that do not fit; return the names of the secret ones."""
        check_storable(settings=settings)
        hidden = secret_fields(model)
        single = {k: _live(v)[0] if k in hidden and _live(v) else v for k, v in settings.items()}
        try:
            model.model_validate(single)
        except ValidationError as error:
            raise Unfit(mistakes(error, "/settings")) from None
        many = [(f"/settings/{k}", "may be two at most") for k in sorted(hidden) if len(_live(settings.get(k))) > 2]
        if many:
            raise Unfit(many)
        return hidden

    async def remove_app(self, app: App, actor: tuple[ActorKind, str] = ("service", "")) -> None:
        """Forget a developer app and its secrets; its webhook URL is no longer answered.

        Raises:
            Refused: A connected account speaks through it.
        """
        for account in self._directory.accounts.values():
            if account.platform != app.platform or (account.state == "disconnected" and not account.leaving):
                continue
            spoken = self._directory.app_for(account)
            if spoken is not None and spoken.id == app.id:
                why = f"the account {account.id} speaks through this app; disconnect it first"
                raise Refused("conflict", "app-in-use", why)
        fact = self._app_fact("app_removed", app, None, actor, [])
        left = RemovedApp(id=app.id, tenant=app.tenant, changed_at=self._now())
        await self._ledger.commit(Work([Step.of([left], [fact], [app])]))
        self._directory.drop_app(app.id)
        self._on_changed()

    def _app_fact(
        self, what: str, before: App | None, after: App | None, actor: tuple[ActorKind, str], secrets: list[str]
    ) -> Event[LogAdd]:
        app = after or before
        if app is None:
            raise ValueError("nothing was there, and nothing is")
        data = LogAdd(
            kind=what,
            subject_type="app",
            subject_id=app.id,
            version=app.version + 1,
            actor_kind=actor[0],
            actor_id=actor[1],
            snapshot={"name": app.name, "platform": app.platform},
        )
        return Event(
            topic=topics.LOGS,
            issuer=SERVICE,
            name="add",
            data=audited(data, _plain(before), _plain(after), secrets=[f"settings.{name}" for name in secrets]),
            id=derived(what, app.id, str(app.version)),
            tenant=app.tenant,
            key=f"{app.tenant}/app/{app.id}",
            occurred_at=self._now(),
        )

    def _connector(self, platform: str) -> type[sdk.Connector]:
        connector = self._directory.connectors.get(platform)
        if connector is None:
            known = ", ".join(sorted(self._directory.connectors)) or "none"
            raise LookupError(f"no connector {platform!r} is installed; installed are {known}")
        return connector


def _plain(app: App | None) -> dict[str, Any] | None:
    """What of an app is no secret."""
    return None if app is None else {"name": app.name, "platform": app.platform, "settings": app.settings}


def _live(value: Any) -> list[Any]:
    """The live values of a secret, which may be one or a list of them."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
