"""Routes of services are made when somebody needs them first, and once."""

import asyncio

import httpx
from chorally_core.bootstrap.routes import Routes
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.routing import Mount


class Made:
    """Makes an application with one route, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> FastAPI:
        """Make it."""
        self.count += 1
        app = FastAPI()

        @app.get("/cards/{name}", name="show_card")
        async def show(name: str, request: Request) -> str:
            return request.url_for("show_card", name="next").path

        return app


async def test_a_service_is_made_at_its_first_request_and_knows_its_own_paths() -> None:
    """Others are not made; a route names another by the path that a client sees."""
    made, other = Made(), Made()
    routes = Routes({"cards": made, "other": other})
    assert (list(routes), len(routes), made.count) == (["cards", "other"], 2, 0)
    front = Starlette(routes=[Mount(f"/{name}/v1", routes.served(name)) for name in routes])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://chorally.test") as http:
        for _ in range(2):
            assert (await http.get("/cards/v1/cards/one")).json() == "/cards/v1/cards/next"
    assert (made.count, other.count) == (1, 0)


async def test_it_is_made_once_however_many_need_it() -> None:
    """Also where all of them are made meanwhile."""
    made, other = Made(), Made()
    routes = Routes({"cards": made, "other": other})
    making = asyncio.create_task(routes.make())
    found = [routes["cards"] for _ in range(3)]
    await making
    assert (made.count, other.count) == (1, 1)
    assert all(one is routes["cards"] for one in found)
