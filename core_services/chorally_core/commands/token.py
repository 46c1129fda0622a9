"""``chorally token``."""

import sys
from datetime import timedelta

from chorally_core.adapters.identity import Issuer, Keyring
from chorally_core.bootstrap import OPERATOR, new_id, utc_now
from chorally_core.ports.identity import TENANT
from chorally_core.ports.permissions import ROLES
from chorally_core.settings import Settings


def print_token(settings: Settings, tenant: str, role: str) -> str:
    """Print a token and return an empty text, or return what is wrong."""
    if TENANT.fullmatch(tenant) is None:
        return "a tenant's id has letters, digits, hyphens and underscores, and no dot"
    if role not in ROLES:
        return f"there is no role {role!r}; there are {', '.join(ROLES)}"
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    issuer = Issuer(
        Keyring(settings.data / "signing-keys.json", utc_now),
        issuer=settings.issuer,
        audience=settings.audience,
        clock=utc_now,
        ids=new_id,
        life=timedelta(minutes=settings.token_minutes),
    )
    issued = issuer.issue(subject=OPERATOR, tenant=tenant, name="operator", roles=(role,), generation=0)
    sys.stdout.write(issued.access_token + "\n")
    return ""
