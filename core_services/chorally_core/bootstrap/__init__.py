"""Puts the system together: back ends by setting, services, API, upkeep; all of it or the parts of one process."""

from chorally_core.bootstrap.back_ends import Unreachable
from chorally_core.bootstrap.parts import PARTS, Parts, Role, UnknownPart, installed
from chorally_core.bootstrap.stores import InUse
from chorally_core.bootstrap.system import System
from chorally_core.bootstrap.trust import OPERATOR, new_id, operator_token, utc_now
from chorally_core.bootstrap.vault import open_vault

__all__ = [
    "OPERATOR",
    "PARTS",
    "InUse",
    "Parts",
    "Role",
    "System",
    "UnknownPart",
    "Unreachable",
    "installed",
    "new_id",
    "open_vault",
    "operator_token",
    "utc_now",
]
