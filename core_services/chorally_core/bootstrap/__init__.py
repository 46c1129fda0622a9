"""Puts the system together: back ends by setting, services, API, upkeep; one process owns one data folder."""

from chorally_core.bootstrap.stores import InUse, Unreachable
from chorally_core.bootstrap.system import System
from chorally_core.bootstrap.trust import OPERATOR, new_id, open_vault, operator_token, utc_now

__all__ = ["OPERATOR", "InUse", "System", "Unreachable", "new_id", "open_vault", "operator_token", "utc_now"]
