"""What the tests share: a twin without objects, and a connector that speaks to it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from chorally_meta.auth import GraphAuth
from chorally_meta.consent import FACEBOOK, OwnPage, pages
from chorally_meta.errors import fault
from chorally_meta.sandbox import GraphTwin, Owned
from chorally_meta.settings import GRAPH, MetaApp
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.sandbox import Call, answers
from chorally_sdk.testing import connect


class Probe(sdk.Connector, sdk.Authorizes, sdk.Discovers):
    """A connector with nothing but what Meta's share."""

    manifest = sdk.Manifest(
        platform="probe",
        base_url=GRAPH,
        hosts=("graph.facebook.com",),
        scopes=("pages_show_list",),
        channels=(sdk.Channel(name="probe"),),
        app_settings=MetaApp,
    )

    def auth(self, grant: sdk.Grant) -> GraphAuth:
        """Carry the token and the proof."""
        return GraphAuth.of(self.app, grant)

    def fault(self, answer: Any) -> sdk.ConnectorError | None:
        """Classify an answer."""
        return fault(answer)

    async def check(self) -> sdk.AccountInfo:
        """Name the account."""
        return sdk.AccountInfo(external_id="1", name="")

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give the dialog."""
        return FACEBOOK.consent(self, state, challenge, redirect_uri)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Take the code."""
        return await FACEBOOK.exchanged(self, callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Lengthen."""
        return await FACEBOOK.renewed(self, grant)

    async def accounts(self) -> list[sdk.AccountInfo]:
        """List the pages."""
        return [page.info("MODERATE") for page in await pages(self.http, OwnPage)]


class Numbers(GraphTwin):
    """A platform whose only object is a listing of numbers."""

    @answers("GET", "/{object_id}/numbers")
    async def numbers(self, call: Call) -> Any:
        """List the numbers from 1 to 5."""
        if call.path["object_id"] != self.account.id:
            raise KeyError
        return self.listed(call, range(1, 6), lambda number: number, lambda number: {"id": str(number)})


@pytest.fixture
async def twin() -> AsyncIterator[Numbers]:
    """A platform with two pages."""
    async with Numbers(scopes=["pages_show_list"]) as twin:
        twin.owned.append(Owned("100000000000002", "Second Page", "second-token"))
        yield twin


@pytest.fixture
def probe(twin: Numbers) -> Probe:
    """A connector that speaks to it by the first page's token."""
    return probe_of(twin, sdk.Grant(access=SecretStr("sandbox-token")))


@pytest.fixture(name="probe_of")
def probe_of_fixture() -> Callable[..., Probe]:
    """Makes a connector with the sandbox's app."""
    return probe_of


def probe_of(twin: GraphTwin, grant: sdk.Grant | None, **app: Any) -> Probe:
    """A connector with the sandbox's app."""
    settings = MetaApp(
        client_id=twin.login.oauth.client_id,
        app_secret=SecretStr(app.get("app_secret", twin.courier.app_secret)),
        verify_token=SecretStr(twin.courier.verify_token),
    )
    return connect(Probe, twin.transport(), app_settings=settings, grant=grant, now=twin.clock)
