"""The Graph API of the sandbox: reading a page's feed and comments, and writing comments."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chorally_facebook.sandbox.faults import Faults, error
from chorally_facebook.sandbox.fields import Field, parse
from chorally_facebook.sandbox.hooks import Hooks
from chorally_facebook.sandbox.login import Login
from chorally_facebook.sandbox.world import Comment, Post, World
from chorally_sdk.sandbox.faults import spoiled
from chorally_sdk.sandbox.oauth import Refused

USAGE = {"call_count": 1, "total_time": 1, "total_cputime": 1}
_STUCK = "_sandbox_stuck"
Options = dict[str, str]
Echo = Literal["before", "after", "off"]


class Graph:
    """Answers as ``graph.facebook.com`` is documented to."""

    def __init__(self, world: World, hooks: Hooks, faults: Faults) -> None:
        self.world = world
        self.hooks = hooks
        self.faults = faults
        self.login = Login(world)
        self.echo: Echo = "after"
        """Whether our own replies are told by webhook before or after the call that makes them is answered."""
        self.page_size = 100
        """The most that a page of a listing holds, whatever limit is asked for."""

    async def __call__(self, request: Request) -> Response:
        """Answer one call."""
        options = await _options(request)
        version, *parts = [part for part in request.url.path.split("/") if part] or [""]
        if not re.fullmatch(r"v\d+\.\d+", version):
            version, parts = "", [version, *parts]
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if parts == ["oauth", "access_token"]:
            return self._token(options)
        token = token if scheme.lower() == "bearer" else options.get("access_token", "")
        proof = options.pop("appsecret_proof", None)
        if proof is not None and proof != _proof(token, self.hooks.app_secret):
            return error(100, "Invalid appsecret_proof provided in the API argument", status=400)
        if parts == ["me", "accounts"] and self.login.is_person(token):
            return JSONResponse(self.login.pages())
        if token != self.world.access_token:
            return error(190, "Invalid OAuth access token - Cannot parse access token", status=401)
        fault = self.faults.take("read") if request.method == "GET" else None
        if fault and not fault.is_after:
            return self.faults.answer(fault, self.world.page_id)
        base = f"{request.url.scheme}://{request.url.netloc}" + (f"/{version}" if version else "")
        options.pop(_STUCK, None)
        if fault and fault.kind == "repeated_cursor":
            options[_STUCK] = "1"
        try:
            told = await self._answer(request.method, parts, options, base)
        except KeyError:
            return error(100, f"Object with ID {parts[0]!r} does not exist", status=400, subcode=33)
        except ValueError as wrong:
            return error(100, str(wrong), status=400)
        answer = told if isinstance(told, Response) else JSONResponse(told)
        if fault:
            return spoiled(answer, fault.kind) or self.faults.answer(fault, self.world.page_id)
        answer.headers["X-App-Usage"] = json.dumps(USAGE)
        business = {self.world.page_id: [{"type": "pages", **USAGE, "estimated_time_to_regain_access": 0}]}
        answer.headers.setdefault("X-Business-Use-Case-Usage", json.dumps(business))
        return answer

    def _token(self, form: Options) -> Response:
        """Answer the token endpoint; its errors have the Graph API's shape."""
        self.login.oauth.client_secret = self.hooks.app_secret
        try:
            return JSONResponse(self.login.token(form))
        except Refused as refused:
            if refused.error == "invalid_client":
                return error(101, "Error validating application", status=400)
            if "code" in form:
                return error(100, "This authorization code has been used", status=400, subcode=36009)
            return error(190, "Error validating access token: Session has expired", status=400, subcode=463)

    async def _answer(self, method: str, parts: list[str], options: Options, base: str) -> Any:
        match method, parts:
            case "GET", [page] if page in {"me", self.world.page_id}:
                told = {"id": self.world.page_id, "name": self.world.page_name}
                return {field.name: told[field.name] for field in _fields(options, "id,name") if field.name in told}
            case "GET", [page, "feed"] if page in {"me", self.world.page_id}:
                return self._feed(options, base)
            case "GET", [object_id, "comments"]:
                return self._comments(object_id, options, base)
            case "POST", [object_id, "comments"]:
                return await self._reply(object_id, options)
            case "GET", [object_id]:
                return self._object(object_id, options, base)
            case "POST", [object_id]:
                return await self._changed(self._change(self.world.comments[object_id], options))
            case "POST", [object_id, "likes"]:
                return await self._changed(self._like(self.world.comments[object_id]))
            case "DELETE", [object_id]:
                return await self._changed(self._remove(self.world.comments[object_id]))
        raise ValueError("Unsupported request; the sandbox knows a page's feed and comments")

    def _feed(self, options: Options, base: str) -> dict[str, Any]:
        fields = _fields(options, "id,message,created_time")
        return self._page(
            self.world.feed(), lambda post: -post.place, options, f"{base}/{self.world.page_id}/feed",
            lambda post: self._shown_post(post, fields, base),
        )  # fmt: skip

    def _comments(self, object_id: str, options: Options, base: str) -> dict[str, Any]:
        fields = _fields(options, "id,message,created_time,from")
        found = self.world.under(object_id, all_levels=options.get("filter") == "stream")
        if since := options.get("since"):
            from_second = _seconds(since)
            found = [comment for comment in found if int(comment.created_at.timestamp()) >= from_second]
        sign = -1 if options.get("order") == "reverse_chronological" else 1
        found.sort(key=lambda comment: sign * comment.place)
        return self._page(
            found, lambda comment: sign * comment.place, options, f"{base}/{object_id}/comments",
            lambda comment: _shown_comment(comment, fields),
        )  # fmt: skip

    def _object(self, object_id: str, options: Options, base: str) -> dict[str, Any]:
        if object_id in self.world.posts:
            return self._shown_post(self.world.posts[object_id], _fields(options, "id,message,created_time"), base)
        return _shown_comment(self.world.comments[object_id], _fields(options, "id,message,created_time,from"))

    def _page(
        self, found: list[Any], place: Callable[[Any], int], options: Options, url: str, show: Callable[[Any], Any]
    ) -> dict[str, Any]:
        """A page of a listing: after a cursor, no longer than the limit, with the link to the next."""
        limit = min(max(int(options.get("limit") or 25), 1), self.page_size)
        if after := options.get("after"):
            passed = _place(after)
            found = [element for element in found if place(element) > passed]
        shown, has_more = found[:limit], len(found) > limit
        if not shown:
            return {"data": []}
        cursors = {"before": _cursor(place(shown[0])), "after": _cursor(place(shown[-1]))}
        paging: dict[str, Any] = {"cursors": cursors}
        if has_more:
            asked = {"access_token": self.world.access_token, **options, "after": cursors["after"]}
            if asked.pop(_STUCK, None):
                asked["after"] = options.get("after", "")
                paging["cursors"] = {**cursors, "after": asked["after"]}
            paging["next"] = f"{url}?{urlencode(asked)}"
        return {"data": [show(element) for element in shown], "paging": paging}

    def _shown_post(self, post: Post, fields: tuple[Field, ...], base: str) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": post.id,
            "message": post.message,
            "created_time": _iso(post.created_at),
            "updated_time": _iso(post.updated_at),
            "permalink_url": f"https://www.facebook.com/{post.id}",
        }
        shown = {field.name: told[field.name] for field in fields if field.name in told}
        for field in fields:
            if field.name == "comments":
                listing = self._comments(post.id, {**field.options, "fields": field.text}, base)
                if listing["data"]:
                    shown["comments"] = listing
        return shown

    async def _reply(self, object_id: str, options: Options) -> Response:
        fault = self.faults.take("reply")
        if fault and not fault.is_after:
            return self.faults.answer(fault, self.world.page_id)
        if not options.get("message", "").strip():
            raise ValueError("You must provide a message")
        made = self.world.comment(self.world.page_id, self.world.page_name, options["message"], object_id)
        answer: Response = JSONResponse({"id": made.id})
        if fault:
            await self._tell(made, "add")
            return spoiled(answer, fault.kind) or self.faults.answer(fault, self.world.page_id)
        if self.echo == "after":
            answer.background = BackgroundTask(self._tell, made, "add")
        else:
            await self._tell(made, "add")
        return answer

    async def _changed(self, changing: Coroutine[Any, Any, dict[str, Any]]) -> Any:
        """Change what is there, unless something goes wrong with the next write."""
        fault = self.faults.take("reply")
        if fault and not fault.is_after:
            changing.close()
            return self.faults.answer(fault, self.world.page_id)
        made = await changing
        if fault:
            return spoiled(JSONResponse(made), fault.kind) or self.faults.answer(fault, self.world.page_id)
        return made

    async def _like(self, comment: Comment) -> dict[str, Any]:
        comment.is_liked = True
        return {"success": True}

    async def _change(self, comment: Comment, options: Options) -> dict[str, Any]:
        if "is_hidden" in options:
            comment.is_hidden = options["is_hidden"].lower() == "true"
            await self._tell(comment, "hide" if comment.is_hidden else "unhide")
        if "message" in options:
            comment.message = options["message"]
            self.world.touch(comment)
            await self._tell(comment, "edited")
        return {"success": True}

    async def _remove(self, comment: Comment) -> dict[str, Any]:
        self.world.remove(comment)
        await self._tell(comment, "remove")
        return {"success": True}

    async def _tell(self, comment: Comment, verb: str) -> None:
        """Tell by webhook what the page itself did."""
        value = change(comment, verb, self.world.now())
        if self.echo == "before":
            await self.hooks.now_or_later((self.world.page_id, value))
        elif self.echo == "after":
            self.hooks.add((self.world.page_id, value))


def change(comment: Comment, verb: str, at: datetime) -> dict[str, Any]:
    """Return a change of a comment as the webhook field ``feed`` shapes it."""
    value: dict[str, Any] = {
        **_from(comment),
        "item": "comment",
        "verb": verb,
        "post_id": comment.post_id,
        "comment_id": comment.id,
        "parent_id": comment.parent_id or comment.post_id,
        "created_time": int((comment.created_at if verb in {"add", "edited"} else at).timestamp()),
    }
    if verb in {"add", "edited"}:
        value["message"] = comment.message
    return value


def _from(comment: Comment) -> dict[str, Any]:
    """Who made a comment; of some people nothing is shown."""
    return {"from": {"id": comment.author_id, "name": comment.author_name}} if comment.author_id else {}


def _shown_comment(comment: Comment, fields: tuple[Field, ...]) -> dict[str, Any]:
    told = {
        "id": comment.id,
        "message": comment.message,
        "created_time": _iso(comment.created_at),
        **_from(comment),
        "is_hidden": comment.is_hidden,
        "permalink_url": f"https://www.facebook.com/{comment.post_id}?comment_id={comment.id}",
        **({"parent": {"id": comment.parent_id}} if comment.parent_id else {}),
    }
    return {field.name: told[field.name] for field in fields if field.name in told}


async def _options(request: Request) -> Options:
    """What is asked, in the query, as a form or as JSON."""
    asked = dict(request.query_params)
    if request.method in {"POST", "DELETE"}:
        if request.headers.get("content-type", "").startswith("application/json"):
            body = json.loads(await request.body() or b"{}")
            asked |= {name: json.dumps(v) if isinstance(v, bool) else str(v) for name, v in body.items()}
        else:
            asked |= dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    return asked


def _fields(options: Options, default: str) -> tuple[Field, ...]:
    fields = parse(options.get("fields") or default)
    return fields if any(field.name == "id" for field in fields) else (Field("id", {}, (), ""), *fields)


def _seconds(since: str) -> int:
    return int(since) if since.isdecimal() else int(datetime.fromisoformat(since).timestamp())


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode()


def _place(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor))
    except ValueError as wrong:
        raise ValueError(f"Invalid cursors values: {cursor!r}") from wrong


def _proof(token: str, app_secret: str) -> str:
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
