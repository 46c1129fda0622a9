"""Connects a connector without a host: credentials from options and the environment, or its own sandbox."""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from chorally_sdk.cli.consenting import folder, renewing
from chorally_sdk.cli.finding import Found
from chorally_sdk.cli.telling import Told, mistakes
from chorally_sdk.connector.abilities import abilities_of
from chorally_sdk.connector.base import Connector
from chorally_sdk.http.client import Http
from chorally_sdk.http.hosts import LOOPBACK
from chorally_sdk.model.accounts import Account, AccountInfo, App, Grant
from chorally_sdk.oauth.renewing import Live, Renewing
from chorally_sdk.sandbox.levers import Levers
from chorally_sdk.testing.running import Platform

PREFIX = "CHORALLY_SET_"
"""Begins the variables that hold settings: ``CHORALLY_SET_PAGE_ID`` is ``page_id`` of the account or the app."""


@dataclass(frozen=True)
class Access:
    """What a person gives to connect an account."""

    token: str = ""
    account: str = ""
    """``external_id``; asked of the platform where empty."""
    base_url: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    """By name, of the account or of the app."""
    stand_in: Platform | None = None
    """In place of the platform."""
    grants: Path | None = None
    """Where ``auth`` keeps grants; none is looked for where None."""
    name: str = ""
    """Under which one is kept; the platform's where empty."""


@dataclass(frozen=True)
class Connected:
    """A connector for one account, and the stand-in that it talks to, if it does."""

    connector: Connector
    account: Account
    levers: Levers | None


def settings_given(
    options: list[str], file: Path | None, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return settings by name: from the environment, over them a file, over that ``NAME=VALUE``.

    Raises:
        Told: One cannot be read.
    """
    found = {name.removeprefix(PREFIX).lower(): text for name, text in environment.items() if name.startswith(PREFIX)}
    if file is not None:
        try:
            found |= json.loads(file.read_text("utf-8"))
        except (OSError, ValueError, TypeError) as error:
            raise Told(f"{file} is no JSON object of settings: {error}") from error
    for option in options:
        name, equals, text = option.partition("=")
        if not equals:
            raise Told(f"--set {option}: write it as NAME=VALUE")
        found[name] = text
    return found


@asynccontextmanager
async def for_app(found: Found, access: Access) -> AsyncIterator[tuple[Connector, Levers | None]]:
    """Give the connector as it is asked for consent: for the app alone, with the stand-in, if there is one."""
    async with AsyncExitStack() as stack:
        levers = await stack.enter_async_context(access.stand_in()) if access.stand_in else None
        opened = _Opened(found, access, levers)
        stack.push_async_callback(opened.aclose)
        yield opened.made(None, None), levers


@asynccontextmanager
async def keeping(found: Found, access: Access) -> AsyncIterator[Renewing]:
    """Give what keeps the grants of a folder good."""
    opened = _Opened(found, access, None)
    try:
        yield opened.renewing()
    finally:
        await opened.aclose()


@asynccontextmanager
async def connected(found: Found, access: Access) -> AsyncIterator[Connected]:
    """Connect an account, and close what was opened at the end.

    Raises:
        Told: Something is missing; says what to give.
    """
    if access.stand_in is None:
        opened = _Opened(found, access, None)
        try:
            yield await opened.connected()
        finally:
            await opened.aclose()
        return
    async with access.stand_in() as levers:
        opened = _Opened(found, access, levers)
        try:
            yield await opened.connected()
        finally:
            await opened.aclose()


class _Opened:
    _live: Live | None = None

    def __init__(self, found: Found, access: Access, levers: Levers | None) -> None:
        self._found = found
        self._access = access
        self._levers = levers
        self._https: list[Http] = []
        manifest = found.connector.manifest
        if levers is not None:
            known = levers.connection()
            self._settings, app_settings = known.settings, known.app_settings
            self._grant, self._draft = known.grant, Account(id="1", tenant="me", settings=known.settings)
        else:
            unknown = set(access.settings) - _fields(manifest.account_settings) - _fields(manifest.app_settings)
            if unknown:
                known_names = sorted(_fields(manifest.account_settings) | _fields(manifest.app_settings))
                names = ", ".join(known_names) or "none"
                raise Told(f"{found.platform} has no setting {sorted(unknown)[0]!r}; its settings are: {names}")
            self._settings = _model(manifest.account_settings, access.settings, "the account")
            app_settings = _model(manifest.app_settings, _filled(manifest.app_settings, access.settings), "the app")
            self._grant = Grant(access=SecretStr(access.token)) if access.token else None
            self._draft = Account(id="1", tenant="me", external_id=access.account, settings=self._settings)
        self._app = App(id="1", settings=app_settings, accounts=frozenset({access.account}))

    async def connected(self) -> Connected:
        """Ask the platform who the account is."""
        kind = self._found.connector
        able = abilities_of(kind)
        if self._grant is None and self._access.grants is not None and "Authorizes" in able:
            await self._stored()
        if self._grant is None and "Renews" in able and "Authorizes" not in able:
            self._grant = await self.made(None, None).renew(None)  # type: ignore[attr-defined]
        needs_token = ("Authorizes" in able and not _holds_secret(self._settings)) or not kind.manifest.account_settings
        if self._grant is None and needs_token:
            ask = f", by `chorally-connector auth {self._found.platform}`" if "Authorizes" in able else ""
            raise Told(f"there is no token; give one by CHORALLY_TOKEN or --token{ask}, or try --sandbox", status=2)
        info = await self._chosen() if "Discovers" in able and not self._draft.external_id else None
        info = info or await self.made(self._draft, self._grant).check()
        account = self._draft.model_copy(
            update={"external_id": info.external_id, "name": info.name, "data": dict(info.data)}
        )
        return Connected(self.made(account, info.grant or self._grant), account, self._levers)

    def renewing(self) -> Renewing:
        """Return what keeps the grants of the folder good."""
        return renewing(lambda grant: self.made(None, grant), self._access.grants or folder())

    async def _stored(self) -> None:
        """Use the grant that a consent left, renewed where it ends."""
        keeper, name = self.renewing(), self._access.name or self._found.platform
        if await keeper.kept(name) is not None:
            self._live = Live(keeper, name)
            self._grant = await self._live.fresh()

    async def _chosen(self) -> AccountInfo | None:
        if self._levers is not None:
            return None  # its connection says which
        infos = await self.made(None, self._grant).accounts()  # type: ignore[attr-defined]
        if len(infos) == 1:
            return infos[0]  # type: ignore[no-any-return]
        if not infos:
            return None
        raise Told("the token opens several accounts; choose one by --account: " + _listed(infos))

    def made(self, account: Account | None, grant: Grant | None) -> Connector:
        """Return the connector for an account, or for the app alone."""
        manifest = self._found.connector.manifest
        transport, now = None, _now
        if self._levers is not None:
            transport = self._levers.transport() if "transport" in self._levers.offered() else None
            now = self._levers.clock
        http = Http(
            base_url=self._access.base_url or manifest.base_url,
            hosts=manifest.hosts,
            grant=grant,
            grants=self._live if account is not None and grant is self._grant else None,
            transport=transport,
            private=LOOPBACK if self._levers is not None or _is_local(self._access.base_url) else (),
        )
        self._https.append(http)
        return self._found.connector(self._app, http, account, now=now, token=_token(grant))

    async def aclose(self) -> None:
        """Close the connections."""
        for http in self._https:
            await http.aclose()


def _now() -> datetime:
    return datetime.now(UTC)


def _token(grant: Grant | None) -> Callable[[], Any] | None:
    if grant is None:
        return None

    async def token() -> SecretStr:
        return grant.access

    return token


def _holds_secret(settings: Any) -> bool:
    """Whether the account may sign in by its settings, as a mailbox does by its password."""
    values = vars(settings).values() if settings is not None else ()
    return any(isinstance(value, SecretStr) and value.get_secret_value() for value in values)


def _fields(model: type[BaseModel] | None) -> set[str]:
    return set(model.model_fields) if model else set()


def _filled(model: type[BaseModel] | None, given: Mapping[str, str]) -> Mapping[str, str]:
    """Leave empty, and say so, what the app lacks: few calls need all of it, and never the secrets of webhooks."""
    required = [name for name, field in (model.model_fields if model else {}).items() if field.is_required()]
    missing = sorted(set(required) - set(given))
    if missing:
        sys.stderr.write(f"not given, and left empty: {', '.join(missing)} (by {PREFIX}NAME or --set NAME=VALUE)\n")
    return {**dict.fromkeys(missing, ""), **given}


def _model(model: type[BaseModel] | None, given: Mapping[str, str], whose: str) -> BaseModel | None:
    if model is None:
        return None
    try:
        return model.model_validate({name: value for name, value in given.items() if name in model.model_fields})
    except ValidationError as error:
        raise Told(
            f"the settings of {whose} are not right:\n{mistakes(error)}\n"
            f"give each by {PREFIX}NAME (the name in capitals), --set NAME=VALUE, or --settings FILE; or try --sandbox"
        ) from error


def _is_local(base_url: str) -> bool:
    return httpx.URL(base_url).host in {"127.0.0.1", "localhost", "::1"} if base_url else False


def _listed(infos: Any) -> str:
    return ", ".join(f"{info.external_id} ({info.name})" for info in infos)
