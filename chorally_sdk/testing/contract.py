"""The checks that every connector inherits.

A connector's whole file is this; one whose ``sandbox()`` is a twin of ``chorally_sdk.sandbox`` needs no
``platform``, and one without any stand-in is checked for what needs none:

    class TestMine(ConnectorContract):
        connector = Mine
        platform = MyStandIn
"""

from typing import Any, ClassVar

import pytest

from chorally_sdk.connector.base import Connector
from chorally_sdk.testing.checks import CHECKS, Check
from chorally_sdk.testing.checks.registry import NotApplied
from chorally_sdk.testing.package import Package
from chorally_sdk.testing.report import PROPERTY, finding
from chorally_sdk.testing.running import Platform, platform_of, run_once

_EACH = pytest.mark.parametrize("check", list(CHECKS.values()), ids=[f"{c.group}-{c.id}" for c in CHECKS.values()])


class ConnectorContract:
    """What must hold for any connector, whatever its platform."""

    connector: ClassVar[type[Connector]]
    platform: ClassVar[Platform | None] = None
    """Makes a stand-in of the platform with levers, fresh for each check; the connector's own sandbox where None."""

    @_EACH
    def test_it_conforms(self, check: Check, record_property: Any) -> None:
        """The connector does what the check is about."""
        connector = type(self).connector
        platform = type(self).platform or platform_of(connector)
        package = self.package(connector)

        def found(outcome: str, why: str = "") -> None:
            record_property(PROPERTY, finding(connector, check, outcome, why))

        try:
            notes = run_once(check, connector, platform, package)
        except NotApplied as reason:
            found("exempt" if reason.is_exempt else "gap" if reason.is_gap else "unable", str(reason))
            pytest.skip(str(reason))
        except BaseException as error:
            found("failed", str(error))
            raise
        found("passed", "; ".join(notes))

    @classmethod
    def package(cls, connector: type[Connector]) -> Package | None:
        """Return the installed package of the connector."""
        return Package.of(connector)
