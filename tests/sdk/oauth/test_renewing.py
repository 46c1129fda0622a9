"""What becomes of a grant: renewed early, refused, put off, or lost between the answer and the store."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk import oauth
from tests.support.world import Clock

NAME = "page-1"


class Platform:
    """Renews grants; a refresh token works once, or for a while."""

    def __init__(self, clock: Clock, *, tolerant: bool = False) -> None:
        self.clock = clock
        self.tolerant = tolerant
        self.serial = 1
        self.asked: list[str] = []
        self.next: list[Exception] = []
        self.life = timedelta(hours=1)
        self.lost = False
        """Whether the next answer is lost after it was given."""

    def issue(self) -> sdk.Grant:
        """Return the grant of now."""
        return sdk.Grant(
            access=SecretStr(f"access-{self.serial}"),
            refresh=SecretStr(f"refresh-{self.serial}"),
            expires_at=self.clock.at + self.life,
        )

    async def renew(self, name: str, grant: sdk.Grant | None) -> sdk.Grant:
        """Answer as a connector's ``renew`` does."""
        refresh = grant.refresh.get_secret_value() if grant and grant.refresh else ""
        self.asked.append(refresh)
        for _ in range(40):  # long enough that others come meanwhile
            await asyncio.sleep(0)
        if self.next:
            raise self.next.pop(0)
        taken = (
            {f"refresh-{self.serial}", f"refresh-{self.serial - 1}"} if self.tolerant else {f"refresh-{self.serial}"}
        )
        if refresh and refresh not in taken:
            raise sdk.Reauthorize("invalid_grant")
        self.serial += 1
        if self.lost:
            self.lost = False
            raise _Killed
        return self.issue()


class _Killed(BaseException):
    """Ends the process, as far as a test can."""


class Host:
    """Renews over a store, and writes down what it is told."""

    def __init__(self, platform: Platform, store: oauth.GrantStore | None = None, jitter: float = 0.0) -> None:
        self.store = store or oauth.MemoryGrants()
        self.told: list[tuple[str, str]] = []
        self.slept: list[float] = []

        def note(kind: str) -> oauth.renewing.Told:
            async def tell(name: str, kept: oauth.Kept) -> None:
                self.told.append((kind, kept.trouble))

            return tell

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            await asyncio.sleep(0)

        self.renewing = oauth.Renewing(
            self.store, platform.renew, now=platform.clock, random=lambda: jitter, sleep=sleep,
            on_refused=note("refused"), on_renewed=note("renewed"), on_trouble=note("trouble"),
        )  # fmt: skip

    async def fresh(self, refused: sdk.Grant | None = None) -> str:
        """Return the access token."""
        return (await self.renewing.fresh(NAME, refused)).access.get_secret_value()


@pytest.fixture
def clock() -> Clock:
    """A clock that is moved by hand."""
    return Clock()


@pytest.fixture
def platform(clock: Clock) -> Platform:
    """A platform whose refresh tokens work once."""
    return Platform(clock)


@pytest.fixture
async def host(platform: Platform) -> Host:
    """A host with a grant of an hour."""
    host = Host(platform)
    await host.renewing.put(NAME, platform.issue())
    return host


@pytest.mark.parametrize(("jitter", "early"), [(0.0, 6), (1.0, 9)])
async def test_a_grant_is_renewed_before_it_ends_spread_by_jitter(
    clock: Clock, platform: Platform, jitter: float, early: int
) -> None:
    """A tenth of its life before the end, up to half of that earlier; not before."""
    host = Host(platform, jitter=jitter)
    await host.renewing.put(NAME, platform.issue())
    clock.forward(minutes=60 - early, seconds=-1)
    assert await host.fresh() == "access-1"
    clock.forward(seconds=2)
    assert await host.fresh() == "access-2"
    assert await host.fresh() == "access-2"
    assert platform.asked == ["refresh-1"]


async def test_a_grant_without_end_is_renewed_only_when_it_is_refused(clock: Clock, platform: Platform) -> None:
    """Once for each token that the platform refuses; who comes later with the old one gets the new one."""
    host = Host(platform)
    grant = platform.issue().model_copy(update={"expires_at": None})
    await host.renewing.put(NAME, grant)
    clock.forward(days=1000)
    assert await host.fresh() == "access-1"
    assert await asyncio.gather(*(host.fresh(grant) for _ in range(5))) == ["access-2"] * 5
    assert await host.fresh(grant) == "access-2"
    assert platform.asked == ["refresh-1"]


async def test_a_refusal_is_told_once_and_nobody_is_asked_again(clock: Clock, host: Host, platform: Platform) -> None:
    """The grant stays refused, also for other processes, until a person consents anew."""
    platform.next = [sdk.Reauthorize("the person took it back")]
    clock.forward(hours=2)
    for _ in range(3):
        with pytest.raises(sdk.Reauthorize, match="took it back"):
            await host.fresh()
    other = Host(platform, host.store)
    with pytest.raises(sdk.Reauthorize, match="took it back"):
        await other.fresh()
    assert (len(platform.asked), host.told, other.told) == (1, [("refused", "the person took it back")], [])
    await host.renewing.put(NAME, platform.issue())
    assert await host.fresh() == "access-1"


async def test_an_unreachable_platform_is_asked_later_and_the_token_used_while_it_lasts(
    clock: Clock, host: Host, platform: Platform
) -> None:
    """A little longer between the tries each time; nobody is told that the account is lost."""
    clock.forward(minutes=55)
    platform.next = [sdk.RetryLater("unreachable")] * 2
    assert [await host.fresh(), await host.fresh()] == ["access-1"] * 2
    assert len(platform.asked) == 1
    clock.forward(seconds=6)
    assert await host.fresh() == "access-1"
    assert len(platform.asked) == 2
    clock.forward(seconds=6)
    assert await host.fresh() == "access-1"
    assert len(platform.asked) == 2
    clock.forward(seconds=6)
    assert await host.fresh() == "access-2"
    assert host.told == [("renewed", "")]


async def test_a_throttled_renewal_waits_as_long_as_it_is_told_to(clock: Clock, host: Host, platform: Platform) -> None:
    """Whoever needs the token hears how long; it is never taken for a refusal."""
    platform.next = [sdk.RateLimited("slower", wait=timedelta(minutes=7))]
    clock.forward(hours=2)
    with pytest.raises(sdk.RateLimited) as error:
        await host.fresh()
    clock.forward(minutes=3)
    with pytest.raises(sdk.RateLimited) as later:
        await Host(platform, host.store).fresh()
    assert error.value.wait is not None
    assert later.value.wait is not None
    assert error.value.wait > timedelta(minutes=6, seconds=59)
    assert timedelta(minutes=3) < later.value.wait < timedelta(minutes=4)
    clock.forward(minutes=4)
    assert await host.fresh() == "access-2"


@pytest.mark.parametrize("error", [sdk.Rejected("wrong secret"), sdk.Malformed("no token"), ZeroDivisionError("a bug")])
async def test_what_the_operator_must_mend_is_told_and_waits(
    clock: Clock, host: Host, platform: Platform, error: Exception
) -> None:
    """Calls are put off, not refused: they succeed once it is mended."""
    platform.next = [error]
    clock.forward(hours=2)
    with pytest.raises(sdk.RetryLater):
        await host.fresh()
    [(kind, why)] = host.told
    assert (kind, "wrong secret" in why or "no token" in why or "ZeroDivisionError" in why) == ("trouble", True)
    clock.forward(seconds=6)
    assert await host.fresh() == "access-2"


async def test_a_wait_of_no_time_is_a_wait_all_the_same(clock: Clock, host: Host, platform: Platform) -> None:
    """A platform that says 0 is not asked in a circle."""
    platform.next = [sdk.RateLimited(wait=timedelta(0))] * 50
    clock.forward(hours=2)
    with pytest.raises(sdk.RateLimited):
        await host.fresh()
    assert len(platform.asked) == 1


async def test_a_platform_that_gives_the_same_token_is_asked_once(platform: Platform) -> None:
    """Its next refusal is the caller's to tell."""
    same = sdk.Grant(access=SecretStr("same"), refresh=SecretStr("refresh"))
    asked: list[str] = []

    async def renew(name: str, grant: sdk.Grant | None) -> sdk.Grant:
        asked.append(name)
        return same

    renewing = oauth.Renewing(oauth.MemoryGrants(), renew, now=platform.clock)
    await renewing.put(NAME, same)
    assert (await renewing.fresh(NAME, same)).access.get_secret_value() == "same"
    assert asked == [NAME]


async def test_who_is_cancelled_does_not_take_the_renewal_along(clock: Clock, host: Host, platform: Platform) -> None:
    """The answer is stored, and others have it."""
    clock.forward(hours=2)
    first = asyncio.create_task(host.fresh())
    for _ in range(20):
        await asyncio.sleep(0)
    assert platform.asked
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await host.fresh() == "access-2"
    assert platform.asked == ["refresh-1"]


async def test_an_app_gets_its_first_grant_when_it_is_needed(platform: Platform) -> None:
    """Client credentials: nothing was issued, and then it is renewed like any other."""
    host = Host(platform)
    await host.renewing.put(NAME, None)
    assert await host.fresh() == "access-2"
    with pytest.raises(sdk.Reauthorize, match="no grant"):
        await host.renewing.fresh("another")


@pytest.mark.parametrize("tolerant", [True, False])
async def test_a_crash_between_the_answer_and_the_store(clock: Clock, tolerant: bool) -> None:
    """Where the platform still takes the old token the next process goes on; else a person is asked, and told why."""
    platform = Platform(clock, tolerant=tolerant)
    killed = Host(platform)
    await killed.renewing.put(NAME, platform.issue())
    clock.forward(hours=2)
    platform.lost = True
    try:
        await killed.store.hold(NAME)
        kept = await killed.renewing.kept(NAME)
        assert kept is not None
        await killed.store.swap(NAME, kept.begun("killed", clock()))
        with pytest.raises(_Killed):
            await platform.renew(NAME, kept.grant)
    finally:
        await killed.store.release(NAME)
    after = Host(platform, killed.store)
    if tolerant:
        assert await after.fresh() == "access-3"
    else:
        with pytest.raises(sdk.Reauthorize, match="interrupted"):
            await after.fresh()
        assert len(after.told) == 1
    assert platform.asked == ["refresh-1", "refresh-1"]


async def test_an_attempt_that_may_still_be_under_way_is_left_alone(clock: Clock, platform: Platform) -> None:
    """Where a process can lose its right while it lives, the next one waits until its call must have ended."""
    store = oauth.MemoryGrants()
    ours = oauth.Renewing(store, platform.renew, now=clock, settles=timedelta(seconds=30))
    kept = await ours.put(NAME, platform.issue())
    clock.forward(hours=2)
    await store.swap(NAME, kept.begun("another", clock()))
    with pytest.raises(sdk.RetryLater) as error:
        await ours.fresh(NAME)
    assert error.value.wait is not None
    assert error.value.wait > timedelta(seconds=29)
    clock.forward(seconds=31)
    assert (await ours.fresh(NAME)).access.get_secret_value() == "access-2"


class _FullStore(oauth.MemoryGrants):
    """A store that fails for a while once a grant was renewed."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0

    async def swap(self, name: str, kept: oauth.Kept) -> bool:
        if self.failures and kept.generation > 1:
            self.failures -= 1
            raise OSError("no space left")
        return await super().swap(name, kept)


@pytest.mark.parametrize("failures", [3, 7])
async def test_a_renewed_token_outlives_a_store_that_fails(clock: Clock, platform: Platform, failures: int) -> None:
    """It is not used before it is stored, and stored as soon as that can be done; the platform is asked once."""
    store = _FullStore()
    host = Host(platform, store)
    await host.renewing.put(NAME, platform.issue())
    clock.forward(hours=2)
    store.failures = failures
    if failures > 5:
        with pytest.raises(sdk.RetryLater, match="stored"):
            await host.fresh()
        store.failures = 0
    assert await host.fresh() == "access-2"
    assert platform.asked == ["refresh-1"]


async def test_another_process_at_work_is_waited_for_or_not_needed(clock: Clock, platform: Platform) -> None:
    """A token that has not ended is used meanwhile; one that has is waited for, but not for ever."""
    host = Host(platform)
    await host.renewing.put(NAME, platform.issue())
    await host.store.hold(NAME)
    clock.forward(minutes=56)
    assert await host.fresh() == "access-1"
    assert host.slept == []
    clock.forward(minutes=5)
    with pytest.raises(sdk.RetryLater, match="another process"):
        await host.fresh()
    assert sum(host.slept) > 30
    await host.store.release(NAME)
    assert await host.fresh() == "access-2"


async def test_files_are_sealed_where_a_host_wants_it(tmp_path: Path, platform: Platform) -> None:
    """What lies in the folder is what the host's seal gave."""
    store = oauth.FileGrants(tmp_path, seal=lambda plain: plain[::-1], unseal=lambda sealed: sealed[::-1])
    renewing = oauth.Renewing(store, platform.renew, now=platform.clock)
    await renewing.put(NAME, platform.issue())
    assert (await renewing.fresh(NAME)).refresh == SecretStr("refresh-1")
    lying = _lying_in(tmp_path)
    assert b"refresh-1" not in lying
    assert b"1-hserfer" in lying


def _lying_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_nothing_shown_of_a_grant_is_secret(host: Host) -> None:
    """Neither its text nor its representation."""
    kept = await host.renewing.kept(NAME)
    assert "access-1" not in f"{kept!r} {kept}"
