"""Redis may be down: everything goes on, and the status says so."""

from pathlib import Path

from tests.support.api import a_note, an_api


async def test_without_redis_everything_goes_on_and_says_so(tmp_path: Path) -> None:
    """Nobody listens at the address: requests are served, rates hold, readiness names what is missing (G10)."""
    async with an_api(tmp_path, coordination="redis://127.0.0.1:1/0?timeout_ms=50", token_rate=3) as api:
        await api.system.stores.start()
        assert (await api.hook(a_note("n1"))).status_code == 200
        http = api.agent("agent")
        answers = [await http.get("/message/v1/tickets") for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        (reason,) = (await api.client().get("/readyz")).json()["degraded"]
        assert "Redis" in reason
        await api.system.stores.back_ends.aclose()
