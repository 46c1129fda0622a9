"""The page of the checks that a connector inherits."""

from chorally_sdk.testing.checks import CHECKS, GROUPS
from chorally_sdk.testing.report import TIERS
from chorally_sdk.testing.specification import VARIABLE
from tools.pages.reading import table

_HEAD = """\
# Checks of a connector

`ConnectorContract` inherits {count} checks in {groups} groups, offline and on a clock of their own. A check that needs
an ability which the connector has not, or a lever which its stand-in of the platform has not, is skipped and says so.
A manifest may give a reason to leave one out (`quality={{"one-call": "exempt: why"}}`) unless it is marked *always*:
there something would be lost, doubled or told. Each check is shown to catch a bad connector. How to use them:
[Check a connector](../how-to/check-a-connector.md).
"""
_TIERS = f"""\
## Tiers

`--chorally-report FILE` writes what was found; the summary names the tier. Descriptions are read below `${VARIABLE}`.
"""


def page() -> str:
    """Return the page."""
    parts = [_HEAD.format(count=len(CHECKS), groups=len(GROUPS))]
    for group in GROUPS:
        rows = [
            (
                f"`{check.id}`",
                check.title,
                check.proves,
                ", ".join(f"`{need}`" for need in check.needs),
                "" if check.may_be_exempt else "always",
            )
            for check in CHECKS.values()
            if check.group == group
        ]
        parts += [f"## {group}\n", table(("Check", "What holds", "Why", "Needs", ""), rows)]
    parts += [_TIERS, table(("Tier", "Means"), [(f"`{tier}`", means) for tier, means in TIERS.items()])]
    return "\n".join(parts)
