"""The whole page: every part of its Graph API, and what can be set and seen of it."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from starlette.routing import Route

from chorally_facebook.sandbox.control import Control
from chorally_facebook.sandbox.messenger import MessengerRoutes
from chorally_facebook.sandbox.posts import PostRoutes
from chorally_sdk.sandbox import Call, Refusal, answers

_SETTINGS = {
    **dict.fromkeys(("page_id", "page_name", "access_token"), "world"),
    **dict.fromkeys(("callback_url", "app_secret", "verify_token", "duplicate_probability", "deliver"), "courier"),
    **dict.fromkeys(("retry_s", "retry_max_s"), "courier"),
    "hold_s": "faults",
}
_OWN = {"echo": "echo", "page_size": "size"}


class PageTwin(PostRoutes, MessengerRoutes):
    """A Facebook page that lives in memory: comments, Messenger, posts."""

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person comment on the newest post, or reply."""
        return self.add_comment(author or "", body, author_name=(author or "").title(), parent_id=parent).id

    def control(self) -> list[Route]:
        """Return what people on Facebook and in Meta's dashboard would do."""
        return Control(self).routes()

    def configure(self, *, seed: int | None = None, **settings: Any) -> None:
        """Set what ``POST /_sandbox/configure`` sets.

        Raises:
            ValueError: There is no such setting, or the page's id is set after something was posted.
        """
        if seed is not None:
            self.rng.seed(seed)
        if settings.get("page_id", self.world.page_id) != self.world.page_id and self.world.posts:
            raise ValueError("the page's id cannot change once it has posts; start another sandbox")
        for name, value in settings.items():
            if name not in _SETTINGS and name not in _OWN:
                raise ValueError(f"there is no setting {name!r}; there are {', '.join((*_SETTINGS, *_OWN))}")
            holder = getattr(self, _SETTINGS[name]) if name in _SETTINGS else self
            setattr(holder, _OWN.get(name, name), value)
        self.courier.wake()

    def state(self) -> Mapping[str, Any]:
        """Show everything: posts, comments, messages, copies of our replies, and what became of the webhooks."""
        courier = self.courier
        return {
            "page": {"id": self.world.page_id, "name": self.world.page_name},
            "posts": [_plain(asdict(post)) for post in self.world.posts.values()],
            "comments": [_plain(asdict(comment)) for comment in self.world.comments.values()],
            "messages": [_plain(asdict(said)) for said in self.world.said.values()],
            "replies": self.world.replies(),
            "subscribed": {page: list(fields) for page, fields in self.subscribed.items()},
            "hooks": {
                "waiting": courier.waiting,
                "delivered": courier.delivered,
                "duplicated": courier.duplicated,
                "refused": courier.refused,
            },
            "faults": {
                "happened": self.faults.happened,
                "waiting": [fault.model_dump() for fault in self.faults.waiting],
            },
        }

    @answers("GET", "/{object_id}")
    async def _object(self, call: Call) -> Any:
        named = call.path["object_id"]
        world = self.world
        if named == "me" and self.login.is_person(self.token_of(call)):
            return {"id": self.login.person_id, "name": self.login.person_name}
        if named in {"me", *(page.id for page in self.owned)}:
            page = self.page_of(call)
            if named not in {"me", page.id}:
                raise Refusal("forbidden")
            told = {"id": page.id, "name": page.name}
            return {field.name: told[field.name] for field in self.fields(call, "id,name") if field.name in told}
        if named in world.people:
            return self.shown_person(named, self.fields(call, "id,name"))
        if named in world.said:
            return self.shown_message(world.said[named], self.fields(call, "id,created_time"))
        if named in world.files:
            return self._shown_file_of(named, call)
        if named in world.posts:
            return self.shown_post(call, world.posts[named], self.fields(call, "id,message,created_time"))
        return self.shown_comment_of(named, call)

    def _shown_file_of(self, file_id: str, call: Call) -> dict[str, Any]:
        file = self.world.files[file_id]
        told = {"id": file.id, "post_id": file.post_id, "permalink_url": f"/{self.world.page_id}/videos/{file.id}"}
        told = {name: value for name, value in told.items() if value}
        return {field.name: told[field.name] for field in self.fields(call, "id") if field.name in told}

    @answers("POST", "/{object_id}")
    async def _change_object(self, call: Call) -> Any:
        named, asked = call.path["object_id"], self.asked(call)
        if named in self.world.posts:
            return await self.changed_post(self.world.posts[named], asked)
        return await self.changed_comment(self.world.comments[named], asked)

    @answers("DELETE", "/{object_id}")
    async def _remove_object(self, call: Call) -> Any:
        named = call.path["object_id"]
        if named in self.world.posts:
            return await self.removed_post(self.world.posts[named])
        return await self.removed_comment(self.world.comments[named])


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in record.items()}
