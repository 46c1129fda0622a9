"""A Graph API that lives in memory: everything about it that its platforms share.

Tokens and the app's proof, errors in Meta's codes, usage headers, cursor paging, fields, consents, the pages of a
person, subscriptions, signed webhooks and the handshake are here; a platform's twin adds its objects::

    class Media(GraphTwin):
        object = "instagram"

        @answers("GET", "/{media_id}/comments")
        async def comments(self, call: Call) -> Any:
            return self.listed(call, self.of(call.path["media_id"]), lambda c: c.place, lambda c: shown(c))

``KeyError`` in a route answers that the object is gone, ``ValueError`` that a parameter is wrong, ``GraphError`` and
``Refusal`` any other error. Routes are written without the version; calls come with and without it.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

import chorally_sdk as sdk
from chorally_meta.sandbox.errors import ERRORS, graph_error
from chorally_meta.sandbox.fields import Field, parse
from chorally_meta.sandbox.hooks import MetaCourier
from chorally_meta.sandbox.login import LONG, SHORT, Login, Owned
from chorally_sdk.sandbox import Call, Clock, Fault, OAuth, Refusal, Refused, Twin, answers
from chorally_sdk.sandbox.levers import Subscribed

USAGE = {"call_count": 1, "total_time": 1, "total_cputime": 1}
_VERSION = re.compile(r"/(v\d+\.\d+)(?=/)")
T = TypeVar("T")


class GraphTwin(Twin):
    """A platform of Meta's without its objects; see the module."""

    kinds = frozenset(kind for kind in Twin.kinds if "rate_limit_date" not in kind and kind != "rate_limit/token")
    """Graph tells waits in minutes of a header, and none at the token endpoint."""
    errors = ERRORS
    renews_alive = True
    object: ClassVar[str] = "page"
    """What its webhooks are about."""
    usage_type: ClassVar[str] = "pages"
    """``type`` of the rows of the business header."""
    throttle: ClassVar[int] = 80001
    """The code that a throttled call is answered with."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        seed: int = 0,
        callback: httpx.AsyncBaseTransport | None = None,
        scopes: Sequence[str] = (),
    ) -> None:
        """Make a platform with nothing on it but one account.

        Args:
            clock: Its clock; one that stands where None.
            seed: Of all that is left to chance.
            callback: Takes the webhooks in place of the network.
            scopes: What a consent can ask for.
        """
        clock = clock or Clock()
        oauth = OAuth(clock, lifetime=SHORT, needs_pkce=False, scopes=frozenset(scopes))
        super().__init__(clock=clock, seed=seed, oauth=oauth)
        self.login = Login(oauth)
        self.courier = MetaCourier(
            now=clock, faults=self.faults, rng=self.rng, transport=callback, sleep=clock.sleep, object=self.object
        )
        self.account = Owned("100000000000001", "Sandbox Page", "sandbox-token")
        """The account that the twin is about."""
        self.owned = [self.account]
        """What the person has a role on."""
        self.accounts_at_once = 25
        """The most that one page of ``/me/accounts`` holds."""
        self.subscribed: dict[str, tuple[str, ...]] = {}
        """Fields by the object that is subscribed."""
        open_end = Route("/{path:path}", self._unsupported, methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
        self.app = Starlette(routes=[*self.control(), *self.app.routes, open_end], lifespan=self._lifespan)

    def control(self) -> list[Route]:
        """Return routes under ``/_sandbox`` of the platform's own; they are asked before the framework's."""
        return []

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sending webhooks."""
        await self.courier.aclose()

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self.courier.aclose()

    # --- calls ---------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, with or without a version, and tell the usage."""
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self.app(scope, receive, send)
            return
        version = _VERSION.match(scope["path"])
        if version:
            scope = {**scope, "path": scope["path"][version.end() :], "graph_version": version[0]}
            scope["raw_path"] = scope["path"].encode()
        row = {"type": self.usage_type, **USAGE, "estimated_time_to_regain_access": 0}
        told = {"x-app-usage": USAGE, "x-business-use-case-usage": {self.account.id: [row]}}

        async def with_usage(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                more = [(name.encode(), json.dumps(value).encode()) for name, value in told.items()]
                headers = [*message["headers"], *(each for each in more if each[0] not in known)]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, with_usage)

    def asked(self, call: Call) -> dict[str, str]:
        """Return what is asked, in the query or in the body, as text: nested JSON stays JSON."""
        written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in call.fields.items()}
        return {**call.query, **written}

    def nested(self, call: Call, name: str) -> Any:
        """Return a parameter that is JSON, an object in the body or written as text; None where it is missing.

        Raises:
            ValueError: It is no JSON.
        """
        value = call.fields.get(name, call.query.get(name))
        return json.loads(value) if isinstance(value, str) else value

    def token_of(self, call: Call) -> str:
        """Return the token of a call: in the header, the query or the body."""
        return call.token or str(call.fields.get("access_token", ""))

    def page_of(self, call: Call) -> Owned:
        """Return the page whose own token a call has.

        Raises:
            Refusal: It has none.
        """
        token = self.token_of(call)
        for page in self.owned:
            if page.token == token:
                return page
        raise Refusal("token")

    def authorise(self, call: Call) -> None:
        """Judge a call by its token, a page's or a person's, and by the app's proof where it has one."""
        token = self.token_of(call)
        self.judge_proof(call, token)
        if not (self.login.is_person(token) or any(page.token == token for page in self.owned)):
            raise Refusal("token")

    def judge_proof(self, call: Call, token: str) -> None:
        """Refuse a wrong proof of the app.

        Raises:
            ValueError: It is wrong.
        """
        proof = self.asked(call).get("appsecret_proof")
        right = hmac.new(self.courier.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if proof is not None and not hmac.compare_digest(proof.encode(), right.encode()):
            raise ValueError("Invalid appsecret_proof provided in the API argument")

    def refused(self, name: str, **body: Any) -> Response:
        """Return an error by its name, or one that was made for the occasion; ``detail`` replaces its message."""
        failure = body.get("failure") or {**ERRORS, **self.errors}[name]
        detail = body.get("detail")
        if detail and isinstance(failure.body, dict):
            error = {**failure.body["error"], "message": f"(#{failure.body['error']['code']}) {detail}"}
            return JSONResponse({"error": error}, failure.status, dict(failure.headers))
        answer: Response = failure.response()
        return answer

    def _failed(self, fault: Fault) -> Response:
        if fault.kind != "rate_limit":
            return super()._failed(fault)
        row = {"type": self.usage_type, **USAGE, "call_count": 100}
        row["estimated_time_to_regain_access"] = fault.wait_s // 60
        headers = {"X-Business-Use-Case-Usage": json.dumps({self.account.id: [row]})}
        return graph_error(self.throttle, "There have been too many calls to this account", headers=headers).response()

    async def _unsupported(self, _: Any) -> Response:
        self.calls += 1
        return self.refused("invalid", detail="Unsupported request; the sandbox does not know it")

    # --- objects -------------------------------------------------------------------------------------------------

    def fields(self, call: Call, default: str) -> tuple[Field, ...]:
        """Return the fields that a call asks for, ``id`` always among them.

        Raises:
            ValueError: They cannot be read.
        """
        return self.fields_of(self.asked(call).get("fields") or default)

    def fields_of(self, expression: str) -> tuple[Field, ...]:
        """Return the fields of an expression, ``id`` always among them.

        Raises:
            ValueError: They cannot be read.
        """
        found = parse(expression)
        return found if any(field.name == "id" for field in found) else (Field("id", {}, (), ""), *found)

    def listed(
        self,
        call: Call,
        found: Sequence[T],
        place: Callable[[T], int],
        show: Callable[[T], Any],
        *,
        url: str = "",
        asked: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return a page of a listing: after a cursor, no longer than the limit, with the link to the next.

        Args:
            call: What is asked.
            found: The whole listing in its order.
            place: Grows along the listing.
            show: How one thing is shown.
            url: Path of the listing, where it is not the call's own (nested listings).
            asked: What is asked of it, where that is not the call's own.

        Raises:
            ValueError: The cursor is none of ours.
        """
        options = dict(self.asked(call) if asked is None else asked)
        limit = min(max(int(options.get("limit") or 25), 1), self.size)
        rest = list(found)
        if after := options.get("after"):
            passed = _place(after)
            rest = [thing for thing in rest if place(thing) > passed]
        shown, has_more = rest[:limit], len(rest) > limit
        if not shown:
            return {"data": []}
        cursors = {"before": _cursor(place(shown[0])), "after": _cursor(place(shown[-1]))}
        if call.is_stuck and has_more:
            cursors["after"] = after or _cursor(place(shown[0]) - 1)
        paging: dict[str, Any] = {"cursors": cursors}
        if has_more:
            query = {"access_token": self.token_of(call), **options, "after": cursors["after"]}
            version = call.request.scope.get("graph_version", "")
            paging["next"] = f"{call.url(version + (url or call.request.url.path))}?{urlencode(query)}"
        return {"data": [show(thing) for thing in shown], "paging": paging}

    # --- what all platforms answer -------------------------------------------------------------------------------

    @answers("POST", "/oauth/access_token", on="token", is_open=True)
    async def _exchange(self, call: Call) -> Any:
        return self._token(self.asked(call))

    @answers("GET", "/oauth/access_token", on="token", is_open=True)
    async def _exchange_by_query(self, call: Call) -> Any:
        return self._token(self.asked(call))

    def _token(self, form: Mapping[str, str]) -> Any:
        """Answer the token endpoint; its errors have the Graph API's shape."""
        self.login.oauth.client_secret = self.courier.app_secret
        try:
            return self.login.token(form)
        except Refused as refused:
            if refused.error == "invalid_client":
                return graph_error(101, "Error validating application").response()
            if "code" in form:
                return graph_error(100, "This authorization code has been used", subcode=36009).response()
            return self.refused("token")

    @answers("GET", "/me/accounts")
    async def _accounts(self, call: Call) -> Any:
        if not self.login.is_person(self.token_of(call)):
            raise Refusal("token")
        asked = self.asked(call)
        asked["limit"] = str(min(int(asked.get("limit") or 25), self.accounts_at_once))
        return self.listed(call, self.owned, self.owned.index, self.shown_account, asked=asked)

    def shown_account(self, page: Owned) -> dict[str, Any]:
        """Return a page as ``/me/accounts`` lists it; a platform may add what hangs on it."""
        return page.shown()

    def subscriber(self, object_id: str) -> str:
        """Return the id under which an object is subscribed.

        Raises:
            KeyError: There is no such object.
        """
        for page in self.owned:
            if page.id == object_id:
                return page.id
        raise KeyError(object_id)

    @answers("POST", "/{object_id}/subscribed_apps")
    async def _subscribe(self, call: Call) -> Any:
        fields = self.asked(call).get("subscribed_fields", "")
        self.subscribed[self.subscriber(call.path["object_id"])] = tuple(filter(None, fields.split(",")))
        return {"success": True}

    @answers("GET", "/{object_id}/subscribed_apps")
    async def _subscriptions(self, call: Call) -> Any:
        known = self.subscribed.get(self.subscriber(call.path["object_id"]))
        app = {"id": self.login.oauth.client_id, "name": "Sandbox App", "subscribed_fields": list(known or ())}
        return {"data": [] if known is None else [app]}

    @answers("DELETE", "/{object_id}/subscribed_apps")
    async def _unsubscribe(self, call: Call) -> Any:
        self.subscribed.pop(self.subscriber(call.path["object_id"]), None)
        return {"success": True}

    # --- levers --------------------------------------------------------------------------------------------------

    def person(self) -> sdk.Grant:
        """Return a long-lived grant of the person, for ``Connection.consented``."""
        token = self.login.long()
        return sdk.Grant(access=SecretStr(token.access), expires_at=token.expires_at, scopes=token.scopes)

    def revoke(self) -> None:
        """Let no token work any more."""
        super().revoke()
        for page in self.owned:
            page.token = "another-token"  # noqa: S105 - opens nothing but this sandbox

    def expire(self) -> None:
        """Let almost all of the person's long-lived token's life pass: only a living one is renewed."""
        self.clock.pass_(seconds=(LONG - timedelta(hours=1)).total_seconds())

    def consent(self, url: str) -> Mapping[str, str]:
        """Let a person open the page of consent and agree."""
        return self.login.oauth.consent(url)

    def hooks(self) -> Sequence[sdk.RawHook]:
        """Take what waits, as it would be sent."""
        return [self._hook(body, headers) for body, headers in self.courier.taken()]

    def signed(self, body: bytes) -> sdk.RawHook:
        """Return a hook of any body."""
        return self._hook(body, self.courier.headers(body))

    def unknown(self) -> sdk.RawHook:
        """Return a hook of a field that is not documented."""
        entry = {"id": self.account.id, "time": 1, "changes": [{"field": "dances", "value": {"steps": 3}}]}
        return self.signed(json.dumps({"object": self.object, "entry": [entry]}).encode())

    def handshake(self, *, is_forged: bool = False) -> tuple[sdk.RawHook, bytes]:
        """Return the test of the callback URL."""
        asked = self.courier.challenge()
        told = {**asked, "hub.verify_token": "forged-token"} if is_forged else asked
        return sdk.RawHook(method="GET", query=told, received_at=self.clock()), asked["hub.challenge"].encode()

    def keys(self) -> sdk.Keys:
        """Return the app's secrets."""
        app_secret, verify_token = SecretStr(self.courier.app_secret), SecretStr(self.courier.verify_token)
        return sdk.Keys(secrets={"app_secret": (app_secret,), "verify_token": (verify_token,)})

    def subscriptions(self) -> Sequence[Subscribed]:
        """Tell which objects are subscribed; the URL is the app's."""
        return [Subscribed(each, None) for each in self.subscribed]

    def lose_subscriptions(self) -> None:
        """Forget them."""
        self.subscribed.clear()

    def _hook(self, body: bytes, headers: Mapping[str, str]) -> sdk.RawHook:
        lower = {name.lower(): value for name, value in headers.items()}
        return sdk.RawHook(method="POST", path="/", headers=lower, body=body, received_at=self.clock())


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode()


def _place(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor))
    except ValueError as wrong:
        raise ValueError(f"Invalid cursors values: {cursor!r}") from wrong
