"""The texts that a platform has approved for an account: asked for, and remembered with their age."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.events.records import Templated
from chorally_core.ports.documents import Conflict, Document
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.model import Account

log = structlog.get_logger(__name__)

FRESH = timedelta(minutes=15)
"""How long a list is given without asking the platform again."""


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One approved text."""

    name: str
    language: str = ""
    text: str = ""
    values: tuple[str, ...] = ()
    """Names of its placeholders, in their order."""


class TemplateList(Document, frozen=True, kw_only=True):
    """What the platform last said; under the account's id."""

    kind = "template_list"

    fetched_at: datetime
    templates: tuple[Offered, ...] = ()

    def mistake_in(self, wanted: Templated) -> str:
        """Say why a template cannot be sent as it is wanted, as far as the list tells; empty where it can."""
        same = [offered for offered in self.templates if offered.name == wanted.name]
        if not same:
            return f"there is no template {wanted.name!r}; ask for the list again if it is new"
        if wanted.language or len(same) > 1:
            languages = ", ".join(offered.language for offered in same)
            same = [offered for offered in same if offered.language == wanted.language]
            if not same:
                return f"the template {wanted.name!r} is there in {languages}; name one of them"
        names = same[0].values
        if len(names) != len(wanted.values):
            listed = f" ({', '.join(names)})" if names else ""
            return f"the template takes {len(names)} values{listed}, there are {len(wanted.values)}"
        return ""


class Templates:
    """Lists the templates of accounts."""

    def __init__(
        self, ledger: Ledger, directory: Directory, *, now: Callable[[], datetime], call_s: float = 60.0
    ) -> None:
        """Prepare to ask.

        Args:
            ledger: Where lists are remembered.
            directory: Makes the connectors.
            now: The clock.
            call_s: Seconds that a platform has to answer.
        """
        self._ledger = ledger
        self._directory = directory
        self._now = now
        self._call_s = call_s

    async def of(self, account: Account, *, not_older: timedelta = FRESH) -> TemplateList:
        """Return the account's templates; those known where the platform cannot be asked now.

        Args:
            account: Whose they are.
            not_older: How old the list may be.

        Raises:
            Unsupported: The platform has none.
            ConnectorError: The platform cannot be asked, and was never asked before.
        """
        connector = self._directory.connector(account)
        if not isinstance(connector, sdk.OffersTemplates):
            raise sdk.Unsupported(f"{account.platform} has no templates")
        known = await self._ledger.documents.get(TemplateList, account.id)
        if known is not None and self._now() - known.fetched_at <= not_older:
            return known
        try:
            async with asyncio.timeout(self._call_s):
                found = await connector.templates()
        except (sdk.RetryLater, TimeoutError) as error:
            if known is None:
                raise error if isinstance(error, sdk.RetryLater) else sdk.RetryLater("no answer") from error
            log.warning("templates could not be read again", account_id=account.id, error=str(error))
            return known
        fresh = TemplateList(
            id=account.id, tenant=account.tenant, version=known.version if known else 0, fetched_at=self._now(),
            templates=tuple(Offered(name=t.name, language=t.language, text=t.text, values=t.values) for t in found),
        )  # fmt: skip
        try:
            await self._ledger.commit(Work([Step.of([fresh])]))
        except Conflict:
            log.debug("templates were read by somebody else meanwhile", account_id=account.id)
        return fresh
