"""Every endpoint of every service, asked with every kind of credential, at both issuers (G8)."""

from pathlib import Path

import pytest

from tests.support.credentials import KINDS, Kind, endpoints, matrix


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_every_endpoint_takes_who_may_and_refuses_everybody_else(kind: Kind, tmp_path: Path) -> None:
    """No token, a bad signature, another algorithm, none, a time that is not now, another audience, and so on."""
    async with kind.api(tmp_path) as api:
        credentials = await kind.credentials(api)
        cells = await matrix(api, credentials)
        assert {cell.endpoint.path.split("/")[1] for cell in cells} == set(api.system.services)
        assert len(cells) > 15 * len(list(endpoints(api)))
        wrong = [f"{cell.endpoint} with {cell.credential.name}: {cell.status}" for cell in cells if not cell.is_right]
        assert wrong == []
