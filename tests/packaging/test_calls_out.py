"""Where a tenant names a server, it is a public one; and nothing opens connections past the clients that judge them."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

import chorally_sdk as sdk
from chorally_sdk.http.dialing import dial
from chorally_sdk.plugins import discover

ROOT = Path(__file__).parents[2]
INNER = ["127.0.0.1", "10.0.0.5", "192.168.1.1", "169.254.169.254", "[::1]", "[fd00:ec2::254]", "localhost", "metadata",
         "metadata.google.internal", "2130706433"]  # fmt: skip
OPENS = re.compile(
    r"httpx\.(?:AsyncClient|Client|get|post|stream)\(|urlopen\(|open_connection\((?!\s*sock=)|create_connection\("
    r"|aiohttp\.ClientSession\(|AsyncConnectionPool\("
)
JUDGED = {
    "chorally_sdk/http/client.py": "the client of connectors",
    "core_services/chorally_core/adapters/outside/client.py": "the client for URLs of tenants",
}
"""What judges where it calls."""
NAMED_BY_THE_OPERATOR = {
    "core_services/chorally_core/gateway.py", "core_services/chorally_core/bootstrap/keycloak.py",
    "core_services/chorally_core/demo/story.py", "core_services/chorally_core/commands/",
    "core_services/chorally_core/testing.py", "core_services/chorally_core/children.py",
    "chorally_sdk/sandbox/", "chorally_sdk/cli/", "chorally_sdk/testing/",
}  # fmt: skip
"""What calls only where the operator or a developer says."""

CONNECTORS = sorted(discover().connectors().items())
ANYWHERE = [(name, connector) for name, connector in CONNECTORS if "*" in connector.manifest.hosts]


def test_nothing_opens_connections_but_what_judges_them_or_is_named_by_the_operator() -> None:
    """A new client for HTTP is either one of these, or a hole."""
    found = set()
    for folder in (ROOT / "core_services/chorally_core", ROOT / "chorally_sdk", *ROOT.glob("connectors/*/chorally_*")):
        for path in folder.rglob("*.py"):
            name = str(path.relative_to(ROOT))
            if OPENS.search(path.read_text("utf-8")) and not any(name.startswith(one) for one in NAMED_BY_THE_OPERATOR):
                found.add(name)
    assert found == set(JUDGED)


def test_each_connector_that_calls_what_people_name_is_in_the_table() -> None:
    """``SECURITY.md`` tells of every one that may call any host."""
    told = (ROOT / "SECURITY.md").read_text("utf-8")
    assert ANYWHERE
    assert [name for name, _ in ANYWHERE if f"`{name}`" not in told] == []


class Reached(httpx.AsyncBaseTransport):
    """Notes that somebody got through."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or lead inside."""
        self.seen.append(str(request.url))
        if request.url.path == "/away":
            return httpx.Response(302, headers={"Location": "https://169.254.169.254/latest"})
        return httpx.Response(200, json={})


@pytest.mark.parametrize("host", INNER)
@pytest.mark.parametrize(("name", "connector"), CONNECTORS, ids=[name for name, _ in CONNECTORS])
async def test_no_connector_calls_an_inner_host(name: str, connector: Any, host: str) -> None:
    """Loopback, private and link-local networks, the metadata of a cloud; also by a redirect from a good host."""
    reached = Reached()
    manifest = connector.manifest
    http = sdk.Http(base_url=manifest.base_url, hosts=manifest.hosts, transport=reached)
    with pytest.raises(sdk.Rejected):
        await http.get(f"https://{host}/")
    with pytest.raises(sdk.Rejected):
        await dial(http.hosts, host, 993)
    assert reached.seen == []
    good = next((one for one in manifest.hosts if "*" not in one), "files.example") if manifest.hosts else ""
    if good:
        with pytest.raises(sdk.Rejected):
            await http.get(f"https://{good}/away", follow_redirects=True)
        assert reached.seen == [f"https://{good}/away"]
    await http.aclose()
