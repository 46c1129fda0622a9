"""The sandbox as the conformance kit takes hold of it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from chorally_meta.sandbox import Owned, Told
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_facebook.config import AccountSettings, AppSettings
from chorally_facebook.sandbox.comments import change
from chorally_facebook.sandbox.page import PageTwin
from chorally_sdk.sandbox import Connection, Made, Profile


class Page(PageTwin):
    """A page of the sandbox, without a network and on a clock that stands."""

    description = "facebook/api_specs"
    own_only: ClassVar[frozenset[sdk.Verb]] = frozenset({"edit"})

    def __init__(self) -> None:
        super().__init__()
        self.configure(hold_s=0, deliver="manual", callback_url="https://chorally.example/hooks")
        self.owned += [Owned(f"20000000000000{n}", f"Page {n}", f"token-of-page-{n}") for n in range(4)]
        self.accounts_at_once = 2
        self._consented: sdk.Grant | None = None

    def connection(self) -> Connection:
        """Say how the page is connected: by its own token, derived from a person's."""
        if self._consented is None:
            self._consented = self.person()
        grant = sdk.Grant(access=SecretStr("sandbox-token"))
        app = AppSettings(
            client_id=self.login.oauth.client_id,
            app_secret=SecretStr(self.courier.app_secret),
            verify_token=SecretStr(self.courier.verify_token),
        )
        return Connection(
            self.world.page_id, self.world.page_name, grant, AccountSettings(), app, consented=self._consented
        )

    def profiles(self) -> Sequence[Profile]:
        """Tell of the pages of the person: more than one page of the listing."""
        return [Profile(page.id, page.name) for page in self.owned]

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person write a message with a file."""
        file = self.world.file("image", content=content, media_type="image/png")
        return self.write("ada", body, files=(file.id,)).id

    async def say_elsewhere(self, body: str, *, target: str) -> str:
        """Let the page answer a comment by another program."""
        made = self.world.comment(self.world.page_id, self.world.page_name, body, target)
        self.courier.add(Told(self.world.page_id, change(made, "add", self.clock()), "feed"))
        return made.id

    async def edit(self, external_id: str, body: str) -> None:
        """Let a person edit a comment."""
        self.change_comment(external_id, message=body)

    async def remove(self, external_id: str) -> None:
        """Let a person remove a comment, or a message."""
        if external_id in self.world.said:
            self.unsay(external_id)
            return
        self.remove_comment(external_id)

    def made(self) -> Sequence[Made]:
        """Tell the page's own comments, messages and posts."""
        world = self.world
        comments = [each for each in world.comments.values() if each.author_id == world.page_id]
        posts = [each for each in world.posts.values() if each.is_called_for]
        said = [each for each in world.said.values() if each.author_id == world.page_id]
        return [
            *(Made(each.id, each.message, each.parent_id or each.post_id, each.is_hidden) for each in comments),
            *(Made(each.id, each.message, None, each.is_hidden) for each in posts),
            *(Made(each.id, each.message, each.person_id) for each in said),
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
        """Return one hook of several pages."""
        now, post = self.clock(), self.world.latest_post().id
        told = [
            (now, Told(page, change(self.world.comment("ada", "Ada", body, post), "add", now), "feed"))
            for page, body in bodies.items()
        ]
        return self.signed(self.courier.pack(told))

    def refusals(self) -> Mapping[str, tuple[Any, dict[str, Any]]]:
        """Return the errors that a page meets, those of Messenger and of throttles among them."""
        return super().refusals()

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Return the longest comment."""
        return 8000, "code_points"
