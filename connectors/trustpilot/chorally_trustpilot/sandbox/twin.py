"""The API of the sandbox, as Trustpilot documents it: reviews, replies, tags, business units, tokens."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chorally_sdk.sandbox import Call, Clock, Failure, OAuth, Refusal, Refused, Twin, answers, by_number
from chorally_sdk.sandbox.control import Body, did
from chorally_trustpilot.sandbox.post import Post
from chorally_trustpilot.sandbox.world import DOMAIN, NAME, UNIT, Value, World

KEY = "sandbox-api-key"
_OAUTH = "/v1/oauth/oauth-business-users-for-applications"
_LIFE = timedelta(hours=100)


def gateway(status: int, code: str, words: str, **means: Any) -> Failure:
    """Return an error of the gateway in front of the API."""
    return Failure(status, {"fault": {"faultstring": words, "detail": {"errorcode": code}}}, means=means)


ERRORS: Mapping[str, Failure] = {
    "token": gateway(401, "keymanagement.service.invalid_access_token", "Invalid Access Token", type="Reauthorize"),
    "key": gateway(401, "oauth.v2.InvalidApiKey", "Invalid ApiKey", type="Rejected", reason="permission"),
    "refresh": gateway(401, "keymanagement.service.invalid_refresh_token", "Invalid Refresh Token", type="Reauthorize"),
    "invalid": Failure(
        400,
        {"message": "The request was malformed", "errorCode": 1001, "details": "", "correlationId": "0-0"},
        means={"type": "Rejected", "reason": "invalid"},
    ),
    "rate": Failure(
        429,
        {"message": "Too many requests"},
        headers={"Retry-After": "60"},
        means={"type": "RateLimited", "wait_s": 60, "scope": "app"},
    ),
    "quota": gateway(500, "policies.ratelimit.SpikeArrestViolation", "Spike arrest", type="RateLimited", scope="app"),
}


class Configure(Body):
    """What is set in the portal: where webhooks go."""

    callback_url: str | None = None
    deliver: str | None = None
    """``auto`` sends webhooks as they come, ``manual`` when ``/_sandbox/deliver`` is asked."""


class ReviewsApi(Twin):
    """The parts of Trustpilot's API that the connector uses."""

    errors: ClassVar[Mapping[str, Failure]] = ERRORS

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make a business unit that nobody has reviewed."""
        at = clock or Clock()
        issuer = OAuth(at, client_id=KEY, lifetime=_LIFE, needs_pkce=False)
        super().__init__(clock=at, seed=seed, oauth=issuer)
        self.size = 100
        self.world = World(self.clock)
        self.post = Post(now=self.clock, faults=self.faults, rng=self.rng, deliver="manual")
        self.app.routes[:0] = self._control()

    @answers("POST", f"{_OAUTH}/accesstoken", on="token", is_open=True)
    async def access_token(self, call: Call) -> Response:
        """Answer a request of a token."""
        return self._token(call)

    @answers("POST", f"{_OAUTH}/refresh", on="token", is_open=True)
    async def refresh(self, call: Call) -> Response:
        """Answer a renewal."""
        return self._token(call)

    @answers("POST", f"{_OAUTH}/revoke", on="token", is_open=True)
    async def revoke_token(self, call: Call) -> Any:
        """Take a token pair back."""
        given = call.fields.get("token")
        for token in self.oauth.tokens:
            token.is_revoked |= given in (token.access, token.refresh)
        return {}

    def _token(self, call: Call) -> Response:
        try:
            told = self.oauth.answer(call.fields, call.request.headers.get("authorization", ""))
        except Refused as refused:
            return self.refused("key" if refused.error == "invalid_client" else "refresh")
        shown = {name: told[name] for name in ("access_token", "refresh_token") if name in told}
        return JSONResponse({**shown, "expires_in": str(told["expires_in"])})

    @answers("GET", "/v1/business-units/find", is_open=True)
    async def find_unit(self, call: Call) -> Any:
        """Name the business unit of a domain, to whoever has an API key."""
        self._keyed(call)
        if call.query.get("name") != DOMAIN:
            raise Refusal("gone")
        return self._unit()

    @answers("GET", "/v1/business-units/{unit}", is_open=True)
    async def get_unit(self, call: Call) -> Any:
        """Name a business unit."""
        self._keyed(call)
        self._owned(call)
        return self._unit()

    @answers("GET", "/v1/private/business-units/{unit}/reviews")
    async def list_reviews(self, call: Call) -> Any:
        """List reviews with what only the business may know."""
        self._owned(call)
        if call.query.get("orderBy", "createdat.desc") not in ("createdat.asc", "createdat.desc"):
            raise ValueError("orderBy is createdat.asc or createdat.desc here")
        since = call.query.get("startDateTime", "")
        found = [review for review in self.world.listed() if review["createdAt"].removesuffix("Z") >= since]
        if call.query.get("orderBy") != "createdat.asc":
            found.reverse()
        size = min(self.size, int(call.query.get("perPage") or 20), 100)
        asked = {"page": "1"} if call.is_stuck else call.query
        return {"links": [], "reviews": by_number(found, asked, size=size).shown}

    @answers("GET", "/v1/private/reviews/{review}")
    async def get_review(self, call: Call) -> Any:
        """Read a review."""
        return self.world.reviews[call.path["review"]]

    @answers("POST", "/v1/private/reviews/{review}/reply")
    async def post_reply(self, call: Call) -> Any:
        """Publish a reply, in the place of the one before (assumed)."""
        text = call.fields.get("message")
        if not isinstance(text, str) or not text.strip():
            raise ValueError("message is needed")
        self.world.reply(call.path["review"], text)
        return Response(status_code=201)

    @answers("DELETE", "/v1/private/reviews/{review}/reply")
    async def delete_reply(self, call: Call) -> Any:
        """Delete a reply."""
        review = self.world.reviews[call.path["review"]]
        if review["companyReply"] is None:
            raise Refusal("gone")
        review["companyReply"] = None
        return Response(status_code=204)

    @answers("PUT", "/v1/private/reviews/{review}/tags", on="prepare")
    async def put_tags(self, call: Call) -> Any:
        """Add tags; those that are there stay."""
        review, told = self.world.reviews[call.path["review"]], call.fields.get("tags")
        if not isinstance(told, list) or not all(set(tag) == {"group", "value"} for tag in told):
            raise ValueError("tags are objects of group and value")
        review["tags"] += [tag for tag in told if tag not in review["tags"]]
        return Response(status_code=200)

    def _unit(self) -> Value:
        return {"id": UNIT, "displayName": NAME, "name": {"identifying": DOMAIN, "referring": [DOMAIN]}}

    def _keyed(self, call: Call) -> None:
        if call.request.headers.get("apikey") != KEY:
            raise Refusal("key")
        if call.token and self.oauth.live(call.token) is None:
            raise Refusal("token")

    def _owned(self, call: Call) -> None:
        if call.path["unit"] != UNIT:
            raise Refusal("gone")

    def _control(self) -> list[Route]:
        async def configure(request: Request) -> Response:
            return await did(request, Configure, self._configure)

        async def deliver(request: Request) -> Response:
            async def do(_: Body) -> Value:
                return {"accepted": await self.post.deliver_all(), "waiting": self.post.waiting}

            return await did(request, Body, do)

        return [
            Route("/_sandbox/configure", configure, methods=["POST"]),
            Route("/_sandbox/deliver", deliver, methods=["POST"]),
        ]

    async def _configure(self, asked: Configure) -> Value:
        if asked.deliver is not None and asked.deliver not in ("auto", "manual"):
            raise ValueError("deliver is auto or manual")
        if asked.callback_url is not None:
            self.post.callback_url = asked.callback_url
        if asked.deliver is not None:
            self.post.deliver = "auto" if asked.deliver == "auto" else "manual"
            self.post.wake()
        return {"success": True}
