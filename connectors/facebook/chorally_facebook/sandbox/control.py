"""The sandbox's own routes under ``/_sandbox``: what Meta's dashboard and the people on Facebook would do."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chorally_facebook.sandbox.base import Echo
from chorally_facebook.sandbox.faults import Fault
from chorally_sdk.sandbox.control import Body, did

if TYPE_CHECKING:
    from chorally_facebook.sandbox.page import PageTwin


class Configure(Body):
    """What can be set; what is left out stays as it is."""

    callback_url: str | None = None
    app_secret: str | None = None
    verify_token: str | None = None
    page_id: str | None = None
    page_name: str | None = None
    access_token: str | None = None
    duplicate_probability: float | None = Field(default=None, ge=0, le=1)
    echo: Echo | None = None
    deliver: Literal["auto", "manual"] | None = None
    page_size: int | None = Field(default=None, ge=1)
    hold_s: float | None = Field(default=None, ge=0)
    retry_s: float | None = Field(default=None, ge=0)
    retry_max_s: float | None = Field(default=None, ge=0)
    seed: int | None = None
    handshake: bool = False
    """Whether to ask the callback URL for the challenge now."""


class NewPost(Body):
    """A post of the page."""

    message: str = ""


class NewComment(Body):
    """A comment of a person."""

    author_id: str
    author_name: str = ""
    message: str
    post_id: str | None = None
    """The newest post where both are left out."""
    parent_id: str | None = None
    webhook: bool = True
    """False: only who polls will see it."""


class ChangeComment(Body):
    """What a person, or a moderator, changes of a comment."""

    message: str | None = None
    is_hidden: bool | None = None
    webhook: bool = True


class NewMessage(Body):
    """What a person writes to the page."""

    person_id: str
    name: str = ""
    message: str
    webhook: bool = True
    """False: only polling shows it."""


class NewVisit(Body):
    """What a visitor posts on the page, or somebody posts elsewhere of it."""

    author_id: str
    author_name: str = ""
    message: str
    mentions: bool = False
    """Whether it is a post elsewhere that mentions the page."""


class Deliver(Body):
    """How to send what waits."""

    shuffle: bool = False
    copies: int = Field(default=0, ge=0)
    at_once: int = Field(default=50, ge=1)


class Control:
    """The routes, each a thin shell around a method of the page."""

    def __init__(self, page: "PageTwin") -> None:
        self._page = page

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_sandbox/configure", self.configure, methods=["POST"]),
            Route("/_sandbox/posts", self.post, methods=["POST"]),
            Route("/_sandbox/visits", self.visit, methods=["POST"]),
            Route("/_sandbox/messages", self.write, methods=["POST"]),
            Route("/_sandbox/comments", self.comment, methods=["POST"]),
            Route("/_sandbox/comments/{comment_id}", self.change, methods=["PATCH"]),
            Route("/_sandbox/comments/{comment_id}", self.remove, methods=["DELETE"]),
            Route("/_sandbox/faults", self.add_fault, methods=["POST"]),
            Route("/_sandbox/faults", self.clear_faults, methods=["DELETE"]),
            Route("/_sandbox/state", self.state, methods=["GET"]),
            Route("/_sandbox/deliver", self.deliver, methods=["POST"]),
        ]

    async def configure(self, request: Request) -> Response:
        """Set what is given."""
        return await did(request, Configure, self._configure)

    async def post(self, request: Request) -> Response:
        """Add a post of the page."""

        async def add(asked: NewPost) -> dict[str, Any]:
            return {"id": self._page.world.post(asked.message).id}

        return await did(request, NewPost, add)

    async def comment(self, request: Request) -> Response:
        """Add a comment of a person."""

        async def add(asked: NewComment) -> dict[str, Any]:
            made = self._page.add_comment(**asked.model_dump())
            return {"id": made.id, "post_id": made.post_id, "parent_id": made.parent_id}

        return await did(request, NewComment, add)

    async def write(self, request: Request) -> Response:
        """Add a message of a person."""

        async def add(asked: NewMessage) -> dict[str, Any]:
            made = self._page.write(asked.person_id, asked.message, name=asked.name, webhook=asked.webhook)
            return {"id": made.id}

        return await did(request, NewMessage, add)

    async def visit(self, request: Request) -> Response:
        """Add a post of a visitor, or a mention."""

        async def add(asked: NewVisit) -> dict[str, Any]:
            post = self._page.mention if asked.mentions else self._page.visit
            return {"id": post(asked.author_id, asked.message, author_name=asked.author_name).id}

        return await did(request, NewVisit, add)

    async def change(self, request: Request) -> Response:
        """Edit, hide or unhide a comment."""

        async def do(asked: ChangeComment) -> dict[str, Any]:
            self._page.change_comment(request.path_params["comment_id"], **asked.model_dump())
            return {"success": True}

        return await did(request, ChangeComment, do)

    async def remove(self, request: Request) -> Response:
        """Remove a comment and the replies to it."""

        async def do(_: Body) -> dict[str, Any]:
            self._page.remove_comment(request.path_params["comment_id"])
            return {"success": True}

        return await did(request, Body, do)

    async def add_fault(self, request: Request) -> Response:
        """Let something go wrong."""

        async def add(asked: Fault) -> dict[str, Any]:
            self._page.faults.waiting.append(asked)
            return {"success": True}

        return await did(request, Fault, add)

    async def clear_faults(self, _: Request) -> Response:
        """Let nothing more go wrong."""
        self._page.faults.waiting.clear()
        return JSONResponse({"success": True})

    async def state(self, _: Request) -> Response:
        """Show everything."""
        return JSONResponse(dict(self._page.state()))

    async def deliver(self, request: Request) -> Response:
        """Send what waits, each POST once."""

        async def do(asked: Deliver) -> dict[str, Any]:
            accepted = await self._page.courier.deliver_all(**asked.model_dump())
            return {"accepted": accepted, "waiting": self._page.courier.waiting}

        return await did(request, Deliver, do)

    async def _configure(self, asked: Configure) -> dict[str, Any]:
        self._page.configure(**asked.model_dump(exclude_none=True, exclude={"handshake"}))
        if asked.handshake and not await self._page.courier.handshake():
            raise ValueError("the callback URL did not answer the handshake with the challenge")
        return {"success": True}
