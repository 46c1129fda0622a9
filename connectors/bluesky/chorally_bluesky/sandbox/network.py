"""The network as a twin: its routes, and the levers that the kit's checks pull."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from chorally_bluesky.config import AccountSettings, AppSettings
from chorally_bluesky.sandbox.errors import ERRORS
from chorally_bluesky.sandbox.login import CLIENT, LIFE, Login
from chorally_bluesky.sandbox.server import Server
from chorally_bluesky.sandbox.world import POST, Record, World, cid_of
from chorally_bluesky.translate import REPLY
from chorally_sdk.model.accounts import Grant
from chorally_sdk.sandbox import Clock, Connection, Failure, Made, Twin

OURS = "acme.test"
_FAULTS = {kind.partition("/")[0] for kind in Twin.kinds if kind.endswith("/write")}


class Network(Server):
    """One server with some accounts; ``acme.test`` is the one that is connected."""

    channel = REPLY
    description = "bluesky/lexicons"
    own_only = frozenset({"delete"})
    kinds: ClassVar[frozenset[str]] = Twin.kinds | {f"{kind}/prepare" for kind in _FAULTS}
    errors: ClassVar[Mapping[str, Failure]] = ERRORS

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make a network on which the account has posted once."""
        clock = clock or Clock()
        scopes = frozenset({"atproto", "transition:generic"})
        login = Login(clock, client_id=CLIENT, client_secret="", scopes=scopes, lifetime=LIFE)
        super().__init__(World(clock), login, clock=clock, seed=seed)
        self.did = self.world.account(OURS)
        self.news: Record = self.world.post(self.did, "We are open from nine to six.")
        self.grant = self.a_grant(subject=self.did)

    def connection(self) -> Connection:
        """How the account is connected: by a session."""
        app = AppSettings(client_id=CLIENT)
        return Connection(self.did, OURS, self.grant, AccountSettings(), app)

    def second_grant(self) -> Grant:
        """Return another session of the account."""
        return self.a_grant(subject=self.did)

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let somebody answer the account's post, or another one."""
        return self.world.post(self.world.account(author or "ada"), body, parent=parent or self.news.uri, at=at).uri

    async def attach(self, body: str, content: bytes) -> str:
        """Let somebody answer with a picture."""
        did, cid = self.world.account("ada"), cid_of(content, "bafkrei")
        self.world.blobs[did, cid] = (content, "image/png")
        blob = {"$type": "blob", "ref": {"$link": cid}, "mimeType": "image/png", "size": len(content)}
        embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": "A photo"}]}
        return self.world.post(did, body, parent=self.news.uri, embed=embed).uri

    async def remove(self, external_id: str) -> None:
        """Let an author delete a post, with its pictures."""
        post = self.world.records.pop(external_id)
        for image in post.value.get("embed", {}).get("images", ()):
            self.world.blobs.pop((post.did, image["image"]["ref"]["$link"]), None)

    async def say_elsewhere(self, body: str, *, target: str) -> str:
        """Let the account answer by Bluesky's own app."""
        return self.world.post(self.did, body, parent=target).uri

    def made(self) -> Sequence[Made]:
        """Tell what the account posted, but for its first post."""
        return [
            Made(post.uri, post.value["text"], post.refers("parent") or None, self._is_hidden(post))
            for post in reversed(list(self.world.posts()))
            if post.did == self.did and post.uri != self.news.uri
        ]

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell how people see a post."""
        post = self.world.records.get(external_id)
        if post is None:
            return "gone"
        return "hidden" if self._is_hidden(post) else "visible"

    def forget_cursors(self) -> None:
        """Let no cursor be known any more."""
        self.generation += 1

    def expire(self) -> None:
        """Let two hours pass."""
        self.has_expired = True
        self.clock.pass_(hours=2, minutes=1)

    def consent(self, url: str) -> Mapping[str, str]:
        """Let the account's owner agree on the page that names a pushed request."""
        named = parse_qs(urlsplit(url).query)["request_uri"][0]
        params = self.oauth.consent(f"https://page.example/?{urlencode(self.pushed.pop(named))}")
        self.consented = self.did
        return {**params, "iss": self.issuer}

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Three hundred letters as people see them."""
        return 300, "graphemes"

    def seen_files(self) -> Sequence[bytes]:
        """Tell the pictures of what the account posted."""
        shown = []
        for record in self.world.records.values():
            embed = record.value.get("embed", {}) if record.did == self.did else {}
            shown += [each["image"]["ref"]["$link"] for each in embed.get("media", embed).get("images", ())]
        return [self.world.blobs[self.did, cid][0] for cid in shown]

    def media_limit(self, verb: str) -> Mapping[str, int]:
        """Two million bytes of any picture."""
        return {"image/*": 2_000_000}

    def reply_unnoticed(self, body: str, *, parent: str = "", author: str = "ada") -> str:
        """Let somebody answer before the AppView knows the post: no notification will ever come."""
        parent = parent or self.news.uri
        return self.world.post(self.world.account(author), body, parent=parent, is_noticed=False).uri

    def mention(self, body: str, author: str = "ada", **more: Any) -> str:
        """Let somebody mention the account in a post of their own."""
        end = len(body.encode())
        facet = {
            "index": {"byteStart": 0, "byteEnd": end},
            "features": [{"$type": "app.bsky.richtext.facet#mention", "did": self.did}],
        }
        return self.world.post(self.world.account(author), body, facets=[facet], **more).uri

    def quote(self, body: str, author: str = "ada") -> str:
        """Let somebody quote the account's first post."""
        embed = {"$type": "app.bsky.embed.record", "record": self.news.reference()}
        return self.world.post(self.world.account(author), body, embed=embed).uri

    def state(self) -> Mapping[str, Any]:
        """Show everything, for the control plane."""
        posts = [
            {"uri": post.uri, "author": self.world.handle_of(post.did), "text": post.value["text"]}
            for post in self.world.posts()
        ]
        others = [record.uri for record in self.world.records.values() if f"/{POST}/" not in record.uri]
        return {"account": self.did, "posts": posts, "records": others, "blobs": len(self.world.blobs)}

    def _is_hidden(self, post: Record) -> bool:
        return post.uri in self.world.hidden_in(post.refers("root"))
