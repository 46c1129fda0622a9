"""Signing in: passwords, throttling, and who may still use a token."""

import asyncio
from typing import Any

import msgspec
import pytest
from argon2 import PasswordHasher
from chorally_core.services.identity import Passwords, SignIn, Standing, Throttle, Throttled, User, WrongCredentials

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "canary-password-1"


async def test_a_password_is_verified_against_its_hash_only() -> None:
    """The hash is salted, never the password, and composed letters are the same letters."""
    passwords = Passwords(CHEAP)
    stored = await passwords.hash("caffè-canary-1")
    assert "canary" not in stored
    assert stored != await passwords.hash("caffè-canary-1")
    assert await passwords.verify(stored, "caffe\u0300-canary-1")
    assert not await passwords.verify(stored, "caffe-canary-1")


async def test_what_is_no_hash_fits_nothing() -> None:
    """A damaged record keeps its user out; nobody there is verified like somebody."""
    passwords = Passwords(CHEAP)
    for stored in ("", "x", "$argon2id$v=19$m=8,t=1,p=1$broken", None):
        assert not await passwords.verify(stored, PASSWORD)


async def test_even_the_password_of_nobody_fits_nobody() -> None:
    """What stands in for a missing hash is never a way in."""
    passwords = Passwords(CHEAP)
    passwords._nobodys = await passwords.hash(PASSWORD)
    assert not await passwords.verify(None, PASSWORD)


class CountedHasher(PasswordHasher):
    """Counts what is verified."""

    verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002
        type(self).verified += 1
        return super().verify(hash, password)


async def test_nobody_costs_as_much_as_somebody() -> None:
    """For an unknown user a hash of the same parameters is verified, and never fits."""
    hasher = CountedHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords = Passwords(hasher)
    stored = await passwords.hash(PASSWORD)
    await passwords.verify(stored, "wrong")
    await passwords.verify(None, "wrong")
    assert CountedHasher.verified == 2
    assert passwords._nobodys is not None
    assert not passwords.is_outdated(passwords._nobodys)


async def test_old_parameters_are_noticed() -> None:
    """A hash made with less work is outdated."""
    old = await Passwords(CHEAP).hash(PASSWORD)
    assert Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)).is_outdated(old)
    assert not Passwords(CHEAP).is_outdated(old)


def _fail(throttle: Throttle, times: int) -> None:
    for _ in range(times):
        throttle.check("k")
        throttle.begin("k")


def test_after_some_failures_each_attempt_waits_twice_as_long(clock: Any) -> None:
    """Five for nothing, then one second, two, four, up to five minutes."""
    throttle = Throttle(clock, free=5)
    _fail(throttle, 5)
    waits = []
    for _ in range(12):
        with pytest.raises(Throttled) as throttled:
            throttle.check("k")
        waits.append(throttled.value.wait_s)
        clock.advance(seconds=waits[-1])
        _fail(throttle, 1)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    throttle.check("another")


def test_failures_are_forgotten(clock: Any) -> None:
    """After a quarter of an hour of peace, or after a success."""
    throttle = Throttle(clock, free=5)
    _fail(throttle, 5)
    clock.advance(minutes=16)
    _fail(throttle, 5)
    throttle.clear("k")
    _fail(throttle, 5)


def test_an_attempt_taken_back_does_not_count(clock: Any) -> None:
    """Many who sign in from one address do not add up."""
    throttle = Throttle(clock, free=2)
    for _ in range(10):
        throttle.check("k")
        throttle.begin("k")
        throttle.take_back("k")
    _fail(throttle, 2)
    with pytest.raises(Throttled):
        throttle.check("k")
    throttle.take_back("never seen")


def test_counters_are_bounded(clock: Any) -> None:
    """The counter unused for longest goes first."""
    throttle = Throttle(clock, free=1, most=3)
    for key in "abcd":
        throttle.begin(key)
    assert len(throttle._by_key) == 3
    throttle.check("a")
    with pytest.raises(Throttled):
        throttle.check("b")


async def _attempt(sign_in: SignIn, email: str = "ada@acme.example", password: str = "wrong", **more: str) -> str:
    try:
        user = await sign_in.user(more.get("tenant", "acme"), email, password, more.get("address", "10.0.0.1"))
    except (WrongCredentials, Throttled) as refused:
        return type(refused).__name__
    return user.email


async def test_only_the_right_three_sign_in(installed: Any) -> None:
    """Tenant, address and password all count; what is wrong is not said."""
    await installed.add("ada@acme.example", "agent")
    sign_in = installed.local.sign_in
    assert await _attempt(sign_in, " ADA@acme.example ", PASSWORD) == "ada@acme.example"
    reasons = set()
    for tenant, email, password in (
        ("acme", "ada@acme.example", "wrong"),
        ("acme", "bob@acme.example", PASSWORD),
        ("globex", "ada@acme.example", PASSWORD),
        ("acme/ada@acme.example", "", PASSWORD),
    ):
        with pytest.raises(WrongCredentials) as refused:
            await sign_in.user(tenant, email, password, "")
        reasons.add(str(refused.value))
    assert len(reasons) == 1


async def test_guessing_one_account_is_slowed_down_from_everywhere(installed: Any, clock: Any) -> None:
    """The sixth guess waits wherever it comes from, the right one too; an unknown account is no different."""
    await installed.add("ada@acme.example", "agent")
    for email in ("ada@acme.example", "nobody@acme.example"):
        tried = [await _attempt(installed.local.sign_in, email, address=f"10.0.{n}.1") for n in range(6)]
        assert tried == ["WrongCredentials"] * 5 + ["Throttled"]
    assert await _attempt(installed.local.sign_in, password=PASSWORD) == "Throttled"
    clock.advance(seconds=1)
    assert await _attempt(installed.local.sign_in, password=PASSWORD) == "ada@acme.example"
    assert await _attempt(installed.local.sign_in) == "WrongCredentials"


async def test_guesses_at_once_do_not_slip_through(installed: Any) -> None:
    """An attempt counts before it is known to fail."""
    await installed.add("ada@acme.example", "agent")
    tried = await asyncio.gather(*(_attempt(installed.local.sign_in) for _ in range(20)))
    assert tried.count("WrongCredentials") == 5


@pytest.mark.parametrize(
    ("address", "together"),
    [("10.0.0.1", ["10.0.0.1"]), ("2001:db8::1", ["2001:db8::2", "2001:db8::ffff"])],
)
async def test_guessing_many_accounts_from_one_place_is_slowed_down(
    address: str, together: list[str], installed: Any
) -> None:
    """Thirty guesses from an address, or from a subscriber's IPv6 network, whatever accounts they are for."""
    sign_in = installed.local.sign_in
    for n in range(30):
        place = [address, *together][n % (1 + len(together))]
        assert await _attempt(sign_in, f"u{n}@acme.example", address=place) == "WrongCredentials"
    assert await _attempt(sign_in, "another@acme.example", address=together[-1]) == "Throttled"
    assert await _attempt(sign_in, "another@acme.example", address="192.0.2.1") == "WrongCredentials"


async def test_many_may_sign_in_from_one_address(installed: Any) -> None:
    """An office behind one address is not slowed down by its successes."""
    await installed.add("ada@acme.example", "agent")
    for _ in range(35):
        assert await _attempt(installed.local.sign_in, password=PASSWORD) == "ada@acme.example"


async def test_an_outdated_hash_is_renewed_on_the_way(installed: Any) -> None:
    """Signing in is the one moment at which the password is at hand; the tokens so far remain good."""
    local = installed.local
    user = await installed.add("ada@acme.example", "agent")
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    sign_in = SignIn(documents=local.documents, actions=local.actions, passwords=stronger, clock=local.clock)

    await sign_in.user("acme", user.email, PASSWORD, "")

    renewed = await local.documents.get(User, user.id)
    assert renewed.password_hash != user.password_hash
    assert not stronger.is_outdated(renewed.password_hash)
    assert renewed.token_generation == user.token_generation
    assert await _attempt(sign_in, user.email, PASSWORD) == user.email


class CountedDocuments:
    """Counts reads of a store."""

    def __init__(self, documents: Any) -> None:
        self.documents = documents
        self.read = 0

    async def get(self, of: Any, value: str) -> Any:
        self.read += 1
        return await self.documents.get(of, value)


async def test_who_may_use_a_token_is_read_once(installed: Any) -> None:
    """Afterwards it is in memory, which changes are told to; older news changes nothing."""
    user = await installed.add("ada@acme.example", "agent")
    documents = CountedDocuments(installed.local.documents)
    standing = Standing(documents)  # type: ignore[arg-type]
    assert await standing.is_valid(user.id, "acme", 1)
    assert not await standing.is_valid(user.id, "globex", 1)
    assert not await standing.is_valid(user.id, "acme", 2)
    assert documents.read == 1

    standing.learn(msgspec.structs.replace(user, version=9, disabled=True))
    standing.learn(user)
    assert not await standing.is_valid(user.id, "acme", 1)
    assert not await standing.is_valid("nobody", "acme", 1)


async def test_the_memory_of_users_is_bounded(installed: Any) -> None:
    """Who was forgotten is read again."""
    users = [await installed.add(f"u{n}@acme.example", "agent") for n in range(4)]
    documents = CountedDocuments(installed.local.documents)
    standing = Standing(documents, most=2)  # type: ignore[arg-type]
    for user in [*users, users[0]]:
        assert await standing.is_valid(user.id, "acme", 1)
    assert len(standing._by_id) == 2
    assert documents.read == 5
