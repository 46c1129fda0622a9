"""The routes of the network: its server of accounts, AppView, directory and authorization server."""

import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from chorally_bluesky.config import PLC
from chorally_bluesky.sandbox.appview import AppView
from chorally_bluesky.sandbox.login import PASSWORD, Login, request_uri, thumbprint
from chorally_bluesky.sandbox.world import POST, Record, World, cid_of
from chorally_sdk.sandbox import Call, Clock, Refusal, Twin, answers, by_token
from chorally_sdk.sandbox.oauth import Refused, Token
from chorally_sdk.text import length

_TID = re.compile(r"[234567abcdefghij][234567a-z]{12}")
_HIGH = 1 << 40
_XRPC = "/xrpc/com.atproto"
_SHOWS = "/xrpc/app.bsky"


class Server(Twin):
    """Answers as the lexicons say."""

    def __init__(self, world: World, login: Login, *, clock: Clock, seed: int) -> None:
        super().__init__(clock=clock, seed=seed, oauth=login)
        self.login = login
        self.world = world
        self.shows = AppView(world)
        self.generation = 0
        self.issuer = "https://bsky.social"
        self.pushed: dict[str, dict[str, str]] = {}
        self.bound: dict[str, str] = {}
        """Thumbprint of the key by access token."""
        self.consented = ""
        self.seen_at = ""
        self.is_active = True
        self.has_expired = False
        """Whether tokens end at their time."""
        self.proxied: set[str] = set()
        """Services that were named by ``atproto-proxy``."""

    # sessions

    @answers("POST", f"{_XRPC}.server.createSession", on="token", is_open=True)
    async def create_session(self, call: Call) -> Any:
        """Open a session with an app password."""
        name = str(call.fields["identifier"])
        did = name if name.startswith("did:") else self.world.handles.get(name, "")
        if not did or call.fields["password"] != PASSWORD:
            raise Refusal("password")
        return self._session(self.login.issue(subject=did), call)

    @answers("POST", f"{_XRPC}.server.refreshSession", on="token", is_open=True)
    async def refresh_session(self, call: Call) -> Any:
        """Give the next pair for a refresh token."""
        return self._session(self.login.spent(call.token), call)

    @answers("POST", f"{_XRPC}.server.deleteSession", on="token", is_open=True)
    async def delete_session(self, call: Call) -> Any:
        """End a session by its refresh token."""
        self._end(call.token)
        return Response()

    @answers("GET", f"{_XRPC}.server.getSession")
    async def get_session(self, call: Call) -> Any:
        """Say who the token speaks for."""
        did = self._who(call)
        state = {"active": True} if self.is_active else {"active": False, "status": "deactivated"}
        return {"did": did, "handle": self.world.handle_of(did), **state}

    # identity and consent

    @answers("GET", f"{_XRPC}.identity.resolveHandle", on="identity", is_open=True)
    async def resolve_handle(self, call: Call) -> Any:
        """Say what a handle leads to."""
        if call.query["handle"] not in self.world.handles:
            raise Refusal("no-handle")
        return {"did": self.world.handles[call.query["handle"]]}

    @answers("GET", "/{did}", on="identity", is_open=True)
    async def directory(self, call: Call) -> Any:
        """Give a DID document, as the directory does."""
        did = call.path["did"]
        pds = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self._here(call)}
        return {"id": did, "alsoKnownAs": [f"at://{self.world.handle_of(did)}"], "service": [pds]}

    @answers("GET", "/.well-known/oauth-protected-resource", on="identity", is_open=True)
    async def resource(self, call: Call) -> Any:
        """Name the authorization server."""
        here = self._here(call)
        return {"resource": here, "authorization_servers": [here]}

    @answers("GET", "/.well-known/oauth-authorization-server", on="identity", is_open=True)
    async def authority(self, call: Call) -> Any:
        """Describe the authorization server."""
        here = self._here(call)
        return {
            "issuer": here,
            "authorization_endpoint": f"{here}/oauth/authorize",
            "token_endpoint": f"{here}/oauth/token",
            "revocation_endpoint": f"{here}/oauth/revoke",
            "pushed_authorization_request_endpoint": f"{here}/oauth/par",
            "require_pushed_authorization_requests": True,
            "dpop_signing_alg_values_supported": ["ES256"],
            "scopes_supported": sorted(self.oauth.scopes),
        }

    @answers("POST", "/oauth/par", on="token", is_open=True)
    async def push(self, call: Call) -> Any:
        """Take a request of consent."""
        thumbprint(call)
        if call.fields.get("client_id") != self.oauth.client_id:
            raise Refusal("invalid", message="the client is not known")
        name = request_uri()
        self.pushed[name] = call.fields
        return JSONResponse({"request_uri": name, "expires_in": 299}, 201)

    @answers("POST", "/oauth/token", on="token", is_open=True)
    async def token(self, call: Call) -> Any:
        """Give tokens that are bound to the key of the call."""
        key = thumbprint(call)
        try:
            told = self.oauth.answer(call.fields)
        except Refused as refused:
            return JSONResponse({"error": refused.error}, refused.status)
        self.bound[told["access_token"]] = key
        given = self._token(told["access_token"])
        given.subject = given.subject or self.consented
        return {**told, "token_type": "DPoP", "sub": given.subject}

    @answers("POST", "/oauth/revoke", on="token", is_open=True)
    async def take_back(self, call: Call) -> Any:
        """Take tokens back; those that nobody knows are taken back already."""
        with suppress(Refusal):
            self._end(call.fields["token"])
        return {}

    # what the AppView shows

    @answers("GET", f"{_SHOWS}.notification.listNotifications")
    async def list_notifications(self, call: Call) -> Any:
        """List what the account is told, the newest first."""
        did, reasons = self._who(call), call.request.query_params.getlist("reasons")
        told = [(post, why) for post in self.world.posts() if (why := self.world.reason(post, did)) in reasons]
        cut, cursor = self._cut(call, told, lambda each: each[0])
        return {"notifications": [self.shows.notification(post, why or "") for post, why in cut], **cursor}

    @answers("POST", f"{_SHOWS}.notification.updateSeen", on="seen")
    async def update_seen(self, call: Call) -> Any:
        """Note what was seen."""
        self.seen_at = call.fields["seenAt"]
        return Response()

    @answers("GET", f"{_SHOWS}.feed.getAuthorFeed")
    async def author_feed(self, call: Call) -> Any:
        """List what an account posted, the newest first."""
        mine = [post for post in self.world.posts() if post.did == call.query["actor"]]
        cut, cursor = self._cut(call, mine, lambda post: post)
        return {"feed": [{"post": self.shows.post(post, self._who(call))} for post in cut], **cursor}

    @answers("GET", f"{_SHOWS}.feed.getPostThread")
    async def post_thread(self, call: Call) -> Any:
        """Show a post and what hangs on it."""
        post = self.world.records[call.query["uri"]]
        return {"thread": self.shows.thread(post, self._who(call), int(call.query.get("depth", 6)))}

    @answers("GET", f"{_SHOWS}.feed.getPosts", on="prepare")
    async def get_posts(self, call: Call) -> Any:
        """Show posts, without those that are gone."""
        uris = call.request.query_params.getlist("uris")
        known = [self.world.records[uri] for uri in uris if uri in self.world.records]
        return {"posts": [self.shows.post(post, self._who(call)) for post in known]}

    # records and files

    @answers("POST", f"{_XRPC}.repo.putRecord")
    async def put_record(self, call: Call) -> Any:
        """Write a record, unless another one is there that was not named."""
        asked, record = call.fields, call.fields["record"]
        uri = f"at://{self._who(call)}/{asked['collection']}/{asked['rkey']}"
        if not _TID.fullmatch(asked["rkey"]):
            raise Refusal("invalid", message="Invalid TID string")
        if asked["collection"] == POST:
            self._judge(record)
        known = self.world.records.get(uri)
        is_same = known is not None and known.value == record
        if "swapRecord" in asked and not is_same and asked["swapRecord"] != (known.cid if known else None):
            raise Refusal("swap")
        return {**self.world.put(uri, record).reference(), "validationStatus": "valid"}

    @answers("POST", f"{_XRPC}.repo.deleteRecord")
    async def delete_record(self, call: Call) -> Any:
        """Delete a record, if it is there."""
        self.world.records.pop(f"at://{self._who(call)}/{call.fields['collection']}/{call.fields['rkey']}", None)
        return {}

    @answers("GET", f"{_XRPC}.repo.getRecord")
    async def get_record(self, call: Call) -> Any:
        """Give a record."""
        asked = call.query
        found = self.world.records.get(f"at://{asked['repo']}/{asked['collection']}/{asked['rkey']}")
        if found is None:
            raise Refusal("no-record")
        return {**found.reference(), "value": found.value}

    @answers("POST", f"{_XRPC}.repo.uploadBlob", on="prepare")
    async def upload_blob(self, call: Call) -> Any:
        """Take a file that nobody sees yet."""
        content, kind = await call.request.body(), call.request.headers.get("content-type", "")
        cid = cid_of(content, "bafkrei")
        self.world.blobs[self._who(call), cid] = (content, kind)
        return {"blob": {"$type": "blob", "ref": {"$link": cid}, "mimeType": kind, "size": len(content)}}

    @answers("GET", f"{_XRPC}.sync.getBlob", is_open=True)
    async def get_blob(self, call: Call) -> Any:
        """Give a file."""
        found = self.world.blobs.get((call.query["did"], call.query["cid"]))
        if found is None:
            raise Refusal("no-blob")
        return Response(found[0], media_type=found[1])

    # within

    def authorise(self, call: Call) -> None:
        """Judge a call by its session's token, or by a bound one and its proof."""
        scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
        if not token:
            raise Refusal("unsigned")
        if self.has_expired and self.oauth.live(token) is None:
            raise Refusal("bound" if scheme == "DPoP" else "expired")
        self._token(token)
        if token in self.bound and (scheme != "DPoP" or thumbprint(call, token) != self.bound[token]):
            raise Refusal("proof")
        self.proxied.add(call.request.headers.get("atproto-proxy", ""))

    def _who(self, call: Call) -> str:
        return self._token(call.request.headers.get("authorization", "").partition(" ")[2]).subject

    def _token(self, access: str) -> Token:
        """A token that was given; it ends only where tokens were let expire, however long people talk."""
        for known in self.oauth.tokens:
            if known.access == access and not known.is_revoked:
                return known
        raise Refusal("expired")

    def _end(self, refresh: str) -> None:
        for known in self.oauth.tokens:
            if known.refresh == refresh and not known.is_revoked:
                known.is_revoked = True
                return
        raise Refusal("expired")

    def _session(self, token: Any, call: Call) -> dict[str, Any]:
        did = token.subject
        told = {"accessJwt": token.access, "refreshJwt": token.refresh, "did": did, "active": True}
        return {**told, "handle": self.world.handle_of(did)}

    def _judge(self, record: dict[str, Any]) -> None:
        size = len(record["text"].encode())
        if length(record["text"], "graphemes") > 300 or size > 3000:
            raise Refusal("invalid", message="grapheme too big (maximum 300)")
        for facet in record.get("facets", ()):
            if not 0 <= facet["index"]["byteStart"] < facet["index"]["byteEnd"] <= size:
                raise Refusal("invalid", message="a facet is not within the text")

    def _cut(self, call: Call, found: Any, post: Any) -> tuple[Any, dict[str, str]]:
        generation, _, after = call.query.get("cursor", "").partition(".")
        if after and generation != str(self.generation):
            raise Refusal("invalid", message="the cursor is not known")

        def place(each: Any) -> int:
            record: Record = post(each)
            return _HIGH - record.place

        asked = {"after": after, "limit": call.query.get("limit", "50")}
        cut = by_token(found, asked, place, size=self.size, is_stuck=call.is_stuck)
        return cut.shown, {"cursor": f"{self.generation}.{cut.next}"} if cut.next else {}

    def _here(self, call: Call) -> str:
        """Where the server is, as it was called last by its own name and not by that of the directory."""
        if call.request.url.hostname != urlsplit(PLC).hostname:
            self.issuer = call.url("").rstrip("/")
        return self.issuer
