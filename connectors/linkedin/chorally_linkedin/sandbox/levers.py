"""The sandbox as people and the conformance kit take hold of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_linkedin.config import AccountSettings, AppSettings
from chorally_linkedin.little import plain
from chorally_linkedin.names import COMMENT, is_comment, number_of
from chorally_linkedin.sandbox import shown
from chorally_linkedin.sandbox.desk import Desk
from chorally_linkedin.sandbox.errors import ERRORS
from chorally_linkedin.sandbox.world import NAME, OURS, Post, member, ms
from chorally_linkedin.webhook import TOLD
from chorally_sdk.sandbox import Clock, Connection, Failure, Made, Profile, Subscribed

HOOKS = "https://chorally.example/linkedin/hooks"
CHALLENGE = "3f1c9c57-0a52-4d35-9b6e-5d1f7f8f4a10"


class Sandbox(Desk):
    """A page that has posted once; its owner administers three others."""

    channel = COMMENT
    own_only: ClassVar[frozenset[sdk.Verb]] = frozenset({"edit"})
    errors: ClassVar[Mapping[str, Failure]] = ERRORS

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make a page that nobody has written to."""
        super().__init__(clock=clock or Clock(), seed=seed)
        self.news: Post = self.world.post(OURS, "We are open from nine to six.")
        self.world.organizations |= {f"urn:li:organization:{900 + each}": f"Page {each}" for each in range(3)}
        self.courier.callback_url = HOOKS
        self.grant = self.a_grant()

    def connection(self) -> Connection:
        """Say how the page is connected: by the grant of a member who administers it."""
        if self.clock.is_running and self.oauth.live(self.grant.access.get_secret_value()) is None:
            self.grant = self.a_grant()
            self.news.created_at = self.news.changed_at = self.clock()
        app = AppSettings(
            site="/",
            client_id=self.oauth.client_id,
            client_secret=SecretStr(self.oauth.client_secret),
            application_id="86000001",
        )
        return Connection(OURS, NAME, self.grant, AccountSettings(organization=OURS), app)

    def second_grant(self) -> sdk.Grant:
        """Return another grant of the member."""
        return self.a_grant()

    def withhold(self, scope: str) -> sdk.Grant:
        """Return a grant that lacks a scope; consents from now on lack it too."""
        self.oauth.withheld = {scope}
        return self.a_grant()

    def consent(self, url: str) -> Mapping[str, str]:
        """Let the member agree."""
        return self.oauth.consent(url)

    def expire(self) -> None:
        """Let sixty days pass."""
        self.clock.pass_(days=60, minutes=1)

    def keeps_refresh(self) -> None:
        """Change nothing: LinkedIn never gives another refresh token."""

    def profiles(self) -> Sequence[Profile]:
        """Tell the pages of the member."""
        return [Profile(urn, name) for urn, name in self.world.organizations.items()]

    # what people do

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a member comment on the page's post, or answer a comment."""
        post = self.world.comments[parent].post if parent else self.news
        made = self.world.comment(member(author) if author else None, body, post, parent, at)
        self.tell("COMMENT", made)
        return made.id

    async def attach(self, body: str, content: bytes) -> str:
        """Let a member comment with a picture."""
        file = self.world.file("image")
        file.content, file.is_whole, file.asked = content, True, 1
        made = self.world.comment(member("ada"), body, self.news)
        made.file = file.urn
        self.tell("COMMENT", made)
        return made.id

    async def edit(self, external_id: str, body: str) -> None:
        """Let a member change a comment."""
        made = self.world.comments[external_id]
        made.text, made.changed_at = body, self.clock()
        self.tell("COMMENT_EDIT", made)

    async def remove(self, external_id: str) -> None:
        """Let a member delete a comment."""
        self.uncomment(external_id)

    async def say_elsewhere(self, body: str, *, target: str) -> str:
        """Let the page answer by LinkedIn's own pages."""
        above = self.world.comments[target]
        made = self.world.comment(OURS, body, above.post, above.parent or target)
        self.tell("ADMIN_COMMENT", made)
        return made.id

    def mention(self, body: str, *, author: str = "ada", action: str = "SHARE_MENTION", source: str = "") -> str:
        """Let a member mention the page in a post, or pass one of its posts on."""
        made = self.world.post(member(author), body)
        told = shown.shared(action, made, len(self.told) + 5_000_001, ms(self.clock()), page=OURS, source=source)
        self.told.append(told)
        self.courier.add(told)
        return made.urn

    # what is seen

    def made(self) -> Sequence[Made]:
        """Tell what the page wrote, by calls or elsewhere, but for its first post."""
        comments = [each for each in self.world.comments.values() if each.actor == OURS]
        posts = [each for each in self.world.posts.values() if each.is_called_for]
        return [
            *(Made(each.id, each.text, None if each.parent is None else self._about(each.parent)) for each in comments),
            *(Made(each.urn, plain(each.commentary)) for each in posts),
        ]

    def _about(self, parent: str) -> str | None:
        """What an answer is about; not known where the comment has answers of others, beside which it stands."""
        others = [each for each in self.world.comments.values() if each.parent == parent and each.actor != OURS]
        return None if others else parent

    def seen_files(self) -> Sequence[bytes]:
        """Tell the files of the page's posts."""
        posts = json.dumps([each.content for each in self.world.posts.values() if each.is_called_for])
        return [file.content for urn, file in self.world.files.items() if f'"{urn}"' in posts]

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell whether a comment or a post is there."""
        known = external_id in self.world.comments or external_id in self.world.posts
        return "visible" if known else "gone"

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Return the longest comment."""
        return 1250, "utf16"

    def state(self) -> Mapping[str, Any]:
        """Show everything, for the control plane."""
        comments = [
            {"id": each.id, "post": each.post.urn, "parent": each.parent, "actor": each.actor, "text": each.text}
            for each in self.world.comments.values()
        ]
        posts = [{"id": each.urn, "author": each.author, "text": each.commentary} for each in self.world.posts.values()]
        liked = [number_of(urn) if is_comment(urn) else urn for urn in sorted(self.world.likes)]
        return {"page": OURS, "posts": posts, "comments": comments, "liked": liked, "hooks": self.courier.waiting}

    # webhooks

    def hooks(self) -> Sequence[sdk.RawHook]:
        """Take the webhooks that wait."""
        return [self._hook(body, headers) for body, headers in self.courier.taken()]

    def signed(self, body: bytes) -> sdk.RawHook:
        """Return a webhook of any body."""
        return self._hook(body, self.courier.headers(body))

    def _hook(self, body: bytes, headers: Mapping[str, str]) -> sdk.RawHook:
        lower = {name.lower(): value for name, value in headers.items()}
        return sdk.RawHook(method="POST", headers=lower, body=body, received_at=self.clock())

    def batch(self, *bodies: str) -> sdk.RawHook:
        """Return one webhook of several comments."""
        self.courier.taken()
        for body in bodies:
            self.tell("COMMENT", self.world.comment(member("ada"), body, self.news))
        return self.hooks()[0]

    def batch_of_accounts(self, bodies: Mapping[str, str]) -> sdk.RawHook:
        """Return one webhook of several pages."""
        told: list[dict[str, Any]] = []
        for page, body in bodies.items():
            made = self.world.post(member("ada"), body)
            told.append(shown.shared("SHARE_MENTION", made, len(told) + 1, ms(self.clock()), page=page))
        return self.signed(self.courier.pack([(self.clock(), each) for each in told]))

    def unknown(self) -> sdk.RawHook:
        """Return a webhook of a kind that is not documented, and of an action that is not."""
        odd = {"notificationId": 1, "organizationalEntity": OURS, "action": "APPLAUSE", "lastModifiedAt": 1}
        return self.signed(json.dumps({"type": TOLD, "notifications": [odd]}).encode())

    def handshake(self, *, is_forged: bool = False) -> tuple[sdk.RawHook, bytes]:
        """Return the test of a URL; LinkedIn proves nothing by it, so that a forged one is one that asks nothing."""
        query = {} if is_forged else {"challengeCode": CHALLENGE, "applicationId": "86000001"}
        hook = sdk.RawHook(method="GET", query=query, received_at=self.clock())
        return hook, json.dumps(self.courier.proof(CHALLENGE)).encode()

    def keys(self) -> sdk.Keys:
        """Return the client secret."""
        return sdk.Keys(secrets={"client_secret": (SecretStr(self.courier.secret),)})

    def subscriptions(self) -> Sequence[Subscribed]:
        """Tell what is subscribed."""
        return self.leases.live()

    def lose_subscriptions(self) -> None:
        """Let LinkedIn forget them, as after failures."""
        self.leases.lose()
