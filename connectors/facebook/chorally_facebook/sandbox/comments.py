"""Comments of the page's Graph API: reading a feed with its comments, writing, changing and removing them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from chorally_meta.sandbox import Field, Told

from chorally_facebook.sandbox.base import PageBase
from chorally_facebook.sandbox.world import Comment, Post
from chorally_sdk.sandbox import Call, answers


class CommentRoutes(PageBase):
    """The routes of comments, and what people do to them."""

    def add_comment(
        self, author_id: str, message: str, *, author_name: str = "", post_id: str | None = None,
        parent_id: str | None = None, webhook: bool = True,
    ) -> Comment:  # fmt: skip
        """Let a person comment on a post (the newest where none is named), or reply to a comment.

        Raises:
            KeyError: There is no such post or comment.
        """
        under = parent_id or post_id or self.world.latest_post().id
        made = self.world.comment(author_id, author_name, message, under)
        self._told(made, "add", webhook=webhook)
        return made

    def change_comment(
        self, comment_id: str, *, message: str | None = None, is_hidden: bool | None = None, webhook: bool = True
    ) -> None:
        """Let a comment be edited, hidden or shown again.

        Raises:
            KeyError: There is no such comment.
        """
        comment = self.world.comments[comment_id]
        if message is not None:
            comment.message = message
            self.world.touch(comment)
            self._told(comment, "edited", webhook=webhook)
        if is_hidden is not None:
            comment.is_hidden = is_hidden
            self._told(comment, "hide" if is_hidden else "unhide", webhook=webhook)

    def remove_comment(self, comment_id: str, *, webhook: bool = True) -> None:
        """Let a comment be removed, with the replies to it.

        Raises:
            KeyError: There is no such comment.
        """
        comment = self.world.comments[comment_id]
        self.world.remove(comment)
        self._told(comment, "remove", webhook=webhook)

    def _told(self, comment: Comment, verb: str, *, webhook: bool) -> None:
        if webhook:
            self.courier.add(Told(self.world.page_id, change(comment, verb, self.world.now()), "feed"))

    @answers("GET", "/{page_id}/feed")
    async def _feed(self, call: Call) -> Any:
        self.of_page(call)
        return self.posts_of(call, self.world.feed(), lambda post: -post.place)

    def posts_of(self, call: Call, found: Sequence[Post], place: Callable[[Post], int]) -> Any:
        """Return a page of posts with the fields that are asked for."""
        fields = self.fields(call, "id,message,created_time")
        return self.listed(call, found, place, lambda post: self.shown_post(call, post, fields))

    @answers("GET", "/{object_id}/comments")
    async def _comments(self, call: Call) -> Any:
        return self._comments_of(call, call.path["object_id"], self.asked(call))

    def _comments_of(self, call: Call, object_id: str, asked: dict[str, str]) -> dict[str, Any]:
        fields = self.fields_of(asked.get("fields") or "id,message,created_time,from")
        found = self.world.under(object_id, all_levels=asked.get("filter") == "stream")
        if since := asked.get("since"):
            from_second = _seconds(since)
            found = [comment for comment in found if int(comment.created_at.timestamp()) >= from_second]
        sign = -1 if asked.get("order") == "reverse_chronological" else 1
        found.sort(key=lambda comment: sign * comment.place)
        return self.listed(
            call, found, lambda comment: sign * comment.place, lambda comment: shown_comment(comment, fields),
            url=f"/{object_id}/comments", asked=asked,
        )  # fmt: skip

    @answers("POST", "/{object_id}/comments")
    async def _reply(self, call: Call) -> Any:
        asked = self.asked(call)
        attached = asked.get("attachment_id") or asked.get("attachment_url")
        if not asked.get("message", "").strip() and not attached:
            raise ValueError("You must provide a message")
        who = (self.world.page_id, self.world.page_name)
        made = self.world.comment(*who, asked.get("message", ""), call.path["object_id"])
        await self.tell(change(made, "add", self.world.now()), field="feed")
        return {"id": made.id}

    @answers("POST", "/{object_id}/likes")
    async def _like(self, call: Call) -> Any:
        liked = self.world.comments.get(call.path["object_id"]) or self.world.posts[call.path["object_id"]]
        liked.is_liked = True
        return {"success": True}

    def shown_comment_of(self, comment_id: str, call: Call) -> dict[str, Any]:
        """Return a comment as a call asks for it.

        Raises:
            KeyError: There is none.
        """
        comment, fields = self.world.comments[comment_id], self.fields(call, "id,message,created_time,from")
        shown = shown_comment(comment, fields)
        if comment_id in self.world.answered and any(field.name == "private_reply_conversation" for field in fields):
            shown["private_reply_conversation"] = {"id": f"t_{comment.author_id}"}
        return shown

    async def changed_comment(self, comment: Comment, asked: dict[str, str]) -> Any:
        """Change what a call asks to change."""
        if "is_hidden" in asked:
            comment.is_hidden = asked["is_hidden"].lower() == "true"
            verb = "hide" if comment.is_hidden else "unhide"
            await self.tell(change(comment, verb, self.world.now()), field="feed")
        if "message" in asked:
            comment.message = asked["message"]
            self.world.touch(comment)
            await self.tell(change(comment, "edited", self.world.now()), field="feed")
        return {"success": True}

    async def removed_comment(self, comment: Comment) -> Any:
        """Remove it as a call asks."""
        self.world.remove(comment)
        await self.tell(change(comment, "remove", self.world.now()), field="feed")
        return {"success": True}

    def shown_post(self, call: Call, post: Post, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Return the fields of a post that are asked for."""
        author = {"from": {"id": post.author_id, "name": post.author_name}} if post.author_id else {}
        told: dict[str, Any] = {
            "id": post.id,
            "message": post.message,
            "created_time": iso(post.created_at),
            "updated_time": iso(post.updated_at),
            "permalink_url": f"https://www.facebook.com/{post.id}",
            "is_published": self.world.is_seen(post),
            "is_hidden": post.is_hidden,
            **author,
            **({"attachments": {"data": [self._media(each) for each in post.media]}} if post.media else {}),
            **({"scheduled_publish_time": int(post.publish_at.timestamp())} if post.publish_at else {}),
        }
        shown = {field.name: told[field.name] for field in fields if field.name in told}
        for field in fields:
            if field.name == "comments":
                listing = self._comments_of(call, post.id, {**field.options, "fields": field.text})
                if listing["data"]:
                    shown["comments"] = listing
        return shown

    def _media(self, file_id: str) -> dict[str, Any]:
        kind = self.world.files[file_id].kind
        return {"type": "video_inline" if kind == "video" else "photo", "target": {"id": file_id}}


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


def shown_comment(comment: Comment, fields: tuple[Field, ...]) -> dict[str, Any]:
    """Return the fields of a comment that are asked for."""
    told = {
        "id": comment.id,
        "message": comment.message,
        "created_time": iso(comment.created_at),
        **_from(comment),
        "is_hidden": comment.is_hidden,
        "permalink_url": f"https://www.facebook.com/{comment.post_id}?comment_id={comment.id}",
        "object": {"id": comment.post_id},
        **({"parent": {"id": comment.parent_id}} if comment.parent_id else {}),
    }
    return {field.name: told[field.name] for field in fields if field.name in told}


def iso(at: datetime) -> str:
    """Return a time as the Graph API writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _from(comment: Comment) -> dict[str, Any]:
    """Who made a comment; of some people nothing is shown."""
    return {"from": {"id": comment.author_id, "name": comment.author_name}} if comment.author_id else {}


def _seconds(since: str) -> int:
    return int(since) if since.isdecimal() else int(datetime.fromisoformat(since).timestamp())
