"""The connector for Trustpilot: service reviews of a business unit (APIs for Businesses, v1, read 2026-11-23)."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import httpx

import chorally_sdk as sdk
from chorally_trustpilot import consent, faults, reading, replying, webhook
from chorally_trustpilot.config import AccountSettings, AppSettings
from chorally_trustpilot.reading import CHANGES
from chorally_trustpilot.shapes import Listing, Unit, read
from chorally_trustpilot.translate import REVIEW, REVIEWS, events_of, review_of

NO_LIMIT = "exempt: Trustpilot documents no longest reply"
NO_PKCE = "exempt: Trustpilot documents no PKCE"


class Trustpilot(
    sdk.Connector, sdk.Authorizes, sdk.Revokes, sdk.Pulls, sdk.Receives, sdk.Fetches, sdk.Prepares, sdk.Replies,
    sdk.Finds, sdk.Moderates, sdk.Sandboxes,
):  # fmt: skip
    """A business unit: its reviews come by webhook and by polling, and each takes one reply."""

    manifest = sdk.Manifest(
        platform="trustpilot",
        title="Trustpilot",
        base_url="https://api.trustpilot.com",
        hosts=("api.trustpilot.com",),
        hooks=sdk.Hooks(scope="account"),
        budgets=(
            sdk.Budget(limit=833, per=timedelta(minutes=5), scope="app"),
            sdk.Budget(limit=10_000, per=timedelta(hours=1), scope="app"),
        ),
        channels=(
            sdk.Channel(
                name=REVIEW,
                id_scope="platform",
                actions={
                    "reply": sdk.Limits(
                        dedupe="lookup",
                        settles=timedelta(minutes=1),
                        options={"tags": "Tags that the review gets: values, or group:value."},
                    ),
                    "edit": sdk.Limits(),
                    "delete": sdk.Limits(),
                },
            ),
        ),
        app_settings=AppSettings,
        account_settings=AccountSettings,
        quality={
            "one-call": "exempt: the call that names a business unit is public and proves no token; the private one "
            "names nothing while there are no reviews",
            "challenge-is-sent": NO_PKCE,
            "verifier-is-sent": NO_PKCE,
            "longest-text": NO_LIMIT,
            "no-shorter-than-needed": NO_LIMIT,
        },
    )

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give Trustpilot's page of consent."""
        return consent.client(self).consent(state, challenge, redirect_uri)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into the person's grant."""
        return await consent.exchanged(self, callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Issue the grant anew, by its refresh token or by the application itself."""
        return await consent.renewed(self, grant)

    async def revoke(self, grant: sdk.Grant) -> None:
        """Give the refresh token back, and with it the access token."""
        await consent.client(self).revoke(grant)

    async def check(self) -> sdk.AccountInfo:
        """Name the business unit, and prove that its private reviews may be read.

        Raises:
            Rejected: The settings name no business unit, or another one than the account.
        """
        unit = await self._unit()
        known = self.account.external_id
        if known and known != unit.id:
            raise sdk.Rejected(
                f"the settings lead to the business unit {unit.id} ({unit.displayName}), the account is {known}; "
                "correct the domain, or connect it as an account of its own"
            )
        answer = await self.http.get(f"/v1/private/business-units/{unit.id}/reviews", params={"perPage": 1})
        read(Listing, answer.content, "the listing of reviews")
        return sdk.AccountInfo(external_id=unit.id, name=unit.displayName or self._settings.domain or unit.id)

    async def _unit(self) -> Unit:
        known, key = self._settings, {"apikey": consent.app_of(self).client_id}
        chosen = known.business_unit_id or ("" if known.domain else self.account.external_id)
        if chosen:
            answer = await self.http.get(f"/v1/business-units/{chosen}", headers=key)
        elif known.domain:
            answer = await self.http.get("/v1/business-units/find", params={"name": known.domain}, headers=key)
        else:
            raise sdk.Rejected("the settings name no business unit; set its domain, such as example.com")
        return read(Unit, answer.content, "the business unit")

    def streams(self) -> Sequence[sdk.Stream]:
        """Say what can be polled: reviews, and unless switched off what became of those of the last days."""
        again = (
            [sdk.Stream(name=CHANGES, every=timedelta(hours=1), history=False)] if self._settings.recheck_days else []
        )
        return [sdk.Stream(name=REVIEWS, every=timedelta(minutes=15)), *again]

    def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield the reviews that are new, or that were changed."""
        unit = self.account.external_id
        if stream == CHANGES:
            window = timedelta(days=self._settings.recheck_days)
            return reading.changes(self.http, unit, cursor, since, self.now(), window)
        return reading.reviews(self.http, unit, cursor, since)

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge a hook by the word in its URL."""
        return webhook.judge(hook, keys)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Say which reviews a hook tells of; none of its content is believed."""
        return webhook.events(hook)

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read the review that a ping names."""
        named = ping.external_id or ""
        return list(events_of(await replying.review(self.http, review_of(named) or named), self.now()))

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Tag the review, where the reply asks for it."""
        return await replying.tag(self.http, outgoing)

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Reply to a review."""
        return await replying.push(self.http, message, self._settings.business_user_id)

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for a reply under its review."""
        return await replying.find(self.http, outgoing)

    async def moderate(self, action: sdk.Action) -> None:
        """Replace or delete our reply."""
        await replying.moderate(self.http, action, self._settings.business_user_id)

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer by the gateway's code or the status."""
        return faults.fault(answer)

    @property
    def _settings(self) -> AccountSettings:
        known = self.account.settings
        return known if isinstance(known, AccountSettings) else AccountSettings()

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a business unit that lives in memory; needs ``chorally-trustpilot[sandbox]``."""
        from chorally_trustpilot.sandbox import Sandbox  # heavy, and of no use in production

        return Sandbox()
