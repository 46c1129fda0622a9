"""Consents: a person is sent to the platform, comes back once, and chooses which accounts to connect.

What is kept of one while the person is away holds for fifteen minutes and works once; the verifier and what the
connector wants back are sealed, and of the state only a digest is stored. One that was begun in a browser is taken from
that browser alone: it has a cookie which nobody else can have (RFC 9700, section 4.7).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
import structlog
from pydantic import SecretStr, ValidationError

import chorally_sdk as sdk
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.documents import Condition, Conflict, Document, Documents, Query, Write
from chorally_core.ports.refused import Refused
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.accounts import Accounts
from chorally_core.services.io.browsers import Cookie
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.grants import GrantRecord
from chorally_core.services.io.model import Account
from chorally_core.services.io.renewal import Renewal
from chorally_sdk.oauth import challenge_of, new_verifier

log = structlog.get_logger(__name__)

LASTS = timedelta(minutes=15)
"""How long a person may take at the platform."""
CHOOSES = timedelta(hours=24)
"""How long what a consent gave waits for the choice; then it is forgotten."""
_SHOWN = 300

State = Literal["waiting", "exchanging", "done", "failed"]


class Found(msgspec.Struct, frozen=True):
    """An account that a consent opens."""

    external_id: str
    name: str
    missing_scopes: tuple[str, ...] = ()


class Authorization(Document, frozen=True, kw_only=True):
    """One consent that was asked for."""

    kind = "authorization"
    unique = ("digest",)
    sparse = ("forgotten_at",)

    platform: str
    app_id: str | None = None
    account_id: str | None = None
    """The account that is to be connected again."""
    person: str
    """Who asked, and alone may choose."""
    digest: str | None
    """Of the state; None once it has come back."""
    bound: bool = False
    """Whether it is taken from the browser alone in which it was begun."""
    sealed: str = ""
    redirect_uri: str
    return_url: str = ""
    state: State = "waiting"
    reason: str = ""
    grant_id: str | None = None
    found: tuple[Found, ...] = ()
    created_at: datetime
    expires_at: datetime
    forgotten_at: datetime | None = None


class Begun(NamedTuple):
    """A consent that was asked for, and the page to which the person goes."""

    authorization: Authorization
    url: str
    cookie: Cookie | None = None
    """What the browser must keep, where it was begun in one."""


class Choice(NamedTuple):
    """One account to connect, and how."""

    external_id: str
    name: str = ""
    settings: Mapping[str, Any] = {}
    since: datetime | None = None
    ticket_per: str = "author"
    silence_s: int | None = None


class Authorizations:
    """Asks for consents and takes them."""

    def __init__(
        self,
        documents: Documents,
        vault: Vault,
        directory: Directory,
        accounts: Accounts,
        renewal: Renewal,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        public_url: str = "",
        return_urls: tuple[str, ...] = (),
    ) -> None:
        """Prepare to ask.

        Args:
            documents: Where they are kept.
            vault: Seals what must come back to the connector.
            directory: Knows connectors, apps and accounts.
            accounts: Connects what is chosen.
            renewal: Keeps the grants.
            now: The clock.
            new_id: Gives unguessable ids.
            public_url: The system's address as browsers and platforms know it; without it each request's own counts.
            return_urls: Beginnings of URLs to which people may be sent back; this machine's own always may.
        """
        self._documents = documents
        self._vault = vault
        self._directory = directory
        self._accounts = accounts
        self._renewal = renewal
        self._now = now
        self._new_id = new_id
        self.public_url = public_url.rstrip("/")
        self._return_urls = return_urls

    async def begin(
        self,
        authorization_id: str,
        *,
        tenant: str,
        person: str,
        platform: str,
        app_id: str | None = None,
        account_id: str | None = None,
        hint: str = "",
        return_url: str = "",
        base_url: str = "",
        in_browser: bool = False,
    ) -> Begun:
        """Ask a connector for its page of consent.

        Raises:
            Refused: The connector asks nobody, there is no app, or the return URL is not allowed.
            ConnectorError: The platform refused, or could not be reached.
        """
        connector = self._directory.connectors.get(platform)
        if connector is None or not issubclass(connector, sdk.Authorizes):
            why = f"the connector {platform!r} asks no person for consent; give the account's credentials"
            raise Refused("invalid", "no-consent", why, field="connector")
        if return_url and not self._may_return(return_url):
            why = "is not allowed; the operator names the allowed ones (CHORALLY_RETURN_URLS)"
            raise Refused("invalid", "return-url", why, field="return_url")
        app = self._directory.app_of(platform, app_id, tenant)
        if app is None and connector.manifest.app_settings is not None:
            why = f"there is no app of {platform}; add one with POST /io/v1/apps"
            raise Refused("invalid", "no-app", why, field="app_id")
        state, verifier = self._new_id() + self._new_id(), new_verifier()
        redirect_uri = f"{self.public_url or base_url.rstrip('/')}/{platform}/v1/callback"
        async with self._renewal.connector(platform, app_id, tenant) as asking:
            assert isinstance(asking, sdk.Authorizes)  # noqa: S101 - its class was looked at above
            consent = await asking.authorize(state, challenge_of(verifier), redirect_uri, hint)
        kept = {name: value.get_secret_value() for name, value in consent.keep.items()}
        now = self._now()
        asked = Authorization(
            id=authorization_id, tenant=tenant, version=1, platform=platform, app_id=app.id if app else None,
            account_id=account_id, person=person, digest=_digest(state),
            sealed=self._vault.seal({"verifier": verifier.get_secret_value(), "keep": kept}),
            redirect_uri=redirect_uri, return_url=return_url, created_at=now, expires_at=now + LASTS,
            forgotten_at=now + CHOOSES, bound=in_browser,
        )  # fmt: skip
        await self._documents.write([Write(asked, 0)])
        return Begun(asked, consent.url, Cookie.of(state, redirect_uri) if in_browser else None)

    async def take(
        self, platform: str, params: Mapping[str, str], cookies: Mapping[str, str] | None = None
    ) -> Authorization | None:
        """Take what came back from the platform's page, once; None where nothing was asked so, or not any more.

        Raises:
            Refused: It came back in another browser than it was begun in; in the right one it still can.
        """
        asked = await self._documents.get(Authorization, _digest(params.get("state", "")), "digest")
        if asked is None or asked.platform != platform or asked.expires_at <= self._now():
            return None
        if asked.bound and not Cookie.of(params["state"], asked.redirect_uri).is_among(cookies or {}):
            raise Refused(
                "invalid", "other-browser", "it was begun in another browser; go on there, or start again here"
            )
        kept = self._vault.open(asked.sealed)
        try:
            asked = await self._store(asked, digest=None, sealed="", state="exchanging")
        except Conflict:
            return None
        if "error" in params:
            told = params.get("error_description") or params["error"]
            return await self._store(asked, state="failed", reason=f"the platform says: {_plain(told)}")
        try:
            return await self._exchanged(asked, params, kept)
        except sdk.ConnectorError as error:
            why = str(error)[:1000]
        except Exception as error:
            log.error("a consent could not be taken", platform=platform, exc_info=error)
            why = "something went wrong here; start again"
        failed = await self._store(asked, state="failed", reason=why)
        await self._renewal.remove_unused(_grant_of(asked))
        return failed

    async def _exchanged(
        self, asked: Authorization, params: Mapping[str, str], kept: Mapping[str, Any]
    ) -> Authorization:
        callback = sdk.Callback(
            params={name: value for name, value in params.items() if name != "state"},
            verifier=SecretStr(kept["verifier"]),
            redirect_uri=asked.redirect_uri,
            keep={name: SecretStr(value) for name, value in kept["keep"].items()},
        )
        async with self._renewal.connector(asked.platform, asked.app_id, asked.tenant) as connector:
            assert isinstance(connector, sdk.Authorizes)  # noqa: S101 - nothing else is asked
            grant = await connector.exchange(callback)
        record = GrantRecord(
            id=_grant_of(asked), tenant=asked.tenant, platform=asked.platform, app_id=asked.app_id,
            created_at=self._now(), consented=True,
        )  # fmt: skip
        await self._renewal.put(record, grant)
        infos = await self._infos(asked, record)
        found = tuple(Found(i.external_id, i.name, tuple(sorted(i.missing_scopes))) for i in infos)
        done = await self._store(asked, state="done", grant_id=record.id, found=found)
        if asked.account_id is not None:
            try:
                await self._again(done, asked.account_id, infos)
            except (ValueError, sdk.ConnectorError) as error:
                return await self._store(done, reason=f"the account was not connected again: {error}"[:1000])
        return done

    async def _infos(self, asked: Authorization, record: GrantRecord) -> list[sdk.AccountInfo]:
        """What the consent opens: a list, or the one account that it is for."""
        if issubclass(self._directory.connectors[asked.platform], sdk.Discovers):
            return list(await self._renewal.listed(record))
        now = self._now()
        draft = Account(
            id=derived("draft", asked.id), tenant=asked.tenant, platform=asked.platform, name="", app_id=asked.app_id,
            hook_token="", created_at=now, connected_at=now, grant_id=record.id,
        )  # fmt: skip
        try:
            connector = self._directory.draft(draft)
        except ValidationError:  # its settings are not known before the choice
            return [sdk.AccountInfo(external_id="", name=asked.platform)]
        try:
            return [await connector.check()]
        finally:
            await connector.http.aclose()

    async def choose(
        self, asked: Authorization, choices: list[Choice], actor: tuple[ActorKind, str]
    ) -> list[tuple[Choice, Account | Exception]]:
        """Connect the accounts that a person chose, each by itself; one that is there already is connected again.

        Raises:
            Refused: The consent gave nothing, or an account that it does not open was chosen.
            ConnectorError: The platform does not list the accounts now.
        """
        record = await self._renewal.grants.record(asked.grant_id or "")
        if asked.state != "done" or record is None:
            raise Refused("conflict", "no-grant", "this authorization gave nothing to choose from; start a new one")
        unknown = {choice.external_id for choice in choices} - {found.external_id for found in asked.found}
        if unknown:
            why = f"the consent does not give {', '.join(sorted(unknown))}"
            raise Refused("invalid", "unknown-choice", why, field="accounts")
        infos = {info.external_id: info for info in await self._infos(asked, record)}
        made: list[tuple[Choice, Account | Exception]] = []
        for choice in choices:
            try:
                info = infos.get(choice.external_id)
                if info is None:
                    raise sdk.Rejected("the platform does not list this account any more", reason=sdk.Reason.GONE)
                made.append((choice, await self._connected(asked, record, info, choice, actor)))
            except (sdk.ConnectorError, ValueError, LookupError) as error:
                made.append((choice, error))
        return made

    async def _connected(
        self, asked: Authorization, consent: GrantRecord, info: sdk.AccountInfo, choice: Choice,
        actor: tuple[ActorKind, str], there: Account | None = None,
    ) -> Account:  # fmt: skip
        grant_id = await self._own(consent, info)
        try:
            there = there or self._there(asked.tenant, asked.platform, info.external_id)
            if there is not None:
                return await self._accounts.regrant(there, grant_id, actor=actor)
            return await self._accounts.connect(
                account_id=derived("account", asked.id, info.external_id), tenant=asked.tenant,
                platform=asked.platform, name=choice.name or info.name, settings=choice.settings, credentials={},
                since=choice.since, app_id=asked.app_id, grant_id=grant_id, ticket_per=choice.ticket_per,
                silence_s=choice.silence_s, actor=actor,
            )  # fmt: skip
        finally:
            if grant_id != consent.id:
                await self._renewal.remove_unused_child(grant_id)

    async def _own(self, consent: GrantRecord, info: sdk.AccountInfo) -> str:
        """The id of the grant that an account uses: its own where the platform gives it one, else the consent's."""
        if info.grant is None:
            return consent.id
        record = GrantRecord(
            id=derived("grant", consent.id, info.external_id), tenant=consent.tenant, platform=consent.platform,
            app_id=consent.app_id, parent=consent.id, external_id=info.external_id, created_at=self._now(),
        )  # fmt: skip
        await self._renewal.put(record, info.grant)
        return record.id

    async def _again(self, done: Authorization, account_id: str, infos: list[sdk.AccountInfo]) -> None:
        """Connect an account again, and with it those that had lost the same consent."""
        asked = self._directory.accounts.get(account_id)
        record = await self._renewal.grants.record(done.grant_id or "")
        if asked is None or record is None or asked.tenant != done.tenant:
            raise ValueError("there is no such account")
        lost = {
            a.external_id
            for a in self._directory.accounts.values()
            if (a.tenant, a.platform, a.state) == (done.tenant, done.platform, "reauthorization_required")
        }
        by_id = {info.external_id: info for info in infos}
        if asked.external_id not in by_id:
            raise ValueError(f"the consent does not give {asked.external_name or asked.external_id!r}")
        actor: tuple[ActorKind, str] = ("agent", done.person)
        first = by_id[asked.external_id]
        await self._connected(done, record, first, Choice(first.external_id), actor, asked)
        for external_id in sorted((lost & by_id.keys()) - {asked.external_id}):
            await self._connected(done, record, by_id[external_id], Choice(external_id), actor)

    def _there(self, tenant: str, platform: str, external_id: str) -> Account | None:
        """The tenant's account that the platform calls so, if there is one; an ended one is not looked for."""
        found = self._directory.called(platform, external_id, None)
        return next((account for account in found if account.tenant == tenant), None)

    async def get(self, authorization_id: str, tenant: str, person: str) -> Authorization | None:
        """Return a consent to the person who asked for it."""
        asked = await self._documents.get(Authorization, authorization_id)
        return asked if asked is not None and (asked.tenant, asked.person) == (tenant, person) else None

    async def sweep(self, most: int = 200) -> int:
        """Forget consents that nobody chose from in time, and the grants of those that no account uses."""
        old = (Condition("forgotten_at", "<=", self._now()),)
        found: list[Authorization] = await self._documents.find(Query(Authorization, None, old, limit=most))
        for asked in found:
            await self._renewal.remove_unused(asked.grant_id)
        return await self._documents.delete(Authorization, [asked.id for asked in found])

    async def _store(self, asked: Authorization, **changes: Any) -> Authorization:
        changed = msgspec.structs.replace(asked, version=asked.version + 1, **changes)
        await self._documents.write([Write(changed, asked.version)])
        return changed

    def _may_return(self, url: str) -> bool:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1") and not parts.username:
            return True
        if parts.scheme != "https" or not parts.hostname or parts.username:
            return False
        return any(_begins(url, allowed) for allowed in self._return_urls)


def _begins(url: str, allowed: str) -> bool:
    """Whether a URL lies at or below an allowed one: the same origin, and a path that goes on after a slash."""
    asked, given = urlsplit(url), urlsplit(allowed)
    if (asked.scheme, asked.netloc.lower()) != (given.scheme, given.netloc.lower()) or ".." in asked.path:
        return False
    path = given.path.rstrip("/")
    return asked.path.rstrip("/") == path or asked.path.startswith(f"{path}/")


def _grant_of(asked: Authorization) -> str:
    return derived("grant", asked.id)


def _digest(state: str) -> str:
    return blake2b(state.encode(errors="replace"), digest_size=24).hexdigest()


def _plain(text: str) -> str:
    """A platform's words on one line, without what no person reads."""
    return "".join(c if c.isprintable() else " " for c in text)[:_SHOWN]
