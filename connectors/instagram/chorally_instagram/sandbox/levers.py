"""The sandbox as the conformance kit takes hold of it, in both flavours, and its routes for any object."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

from chorally_meta.sandbox import Owned, Told
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_instagram.config import AccountSettings, AppSettings
from chorally_instagram.sandbox.publishing import PublishingRoutes
from chorally_sdk.sandbox import Call, Connection, Made, Profile, answers


class Account(PublishingRoutes):
    """An account by Instagram Login, without a network and on a clock that stands."""

    description = ("instagram/api_specs", "facebook/api_specs")  # conversations are described with pages only
    tells_removals: ClassVar[bool] = False
    posted_with = (sdk.Attachment(kind="image", url="https://media.example/lamp.jpg", media_type="image/jpeg"),)
    excused: ClassVar[Mapping[str, str]] = {
        r"/conversations \?fields": "the nodes leave out the messages of a conversation: to, story, reply_to",
        r"/content_publishing_limit \?fields": "the nodes leave out ContentPublishingLimitResponse",
        r"/accounts \?fields": "the node Page has no tasks; Meta's own Postman collection for Instagram asks for them",
    }

    def __init__(self) -> None:
        super().__init__()
        self.courier.deliver = "manual"
        self.courier.callback_url = "https://chorally.example/hooks"
        self._grant: sdk.Grant | None = None

    def connection(self) -> Connection:
        """Say how the account is connected: by a token that is two days old."""
        if self._grant is None:
            token = self.aged()
            access = SecretStr(token.access)
            self._grant = sdk.Grant(access=access, expires_at=token.expires_at, scopes=token.scopes)
        data = {"username": self.world.username, "scoped_id": self.world.scoped_id}
        world = self.world
        return Connection(world.account, world.username, self._grant, AccountSettings(), self._app(), data=data)

    def second_grant(self) -> sdk.Grant:
        """Return another token of the same account."""
        return sdk.Grant(access=SecretStr(self.aged().access))

    def _app(self) -> AppSettings:
        return AppSettings(
            client_id=self.login.oauth.client_id,
            app_secret=SecretStr(self.courier.app_secret),
            verify_token=SecretStr(self.courier.verify_token),
            login="facebook" if self.by_facebook else "instagram",
        )

    def profiles(self) -> Sequence[Profile]:
        """Tell of the one account of a consent."""
        return [Profile(self.world.account, self.world.username)]

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person comment on the newest media, or reply."""
        return self.add_comment(author, body, parent_id=parent).id

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person write a message with a file."""
        file = self.world.file("image", content=content, media_type="image/png")
        return self.write("ada", body, files=(file.id,)).id

    async def say_elsewhere(self, body: str, *, target: str) -> str:
        """Let the account answer a comment in Instagram's own app."""
        made = self.world.comment(self.world.account, body, target)
        self.tell(self.change(made), field="comments")
        return made.id

    async def remove(self, external_id: str) -> None:
        """Let a person remove a comment, of which no webhook tells, or a message, of which one does."""
        if external_id in self.world.said:
            self.unsay(external_id)
            return
        self.world.remove(self.world.comments[external_id])

    def made(self) -> Sequence[Made]:
        """Tell the account's own comments, messages and posts."""
        world = self.world
        comments = [each for each in world.comments.values() if each.author == world.account]
        posts = [each for each in world.media.values() if each.is_called_for]
        said = [each for each in world.said.values() if each.author == world.account]
        return [
            *(Made(each.id, each.text, each.parent_id or each.media_id, each.is_hidden) for each in comments),
            *(Made(each.id, each.caption) for each in posts),
            *(Made(each.id, each.text, each.person) for each in said),
        ]

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell how people see a comment."""
        comment = self.world.comments.get(external_id)
        if comment is None:
            return "gone"
        return "hidden" if comment.is_hidden else "visible"

    def batch(self, *bodies: str) -> sdk.RawHook:
        """Return one hook of several comments."""
        self.courier.taken()
        for body in bodies:
            self.add_comment("ada", body)
        return self.hooks()[0]

    def batch_of_accounts(self, bodies: Mapping[str, str]) -> sdk.RawHook:
        """Return one hook of several accounts."""
        now, media, person = self.clock(), self.world.latest().id, self.known("ada")
        told = [
            (now, Told(account, self.change(self.world.comment(person, body, media)), "comments"))
            for account, body in bodies.items()
        ]
        return self.signed(self.courier.pack(told))

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Return the longest comment."""
        return 2200, "code_points"

    def state(self) -> Mapping[str, Any]:
        """Show everything: media, comments, messages, containers, subscriptions."""
        world = self.world
        groups: Mapping[str, Mapping[str, object]] = {
            "media": world.media, "comments": world.comments, "messages": world.said, "containers": world.containers,
        }  # fmt: skip
        shown = {name: [_plain(vars(each)) for each in things.values()] for name, things in groups.items()}
        return {"account": {"id": world.account, "username": world.username}, **shown, "made": len(self.made())}

    _lengthen, _renew = PublishingRoutes._lengthen, PublishingRoutes._renew  # asked before what follows

    @answers("GET", "/{object_id}")
    async def _object(self, call: Call) -> Any:
        named, world = call.path["object_id"], self.world
        if named == "me":
            return self.shown_me(call)
        if named == world.account:
            return self.shown_mention(call, self.fields(call, "id"))
        if named in world.said:
            return self.shown_message(world.said[named], self.fields(call, "id,created_time"))
        if named in world.containers:
            return self.shown_container(world.containers[named], call)
        if named in world.media:
            return self.shown_media(call, world.media[named], self.fields(call, "id"))
        if named in self.names:
            return self.shown_person(named, self.fields(call, "name"))
        return self.shown_comment(call, world.comments[named], self.fields(call, "id,text,timestamp"))

    @answers("POST", "/{object_id}")
    async def _change_object(self, call: Call) -> Any:
        comment = self.world.comments[call.path["object_id"]]
        hide = self.asked(call).get("hide", "").lower()
        if hide not in {"true", "false"}:
            raise ValueError("The parameter hide is required")
        comment.is_hidden = hide == "true"
        return {"success": True}

    @answers("DELETE", "/{object_id}")
    async def _remove_object(self, call: Call) -> Any:
        named, world = call.path["object_id"], self.world
        if named in world.media:
            for comment in [each for each in world.comments.values() if each.media_id == named]:
                world.comments.pop(comment.id, None)
            del world.media[named]
        else:
            world.remove(world.comments[named])
        return {"success": True}


class AccountOfPage(Account):
    """An account by Facebook Login: a person's pages, each with its token and its account."""

    by_facebook: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.owned += [Owned(f"20000000000000{n}", f"Page {n}", f"token-of-page-{n}") for n in range(4)]
        self.accounts_at_once = 2
        self._consented: sdk.Grant | None = None

    def connection(self) -> Connection:
        """Say how the account is connected: by its page's token, derived from a person's."""
        if self._consented is None:
            self._consented = self.person()
        data = {"username": self.world.username, "page_id": self.account.id}
        grant = sdk.Grant(access=SecretStr("sandbox-page-token"))
        world = self.world
        return Connection(
            world.account, world.username, grant, AccountSettings(), self._app(), consented=self._consented, data=data
        )

    def second_grant(self) -> sdk.Grant:
        """Return the token of another page."""
        return sdk.Grant(access=SecretStr(self.owned[1].token))

    def profiles(self) -> Sequence[Profile]:
        """Tell of the accounts of the person's pages: more than one page of the listing."""
        shown = [self.shown_account(page)["instagram_business_account"] for page in self.owned]
        return [Profile(each["id"], each["username"]) for each in shown]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes | tuple):
        return len(value)
    return value.isoformat() if isinstance(value, datetime) else value
