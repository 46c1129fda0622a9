"""Accounts are subscribed to webhooks by the host, which renews, heals and ends what it asked for."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from chorally_core.ports.documents import Write
from chorally_core.services.io import subscription
from chorally_core.services.io.model import Nudge
from chorally_core.services.io.subscription import SLOW_ROUND, SubscriptionRecord

import chorally_sdk as sdk
from tests.support.beacon import PUBLIC, Beacon, ForApps
from tests.support.harbour import Harbour, a_harbour
from tests.support.hooks import SECRET

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


class Quiet(Beacon):
    """Nothing is pulled."""

    def streams(self) -> list[sdk.Stream]:
        """None."""
        return []


def files_with(folder: Path, content: bytes) -> list[Path]:
    """Return the files of a folder that contain something."""
    return [file for file in folder.rglob("*") if file.is_file() and content in file.read_bytes()]


@pytest.fixture
async def harbour(tmp_path: Path, in_order: bool) -> AsyncIterator[Harbour]:
    """A core whose platform calls the URL of each account."""
    async with a_harbour(tmp_path, Beacon, in_order=in_order) as harbour:
        yield harbour


@pytest.fixture
async def apps(tmp_path: Path, in_order: bool) -> AsyncIterator[Harbour]:
    """A core whose platform calls one URL of the app; no app is set up yet."""
    async with a_harbour(tmp_path, ForApps, in_order=in_order) as harbour:
        yield harbour


async def test_an_account_that_is_connected_is_subscribed_under_a_secret_of_its_own(harbour: Harbour) -> None:
    """The platform tests the URL meanwhile; what comes later is proven by the same secret."""
    account = await harbour.connect()
    held = harbour.platform.held["sub-wall-1"]
    assert held["callback"] == f"{PUBLIC}/beacon/v1/webhook/{account.hook_token}"
    assert len(held["secret"]) == 64
    record = await harbour.record()
    assert record is not None
    assert (record.external_id, record.expires_at, record.data) == ("sub-wall-1", held["ends"], {"n": 1})
    assert (record.failures, (await harbour.account()).state) == (0, "connected")

    assert await harbour.receive(NOTE) == "accept"
    assert [message.body for message in await harbour.world.messages()] == ["hello"]
    forged = harbour.platform.hook(NOTE)[1].model_copy(update={"body": b'{"items": []}'})
    assert (await harbour.world.io.journal.receive("beacon", account.hook_token, forged)).kind == "reject"


async def test_the_secret_lies_sealed(harbour: Harbour, tmp_path: Path) -> None:
    """Whoever reads the data folder cannot forge webhooks."""
    await harbour.connect()
    secret = harbour.platform.held["sub-wall-1"]["secret"].encode()
    await harbour.world.close()
    harbour.world.killed = True
    assert files_with(tmp_path, secret) == []


async def test_a_platform_that_repeats_what_it_refuses_tells_nobody_the_secret(harbour: Harbour) -> None:
    """Nor the part of the URL that cannot be guessed: not in the reason, in health, in facts or in what is stored."""
    harbour.platform.fates = ["repeats"]
    await harbour.connect()
    account, record = await harbour.account(), await harbour.record()
    assert record is not None
    secret = (await harbour.world.io.tending.subscribing._secrets.of(account)).get_secret_value()
    assert "the platform answered 400" in account.reason
    told = [event.data for event in await harbour.world.published("logs")]
    for where in (account.reason, record.error, record.trouble, await harbour.last_error(), str(told)):
        assert secret not in where
        assert account.hook_token not in where


async def test_an_app_has_one_secret_for_all_its_accounts(apps: Harbour) -> None:
    """Its URL is the app's, and so is what webhooks are proven by."""
    apps.platform.names["other"] = "wall-2"
    app = await apps.world.app("beacon", {"secret": SECRET})
    await apps.connect()
    await apps.connect("globex", "other")
    held = list(apps.platform.held.values())
    assert {each["callback"] for each in held} == {f"{PUBLIC}/beacon/v1/webhook"}
    assert len({each["secret"] for each in held}) == 1
    await apps.world.io.accounts.change_app(apps.world.io.directory.apps[app.id], name="another name")
    assert await apps.receive({**NOTE, "wall": "wall-2"}, key="sub-wall-2") == "accept"
    assert [message.tenant for message in await apps.world.messages()] == ["globex"]


async def test_without_an_app_the_account_says_so(apps: Harbour) -> None:
    """And is subscribed once there is one and somebody checks the account."""
    await apps.connect()
    account = await apps.account()
    assert (account.state, account.reason) == (
        "degraded", "webhooks do not come: there is no app of beacon; add one with POST /io/v1/apps",
    )  # fmt: skip
    await apps.world.app("beacon", {"secret": SECRET})
    account, _ = await apps.world.io.accounts.check(account)
    assert account.state == "degraded"
    await apps.subscribing.again(account)
    await apps.tend()
    account = await apps.account()
    assert (account.state, account.reason, list(apps.platform.held)) == ("connected", "", ["sub-wall-1"])


async def test_where_the_public_address_is_not_known_the_account_names_the_setting(harbour: Harbour) -> None:
    """No platform is asked to call nowhere."""
    harbour.subscribing._public_url = ""
    await harbour.connect()
    account = await harbour.account()
    assert account.state == "degraded"
    assert "CHORALLY_PUBLIC_URL" in account.reason
    assert "CHORALLY_PUBLIC_URL" in await harbour.last_error()
    assert harbour.platform.asked == []


async def test_without_an_address_an_app_whose_url_is_set_by_hand_is_subscribed_all_the_same(apps: Harbour) -> None:
    """The platform need not be told it; one that wants it refuses, and then the setting is named."""
    apps.subscribing._public_url = ""
    apps.platform.doors = None
    await apps.world.app("beacon", {"secret": SECRET})
    await apps.connect()
    assert apps.platform.held["sub-wall-1"]["callback"] == "/beacon/v1/webhook"
    assert (await apps.account()).state == "connected"
    apps.platform.fates = ["400"]
    await apps.tend(hours=20)
    account = await apps.account()
    assert account.state == "degraded"
    assert "CHORALLY_PUBLIC_URL" in account.reason


async def test_a_changed_public_address_is_told_to_the_platform(harbour: Harbour) -> None:
    """As soon as the account is served under it."""
    account = await harbour.connect()
    harbour.subscribing._public_url = "https://new.example"
    harbour.subscribing.begin(account)
    await harbour.tend()
    assert harbour.platform.held["sub-wall-1"]["callback"].startswith("https://new.example/beacon")
    assert harbour.platform.asked == [None, "sub-wall-1"]


async def test_a_subscription_is_renewed_before_it_ends_under_the_same_secret(harbour: Harbour) -> None:
    """Not too early either: between half and three quarters of its life, or of a day."""
    harbour.platform.life = timedelta(hours=2)
    await harbour.connect()
    secret = harbour.platform.held["sub-wall-1"]["secret"]
    await harbour.tend(minutes=59)
    assert harbour.platform.asked == [None]
    await harbour.tend(minutes=32)
    assert harbour.platform.asked == [None, "sub-wall-1"]
    assert harbour.platform.held["sub-wall-1"]["secret"] == secret
    assert harbour.platform.held["sub-wall-1"]["ends"] > harbour.world.clock.at + timedelta(minutes=110)


async def test_a_subscription_without_an_end_is_looked_at_once_a_day(harbour: Harbour) -> None:
    """Platforms drop them without a word."""
    harbour.platform.life = None
    await harbour.connect()
    harbour.platform.held.clear()
    await harbour.tend(hours=24)
    assert list(harbour.platform.held) == ["sub-wall-1"]


@pytest.mark.parametrize("life", [timedelta(minutes=10), timedelta(days=3), None])
def test_renewals_of_many_accounts_are_spread(life: timedelta | None) -> None:
    """The share that each draws tells when, always before the end."""
    now = datetime.fromisoformat("2026-11-23T09:00:00+00:00")
    record = SubscriptionRecord(id="a", tenant="t", platform="p", place="p/")
    given = sdk.Subscription(external_id="s", expires_at=now + life if life else None)
    first, last = (subscription.made(record, given, "", now, share).next_at for share in (0.0, 1.0))
    within = min(life or SLOW_ROUND, SLOW_ROUND)
    assert first is not None
    assert last is not None
    assert (first - now, last - now) == (within * 0.5, within * 0.75)


async def test_killed_between_the_answer_and_the_store_it_is_asked_again_under_the_same_secret(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform holds one subscription, and its webhooks are taken."""
    commit = harbour.world.ledger.commit

    async def dies(work: Any) -> None:
        documents = [write.document for step in work.steps for write in step.writes]
        if any(isinstance(document, SubscriptionRecord) and document.external_id for document in documents):
            raise RuntimeError("killed")
        await commit(work)

    with monkeypatch.context() as patch:
        patch.setattr(harbour.world.ledger, "commit", dies)
        await harbour.connect()
        asked = len(harbour.platform.asked)
    secret = harbour.platform.held["sub-wall-1"]["secret"]
    await harbour.tend()
    assert asked >= 1
    assert set(harbour.platform.asked) == {None}
    assert harbour.platform.held["sub-wall-1"]["secret"] == secret
    record = await harbour.record()
    assert record is not None
    assert (record.external_id, record.doing) == ("sub-wall-1", None)


async def test_a_lost_answer_is_asked_for_again(harbour: Harbour) -> None:
    """Within seconds, and nobody is alarmed."""
    harbour.platform.fates = ["lost"] * 3  # the call itself is repeated where that is safe
    await harbour.connect()
    assert (await harbour.account()).state == "connected"
    harbour.platform.fates = []
    await harbour.tend(minutes=1)
    record = await harbour.record()
    assert record is not None
    assert (record.external_id, record.failures) == ("sub-wall-1", 0)


async def test_a_platform_that_is_away_during_renewals_alarms_once_nothing_is_in_force(harbour: Harbour) -> None:
    """Until then the account's health says it; when the platform is back all is well again."""
    harbour.platform.life = timedelta(hours=2)
    await harbour.connect()
    harbour.platform.fates = ["503"] * 100
    for _ in range(23):
        await harbour.tend(minutes=5)
    record = await harbour.record()
    assert record is not None
    assert record.failures >= 4
    assert ((await harbour.account()).state, "not now" in await harbour.last_error()) == ("connected", True)
    for _ in range(8):
        await harbour.tend(minutes=10)
    account = await harbour.account()
    assert (account.state, account.reason.startswith("webhooks do not come: ")) == ("degraded", True)
    harbour.platform.fates = []
    await harbour.tend(hours=1.5)
    account = await harbour.account()
    assert (account.state, account.reason) == ("connected", "")


@pytest.mark.parametrize("status", ["400", "403"])
async def test_a_platform_that_refuses_degrades_the_account_and_is_asked_seldom(harbour: Harbour, status: str) -> None:
    """A person must see why; it is tried again in an hour, or when the account is begun anew."""
    harbour.platform.fates = [status] * 2
    await harbour.connect()
    account = await harbour.account()
    assert account.state == "degraded"
    assert len(harbour.platform.fates) == 1
    await harbour.tend(minutes=40)
    assert len(harbour.platform.fates) == 1
    await harbour.tend(minutes=40)
    assert harbour.platform.fates == []
    harbour.subscribing.begin(account)
    await harbour.tend()
    assert (await harbour.account()).state == "connected"


async def test_a_refused_token_asks_a_person_and_is_not_tried_again(harbour: Harbour) -> None:
    """Once the account is connected again it is subscribed."""
    harbour.platform.fates = ["401"]
    account = await harbour.connect()
    assert (await harbour.account()).state == "reauthorization_required"
    await harbour.tend(days=2)
    assert harbour.platform.asked == []
    changed = await harbour.world.io.accounts.change(await harbour.account(), credentials={"access_token": "token"})
    harbour.subscribing.begin(changed)
    await harbour.tend()
    assert (account.id, list(harbour.platform.held)) == (changed.id, ["sub-wall-1"])


async def test_a_subscription_that_ended_when_it_was_given_is_trouble(harbour: Harbour) -> None:
    """A platform that lies is not asked on and on."""
    harbour.platform.life = timedelta(days=-1)
    await harbour.connect()
    assert "ended at" in (await harbour.account()).reason
    assert harbour.platform.asked == [None]


async def test_a_lost_subscription_is_made_anew_and_the_gap_is_pulled(harbour: Harbour) -> None:
    """By the notice that the platform sends; the stream runs at once although its hour is not over."""
    account = await harbour.connect()
    await harbour.world.pull(account)
    assert await harbour.world.all(Nudge) == []
    await harbour.tend(minutes=5)
    token, raw = harbour.platform.hook({"notice": "subscription_lost"})
    harbour.platform.held.clear()
    harbour.platform.note("n2", "bob", "said while nobody listened")
    await harbour.world.io.journal.receive("beacon", token, raw)
    await harbour.world.settle()
    await harbour.tend()
    assert harbour.platform.asked == [None, "sub-wall-1"]
    assert list(harbour.platform.held) == ["sub-wall-1"]
    assert [nudge.stream for nudge in await harbour.world.all(Nudge)] == ["notes"]
    await harbour.world.pull(account)
    assert [message.body for message in await harbour.world.messages()] == ["said while nobody listened"]
    assert "made anew" in await harbour.last_error()


async def test_losses_told_again_and_again_do_not_ask_the_platform_as_often(harbour: Harbour) -> None:
    """Half a minute lies between two of them at least."""
    await harbour.connect()
    for _ in range(10):
        assert await harbour.receive({"notice": "subscription_lost"}) == "accept"
        await harbour.tend(seconds=1)
    assert len(harbour.platform.asked) == 1
    await harbour.tend(seconds=31)
    assert len(harbour.platform.asked) == 2


async def test_when_many_are_due_some_are_asked_for_at_once_and_the_rest_right_after(tmp_path: Path) -> None:
    """A platform is not flooded, and nobody waits for the next look."""
    async with a_harbour(tmp_path, Quiet) as harbour:
        for number in range(40):
            harbour.platform.names[f"token-{number}"] = f"wall-{number}"
            account = await harbour.world.account(
                "beacon", f"t{number}", credentials={"access_token": f"token-{number}"}
            )
            harbour.subscribing.begin(account)
        asked = []
        for _ in range(3):
            harbour.world.io._nudged.clear()
            await harbour.subscribing.dispatch()
            await harbour.subscribing.idle()
            asked.append((len(harbour.platform.asked), harbour.world.io._nudged.is_set()))
        assert [count for count, _ in asked] == [16, 32, 40]
        assert [is_woken for _, is_woken in asked[:2]] == [True, True]
        harbour.world.io._nudged.clear()
        assert await harbour.subscribing.dispatch() == 0
        assert not harbour.world.io._nudged.is_set()


async def test_an_account_that_is_begun_anew_is_asked_for_at_once_where_that_failed_before(harbour: Harbour) -> None:
    """A change of its settings may have mended it, also where it was subscribed once; without need nobody is asked."""
    account = await harbour.connect()
    harbour.subscribing.begin(account)
    await harbour.tend()
    assert len(harbour.platform.asked) == 1
    harbour.platform.fates = ["400"]
    await harbour.tend(hours=20)
    assert harbour.platform.fates == []
    assert len(harbour.platform.asked) == 1
    harbour.subscribing.begin(account)
    await harbour.tend()
    assert harbour.platform.asked == [None, "sub-wall-1"]


async def test_an_account_whose_renewal_was_refused_for_its_token_is_asked_for_once_it_has_another(
    harbour: Harbour,
) -> None:
    """At once, although its subscription would hold for a while."""
    await harbour.connect()
    harbour.platform.fates = ["401"]
    await harbour.tend(hours=20)
    assert (await harbour.account()).state == "reauthorization_required"
    changed = await harbour.world.io.accounts.change(await harbour.account(), credentials={"access_token": "token"})
    harbour.subscribing.begin(changed)
    await harbour.tend()
    assert harbour.platform.asked == [None, "sub-wall-1"]


async def test_being_subscribed_changes_nothing_of_an_account(harbour: Harbour) -> None:
    """Its connections, which stay open for long, are not made anew; one of an earlier release gets its secret then."""
    account = await harbour.connect()
    assert (await harbour.account()).version == account.version == 1
    await harbour.world.ledger.documents.delete(SubscriptionRecord, [account.id])
    stored = msgspec.structs.replace(account, hook_secret="", version=2)
    await harbour.world.ledger.documents.write([Write(stored, 1)])
    harbour.world.io.directory.put(stored)
    harbour.subscribing.begin(stored)
    await harbour.tend()
    assert (await harbour.account()).hook_secret
    assert await harbour.receive(NOTE) == "accept"
