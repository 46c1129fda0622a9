"""People who sign in at a Keycloak: each realm is a tenant, what it says counts, and what it says no more does not."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from chorally_core.adapters.identity.realms import Realms, Terms
from chorally_core.ports.identity import Caller, IdentityUnavailable, Unauthenticated
from chorally_core.ports.permissions import Permission

from tests.support.keycloak import CLIENT, SECRET, SERVER, Keycloak

from .conftest import Clock


class Known:
    """People by id, and who may not work."""

    def __init__(self) -> None:
        self.met_: list[tuple[str, str]] = []
        self.shut_out: set[str] = set()

    async def met(self, caller: Caller, claims: Mapping[str, Any]) -> None:
        """Note them."""
        self.met_.append((caller.subject, claims["preferred_username"]))

    async def may_work(self, caller: Caller) -> bool:
        """Whether they are not shut out."""
        return caller.subject not in self.shut_out


@pytest.fixture
def keycloak(clock: Clock) -> Keycloak:
    """A server with two realms."""
    return Keycloak(clock)


@pytest.fixture
def people() -> Known:
    """Nobody yet."""
    return Known()


def terms(**changes: Any) -> Terms:
    """Return what is agreed, changed."""
    agreed = Terms(
        server=SERVER, reached_at=SERVER, audience="chorally-api", client_id=CLIENT, secrets={"*": SECRET},
        roles_claim="realm_access.roles", role_names={"agent": "agent", "boss": "admin"},
        check_every=timedelta(seconds=30),
    )  # fmt: skip
    return agreed._replace(**changes)


@pytest.fixture
async def realms(keycloak: Keycloak, people: Known, clock: Clock) -> Any:
    """What verifies."""
    import httpx

    async with httpx.AsyncClient(transport=keycloak.transport()) as http:
        yield Realms(terms(), http, clock, people)


async def test_a_realm_is_the_tenant_of_its_name_and_its_roles_count_by_our_names(
    realms: Realms, keycloak: Keycloak
) -> None:
    """A tenant that the token claims besides counts for nothing."""
    caller = await realms.verify(keycloak.token("ada", "acme", "boss", tenant="globex"))
    assert (caller.tenant, caller.name, caller.kind, caller.roles) == ("acme", "Ada", "user", ("admin",))
    assert Permission.USERS_WRITE in caller.permissions
    assert Permission.INSTALLATION_WRITE not in caller.permissions


async def test_a_realms_role_cannot_make_anybody_run_the_installation(keycloak: Keycloak, clock: Clock) -> None:
    """Whoever administers a realm names its roles, so a name means nothing that was not agreed."""
    caller = await _by(keycloak, clock, terms(), keycloak.token("eve", "acme", "installation-operator", "admin"))
    assert (caller.roles, caller.permissions) == ((), frozenset())


async def _by(keycloak: Keycloak, clock: Clock, agreed: Terms, token: str) -> Caller:
    import httpx

    async with httpx.AsyncClient(transport=keycloak.transport()) as http:
        return await Realms(agreed, http, clock, Known()).verify(token)


async def test_the_same_person_of_two_realms_is_two_people(realms: Realms, keycloak: Keycloak) -> None:
    """Who administers a realm can choose its people's ids, and cannot choose ours."""
    here = await realms.verify(keycloak.token("ada", "acme", sub="the-same"))
    there = await realms.verify(keycloak.token("ada", "globex", sub="the-same"))
    assert here.subject != there.subject


async def test_a_program_has_no_record(realms: Realms, keycloak: Keycloak, people: Known) -> None:
    """What a client's own credentials give is a service's, named after the client."""
    token = keycloak.token("x", client_id="Nightly", preferred_username="service-account-nightly", name=None)
    caller = await realms.verify(token)
    assert (caller.kind, caller.name, caller.tenant) == ("service", "Nightly", "acme")


async def test_a_sign_out_counts_within_the_stated_time(realms: Realms, keycloak: Keycloak, clock: Clock) -> None:
    """And so does a user who was disabled; until then the issuer is asked once, whatever the requests."""
    token = keycloak.token()
    for _ in range(50):
        await realms.verify(token)
    keycloak.disabled.add("ada")
    clock.advance(seconds=29)
    await realms.verify(token)
    assert len([path for path in keycloak.asked if path.endswith("introspect")]) == 1
    clock.advance(seconds=1)
    with pytest.raises(Unauthenticated, match="the session has ended"):
        await realms.verify(token)


@pytest.mark.parametrize("change", ["disabled", "deleted"])
async def test_a_realm_that_ends_takes_its_tokens_with_it(
    realms: Realms, keycloak: Keycloak, clock: Clock, change: str
) -> None:
    """Within the stated time, as a sign-out does; it is no trouble with the server, over which tokens work on."""
    token = keycloak.token()
    await realms.verify(token)
    if change == "disabled":
        keycloak.off.add("acme")
    else:
        keycloak.realms = ("globex",)
    clock.advance(seconds=30)
    with pytest.raises(Unauthenticated, match="the session has ended"):
        await realms.verify(token)


async def test_somebody_with_hundreds_of_roles_may_sign_in(realms: Realms, keycloak: Keycloak) -> None:
    """Large organisations put everything into roles; a token that nobody would make is refused before it is read."""
    many = [f"department-number-{number:03}" for number in range(600)]
    token = keycloak.token("ada", "acme", "agent", *many)
    assert len(token) > 16 * 1024
    assert (await realms.verify(token)).roles == ("agent",)
    with pytest.raises(Unauthenticated, match="too long"):
        await realms.verify(keycloak.token("ada", "acme", "agent", *many * 3))


async def test_many_requests_at_once_ask_once(realms: Realms, keycloak: Keycloak) -> None:
    """For the keys and for the token."""
    token = keycloak.token()
    await asyncio.gather(*(realms.verify(token) for _ in range(20)))
    assert sorted(path.rpartition("/")[2] for path in keycloak.asked) == ["certs", "introspect"]


async def test_while_keycloak_is_away_those_known_work_on_for_ten_minutes(
    realms: Realms, keycloak: Keycloak, clock: Clock
) -> None:
    """A new token cannot be looked at: whoever has it waits, and is not told that it is bad."""
    token = keycloak.token(exp=int(clock().timestamp()) + 7200)
    await realms.verify(token)
    keycloak.away = True
    clock.advance(minutes=9)
    await realms.verify(token)
    with pytest.raises(IdentityUnavailable):
        await realms.verify(keycloak.token("bob"))
    clock.advance(minutes=1)
    with pytest.raises(IdentityUnavailable):
        await realms.verify(token)
    keycloak.away = False
    await realms.verify(token)


async def test_without_a_secret_tokens_count_until_they_expire(keycloak: Keycloak, clock: Clock) -> None:
    """Nobody asks then."""
    await _by(keycloak, clock, terms(secrets={}), keycloak.token())
    assert [path.rpartition("/")[2] for path in keycloak.asked] == ["certs"]


async def test_a_wrong_secret_of_ours_is_not_the_callers_fault(keycloak: Keycloak, clock: Clock) -> None:
    """It is 503 for them, and in the log for whoever runs the system."""
    with pytest.raises(IdentityUnavailable):
        await _by(keycloak, clock, terms(secrets={"*": "another"}), keycloak.token())


async def test_a_realm_that_is_not_there_is_looked_for_now_and_then(
    realms: Realms, keycloak: Keycloak, clock: Clock
) -> None:
    """Anybody can make tokens of realms; they cost us one question a minute, and sixty for all names together."""
    for _ in range(5):
        with pytest.raises(Unauthenticated, match="not there"):
            await realms.verify(keycloak.token("eve", "nowhere"))
    assert len(keycloak.asked) == 1
    refused = 0
    for number in range(100):
        try:
            await realms.verify(keycloak.signed(keycloak.claims("eve", f"realm-{number}"), "acme"))
        except IdentityUnavailable:
            refused += 1
        except Unauthenticated:
            pass
    assert (len(keycloak.asked), refused) == (60, 41)
    await _known_after_a_minute(realms, keycloak, clock)


async def _known_after_a_minute(realms: Realms, keycloak: Keycloak, clock: Clock) -> None:
    clock.advance(minutes=1)
    assert (await realms.verify(keycloak.token())).tenant == "acme"


async def test_somebody_disabled_here_may_not_work_whatever_keycloak_says(
    realms: Realms, keycloak: Keycloak, people: Known
) -> None:
    """An administrator here need not wait for the one there."""
    token = keycloak.token()
    caller = await realms.verify(token)
    people.shut_out.add(caller.subject)
    with pytest.raises(Unauthenticated, match="disabled"):
        await realms.verify(token)


@pytest.mark.parametrize("name", ["", "..", "a/b", "acme?x=1", "acme#", "acme%2f..", "a.b", "é"])
async def test_a_realm_whose_name_is_no_tenants_is_not_asked_for(realms: Realms, keycloak: Keycloak, name: str) -> None:
    """What stands in a token before it is verified leads to no address of its choice."""
    token = keycloak.signed(keycloak.claims("eve", "acme", iss=f"{SERVER}/realms/{name}"))
    with pytest.raises(Unauthenticated):
        await realms.verify(token)
    assert keycloak.asked == []


async def test_people_are_met_once_for_each_token(realms: Realms, keycloak: Keycloak, people: Known) -> None:
    """A new token may tell of new roles."""
    for _ in range(3):
        await realms.verify(keycloak.token("ada", jti="one"))
    await realms.verify(keycloak.token("ada", jti="two"))
    assert [name for _, name in people.met_] == ["ada", "ada"]
