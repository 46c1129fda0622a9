"""``chorally token``."""

import sys

from chorally_core.adapters.identity.keyring import InvalidKeyring
from chorally_core.bootstrap import operator_token
from chorally_core.ports.identity import TENANT
from chorally_core.ports.permissions import INSTALLER, ROLES
from chorally_core.serving import run
from chorally_core.settings import InvalidSettings, Settings


def print_token(settings: Settings, tenant: str, role: str) -> str:
    """Print a token and return an empty text, or return what is wrong."""
    if TENANT.fullmatch(tenant) is None:
        return "a tenant's id has letters, digits, hyphens and underscores, and no dot"
    if role not in (*ROLES, INSTALLER):
        return f"there is no role {role!r}; there are {', '.join((*ROLES, INSTALLER))}"
    if not settings.documents.get_secret_value():
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        token = run(operator_token(settings, tenant, role))
    except (InvalidKeyring, InvalidSettings) as error:
        return str(error)
    sys.stdout.write(token + "\n")
    return ""
