"""Which addresses a tenant's servers may have is the operator's choice."""

from ipaddress import ip_network
from typing import Any

import pytest
from chorally_core.services.io.directory import Directory
from chorally_core.settings import InvalidSettings, load_settings

from tests.support.wall import Wall


def _directory(**options: Any) -> Directory:
    return Directory({"wall": Wall}, None, None, now=None, **options)  # type: ignore[arg-type]


def test_networks_are_read_from_one_line_and_mistakes_are_told() -> None:
    """Commas or spaces; IPv4 and IPv6."""
    found = load_settings(private_networks="10.1.0.0/16, ::1/128").private_networks
    assert found == [ip_network("10.1.0.0/16"), ip_network("::1/128")]
    with pytest.raises(InvalidSettings, match="CHORALLY_PRIVATE_NETWORKS"):
        load_settings(private_networks="my-network")


def test_a_connector_reaches_private_addresses_only_where_they_are_allowed() -> None:
    """Public ones always."""
    strict = _directory().bare("wall").http.hosts
    allowed = _directory(private=[ip_network("10.1.0.0/16")]).bare("wall").http.hosts

    assert [strict.reaches(at) for at in ("9.9.9.9", "10.1.2.3", "10.2.0.1")] == [True, False, False]
    assert [allowed.reaches(at) for at in ("9.9.9.9", "10.1.2.3", "10.2.0.1")] == [True, True, False]
