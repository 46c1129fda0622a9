"""The checks of the conformance kit, by group; importing this fills ``CHECKS``."""

from chorally_sdk.testing.checks import package  # noqa: I001 - the order of the report
from chorally_sdk.testing.checks import check, auth, pull, live, pull_faults
from chorally_sdk.testing.checks import webhook, tokens, subscription, push, media, after, outages
from chorally_sdk.testing.checks import limits
from chorally_sdk.testing.checks import specification
from chorally_sdk.testing.checks.registry import CHECKS, GROUPS, Check, Failed, Group

__all__ = [
    "CHECKS", "GROUPS", "Check", "Failed", "Group", "after", "auth", "check", "limits", "live", "media", "outages",
    "package", "pull", "pull_faults", "push", "specification", "subscription", "tokens", "webhook",
]  # fmt: skip
