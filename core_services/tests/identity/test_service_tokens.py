"""Service tokens: the setting, the header, the rotation of secrets."""

import json
from typing import Any

import pytest
from chorally_core.adapters.identity import InvalidServiceTokens, ServiceTokens
from chorally_core.adapters.identity.service_tokens import split
from chorally_core.ports.identity import TENANT, Caller, Unauthenticated
from chorally_core.ports.permissions import Permission
from hypothesis import given
from hypothesis import strategies as st

OLD, NEW, OTHER = "canary.secret.old", "canary-secret-new", "canary-secret-other"


def _sender(**changes: Any) -> dict[str, Any]:
    right = {"sender": "billing", "secrets": [OLD, NEW], "tenants": ["acme"], "permissions": ["tickets:read"]}
    return {**right, **changes}


def _tokens(*senders: dict[str, Any]) -> ServiceTokens:
    return ServiceTokens.of(json.dumps(senders))


def test_both_live_secrets_prove_the_sender() -> None:
    """While a secret is replaced the old and the new one are good, and tell apart in the log."""
    tokens = _tokens(_sender())
    expected = Caller(
        tenant="acme",
        subject="billing",
        kind="service",
        name="billing",
        permissions=frozenset({Permission.TICKETS_READ}),
        token_id="billing/1",
    )
    assert tokens.caller(f"{OLD}.acme") == expected
    assert tokens.caller(f"{NEW}.acme").token_id == "billing/2"


def test_a_revoked_secret_proves_nobody() -> None:
    """What is no longer in the setting is unknown."""
    with pytest.raises(Unauthenticated, match="not known"):
        _tokens(_sender(secrets=[NEW])).caller(f"{OLD}.acme")


def test_a_secret_is_bound_to_its_tenants() -> None:
    """For another tenant it is as unknown as a wrong one, in the same words."""
    tokens = _tokens(_sender(), _sender(sender="ops", secrets=[OTHER], tenants=["*"]))
    reasons = set()
    for credentials in (f"{OLD}.globex", f"{OLD}.*", "wrong-secret-altogether.acme"):
        with pytest.raises(Unauthenticated) as refused:
            tokens.caller(credentials)
        reasons.add(refused.value.reason if not credentials.endswith("*") else "")
    assert reasons == {"the service token is not known, or not for this tenant", ""}
    assert tokens.caller(f"{OTHER}.globex").tenant == "globex"


@pytest.mark.parametrize(
    "credentials", ["", ".", ".acme", "secret", "secret.", "secret.ac me", "secret.*", "secret.a/b", f"{OLD}.-", "s.\n"]
)
def test_what_is_not_secret_dot_tenant_is_refused(credentials: str) -> None:
    """The shape is checked before any secret."""
    with pytest.raises(Unauthenticated):
        _tokens(_sender(tenants=["*"])).caller(credentials)


def test_a_tenant_never_has_a_dot() -> None:
    """A dotted tenant would make the last part a tenant of its own; the secret before it is then wrong."""
    with pytest.raises(Unauthenticated, match="not known"):
        _tokens(_sender(tenants=["*"])).caller(f"{NEW}.acme.globex")


@given(st.from_regex(r"[!-~]{1,60}", fullmatch=True), st.from_regex(TENANT, fullmatch=True))
def test_what_is_joined_by_a_dot_is_split_at_the_last(secret: str, tenant: str) -> None:
    """Secrets may hold any number of dots."""
    assert split(f"{secret}.{tenant}") == (secret, tenant)


@given(st.text())
def test_splitting_gives_parts_that_join_again_or_refuses(credentials: str) -> None:
    """Nothing is dropped, and a tenant is always an id."""
    try:
        secret, tenant = split(credentials)
    except Unauthenticated:
        return
    assert f"{secret}.{tenant}" == credentials
    assert secret
    assert TENANT.fullmatch(tenant)


@pytest.mark.parametrize("blank", ["", "  \n", "[]"])
def test_without_senders_no_token_is_known(blank: str) -> None:
    """An empty setting is right, and proves nobody."""
    with pytest.raises(Unauthenticated):
        ServiceTokens.of(blank).caller(f"{OLD}.acme")


@pytest.mark.parametrize(
    ("sender", "mistake"),
    [
        ("x", "entry 1: it is not an object"),
        ({}, "entry 1: permissions, secrets, sender, tenants missing"),
        (_sender(secret=OLD), "fields other than"),
        (_sender(**{OLD: 1}), "fields other than"),
        (_sender(sender=""), "sender is not a name"),
        (_sender(sender=OLD), "sender is not a name"),
        (_sender(secrets=OLD), "secrets is not a list of one or two"),
        (_sender(secrets=[]), "secrets is not a list of one or two"),
        (_sender(secrets=[OLD, NEW, OTHER]), "secrets is not a list of one or two"),
        (_sender(secrets=[OLD, "canary"]), "secret 2 is not a text of 16"),
        (_sender(secrets=["canary secret with spaces"]), "secret 1 is not a text of 16"),
        (_sender(secrets=["canary-sécrét-accented"]), "secret 1 is not a text of 16"),
        (_sender(secrets=[OLD, OLD]), "a secret is used twice"),
        (_sender(tenants=[]), "tenants is not a list"),
        (_sender(tenants="*"), "tenants is not a list"),
        (_sender(tenants=["acme", "*"]), 'others beside "*"'),
        (_sender(tenants=["acme", OLD]), "tenant 2 is not an id"),
        (_sender(permissions=[]), "permissions is not a list"),
        (_sender(permissions=["tickets:read", OLD]), "permission 2 is not one of"),
        (_sender(permissions=[[]]), "permission 1 is not one of"),
    ],
)
def test_each_mistake_in_the_setting_is_named_without_a_secret(sender: Any, mistake: str) -> None:
    """The message says where and what, and never quotes a value that might be a secret."""
    with pytest.raises(InvalidServiceTokens) as invalid:
        ServiceTokens.of(json.dumps([sender]))
    assert mistake in str(invalid.value)
    assert "canary" not in str(invalid.value) + repr(invalid.value)


def test_all_mistakes_are_reported_at_once() -> None:
    """Whoever sets it up reads one message, not one after the other."""
    senders = [_sender(secrets=["short"], tenants=["a.b"]), _sender(sender="x y"), _sender(), _sender(secrets=[OTHER])]
    with pytest.raises(InvalidServiceTokens) as invalid:
        _tokens(*senders)
    assert [mistake.partition(":")[0] for mistake in invalid.value.mistakes] == [
        "entry 1",
        "entry 1",
        "entry 2",
        "entry 4",
    ]
    assert "declared twice" in invalid.value.mistakes[-1]


@pytest.mark.parametrize(
    "setting", ['[{"secrets": ["canary-secret-broken"}', "canary", "{}", '"canary"', "[" * 100_000]
)
def test_what_is_not_a_json_list_is_refused_without_quoting_it(setting: str) -> None:
    """A half-written setting holds secrets too, so neither the error nor its cause shows any of it."""
    with pytest.raises(InvalidServiceTokens) as invalid:
        ServiceTokens.of(setting)
    assert "canary" not in str(invalid.value)
    assert invalid.value.__cause__ is None


def test_secrets_are_kept_as_digests_only() -> None:
    """No representation of the tokens holds a secret, nor the digest that a guess could be compared with."""
    tokens = _tokens(_sender())
    held = [vars(tokens), list(map(tuple, tokens._live))]
    assert "canary" not in repr(tokens) + repr(tokens._live) + str(held)
    assert all(repr(one.digest) not in repr(tokens._live) for one in tokens._live)
