"""The platform in memory: ``python -m chorally_guestbook.sandbox`` serves it at http://127.0.0.1:8766."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

TOKEN = "guest"  # noqa: S105  # of a wall that is nobody's


class Wall:
    """A wall, its notes and the answers under them."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self.notes: list[dict[str, Any]] = []
        self.replies: dict[str, dict[str, Any]] = {}
        """By the key they were made under."""
        self.app = Starlette(
            routes=[
                Route("/wall", _guarded(self._wall)),
                Route("/notes", _guarded(self._list)),
                Route("/replies", _guarded(self._reply), methods=["POST"]),
                Route("/sign", self._sign, methods=["POST"]),
            ]
        )

    def sign(self, name: str, text: str) -> dict[str, Any]:
        """Let a person leave a note."""
        signer = {"id": name.lower(), "name": name}
        at = self._now().isoformat()
        note = {"id": f"n{len(self.notes) + 1}", "signer": signer, "text": text, "signed_at": at}
        self.notes.append(note)
        return note

    async def _wall(self, request: Request) -> JSONResponse:
        return JSONResponse({"id": "wall-1", "title": "Our wall"})

    async def _list(self, request: Request) -> JSONResponse:
        asked, since = request.query_params, request.query_params.get("since", "")
        after = int(asked.get("after", "n0").removeprefix("n"))
        notes = [note for note in self.notes[after:] if not since or note["signed_at"] >= since]
        return JSONResponse({"notes": notes[: int(asked.get("limit", "50"))]})

    async def _reply(self, request: Request) -> JSONResponse:
        made = self.replies.get(request.headers["idempotency-key"])
        if made is None:
            made = {"id": f"r{len(self.replies) + 1}", **await request.json()}
            self.replies[request.headers["idempotency-key"]] = made
        return JSONResponse(made)

    async def _sign(self, request: Request) -> JSONResponse:
        said = await request.json()
        return JSONResponse(self.sign(said["name"], said["text"]))


def _guarded(serve: Callable[[Request], Awaitable[JSONResponse]]) -> Callable[[Request], Awaitable[JSONResponse]]:
    """Let in who has the token."""

    async def check(request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"error": "wrong token"}, 401)
        return await serve(request)

    return check


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(Wall().app, host="127.0.0.1", port=8766)
