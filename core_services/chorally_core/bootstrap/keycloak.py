"""What is agreed with the Keycloak where people sign in."""

import json
import ssl
from datetime import timedelta

import httpx

from chorally_core.adapters.identity.realms import Terms
from chorally_core.ports.permissions import ROLES
from chorally_core.settings import InvalidSettings, Settings

_PATIENCE_S = 5.0  # that Keycloak may take for an answer


def client(transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    """Return what asks a Keycloak, over the network where no transport is given."""
    verify = ssl.create_default_context()
    return httpx.AsyncClient(timeout=_PATIENCE_S, verify=verify, trust_env=False, transport=transport)


def terms_of(settings: Settings) -> Terms:
    """Return what is agreed with the Keycloak that the settings name.

    Raises:
        InvalidSettings: They name roles that there are not, or secrets that cannot be read.
    """
    mistakes = []
    if unknown := sorted(set(settings.keycloak_roles.values()) - set(ROLES)):
        mistakes.append(f"CHORALLY_KEYCLOAK_ROLES: there is no role {unknown[0]!r}; roles are {', '.join(ROLES)}")
    try:
        secrets = secrets_of(settings.keycloak_secrets.get_secret_value().strip())
    except ValueError:
        mistakes.append("CHORALLY_KEYCLOAK_SECRETS: neither a secret nor JSON of realm to secret")
        secrets = {}
    if mistakes:
        raise InvalidSettings("\n".join(mistakes))
    return Terms(
        server=settings.keycloak,
        reached_at=settings.keycloak_reached_at or settings.keycloak,
        audience=settings.audience,
        client_id=settings.keycloak_client,
        secrets=secrets,
        roles_claim=settings.keycloak_roles_claim,
        role_names=settings.keycloak_roles or {role: role for role in ROLES},
        check_every=timedelta(seconds=settings.keycloak_check_s),
    )


def secrets_of(told: str) -> dict[str, str]:
    """Return the client's secrets by realm, under ``*`` where there is one for all.

    Raises:
        ValueError: It is neither a secret nor JSON of realm to secret.
    """
    if not told.startswith("{"):
        return {"*": told} if told else {}
    found = json.loads(told)
    if not all(isinstance(secret, str) and secret for secret in found.values()):
        raise ValueError("a realm has no secret")
    return dict(found)
