"""The sandbox's own routes under ``/_sandbox``: what Meta's dashboard and the people on Instagram would do."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chorally_sdk.sandbox.control import Body, did

if TYPE_CHECKING:
    from chorally_instagram.sandbox.publishing import PublishingRoutes


class Configure(Body):
    """What can be set; what is left out stays as it is."""

    callback_url: str | None = None
    app_secret: str | None = None
    verify_token: str | None = None
    deliver: Literal["auto", "manual"] | None = None
    page_size: int | None = Field(default=None, ge=1)
    takes_s: float | None = Field(default=None, ge=0)
    """Seconds that Instagram works on a container."""
    spoils: str | None = None
    """What the next containers fail with; empty for none."""
    handshake: bool = False
    """Whether to ask the callback URL for the challenge now."""


class NewMessage(Body):
    """What a person writes to the account."""

    author: str
    body: str


class NewMention(Body):
    """What somebody says of the account elsewhere."""

    author: str
    body: str
    in_comment: bool = False


class Deliver(Body):
    """How to send what waits."""

    shuffle: bool = False
    copies: int = Field(default=0, ge=0)
    at_once: int = Field(default=50, ge=1)


class Control:
    """The routes, each a thin shell around a method of the account."""

    def __init__(self, account: "PublishingRoutes") -> None:
        self._account = account

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_sandbox/configure", self.configure, methods=["POST"]),
            Route("/_sandbox/messages", self.write, methods=["POST"]),
            Route("/_sandbox/mentions", self.mention, methods=["POST"]),
            Route("/_sandbox/deliver", self.deliver, methods=["POST"]),
        ]

    async def configure(self, request: Request) -> Response:
        """Set what is given."""
        return await did(request, Configure, self._configure)

    async def write(self, request: Request) -> Response:
        """Add a message of a person."""

        async def add(asked: NewMessage) -> dict[str, Any]:
            made = self._account.write(asked.author, asked.body)
            return {"id": made.id, "person": made.person}

        return await did(request, NewMessage, add)

    async def mention(self, request: Request) -> Response:
        """Add a mention, in a caption or in a comment."""

        async def add(asked: NewMention) -> dict[str, Any]:
            return {"id": self._account.mention(asked.author, asked.body, in_comment=asked.in_comment).id}

        return await did(request, NewMention, add)

    async def deliver(self, request: Request) -> Response:
        """Send what waits, each POST once."""

        async def do(asked: Deliver) -> dict[str, Any]:
            accepted = await self._account.courier.deliver_all(**asked.model_dump())
            return {"accepted": accepted, "waiting": self._account.courier.waiting}

        return await did(request, Deliver, do)

    async def _configure(self, asked: Configure) -> dict[str, Any]:
        account, courier = self._account, self._account.courier
        for name in ("callback_url", "app_secret", "verify_token", "deliver"):
            if (value := getattr(asked, name)) is not None:
                setattr(courier, name, value)
        if asked.page_size is not None:
            account.size = asked.page_size
        if asked.takes_s is not None:
            account.takes = timedelta(seconds=asked.takes_s)
        if asked.spoils is not None:
            account.spoils = asked.spoils
        if asked.handshake and not await courier.handshake():
            raise ValueError("the callback URL did not answer the handshake with the challenge")
        courier.wake()
        return {"success": True}
