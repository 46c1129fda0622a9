"""Posts of the page's Graph API: publishing at once and later, photos, videos, visitors' posts and mentions."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from chorally_meta.sandbox import GraphError, Told

from chorally_facebook.sandbox.base import PageBase
from chorally_facebook.sandbox.comments import CommentRoutes
from chorally_facebook.sandbox.world import File, Post
from chorally_sdk.sandbox import Call, answers

SOONEST, LATEST = timedelta(minutes=10), timedelta(days=30)
CHUNK = 64 * 1024
"""Bytes of a video that the sandbox takes at once."""


class PostRoutes(CommentRoutes):
    """The routes of posts, and what visitors post."""

    def visit(self, author_id: str, message: str, *, author_name: str = "", webhook: bool = True) -> Post:
        """Let a visitor post on the page."""
        made = self.world.post(message, author_id=author_id, author_name=author_name)
        if webhook:
            self.courier.add(Told(self.world.page_id, post_change(made, "add", self.world.now()), "feed"))
        return made

    def mention(self, author_id: str, message: str, *, author_name: str = "") -> Post:
        """Let somebody mention the page in a post of theirs."""
        made = self.world.post(message, author_id=author_id, author_name=author_name, mentions=True)
        value = {"item": "post", "verb": "add", "post_id": made.id, "sender_name": author_name}
        self.courier.add(Told(self.world.page_id, value, "mention"))
        return made

    @answers("POST", "/{page_id}/feed")
    async def _publish(self, call: Call) -> Any:
        self.of_page(call)
        asked = self.asked(call)
        attached = tuple(str(each["media_fbid"]) for each in json.loads(asked.get("attached_media", "[]")))
        if not (asked.get("message", "").strip() or asked.get("link") or attached):
            raise ValueError("You must provide a message, a link or media")
        for each in attached:
            if self.world.files[each].post_id:
                raise GraphError(100, "Already posted")
        made = self._post(asked, asked.get("message", ""), media=attached, link=asked.get("link", ""))
        for each in attached:
            self.world.files[each].post_id = made.id
        await self._tell_of(made)
        return {"id": made.id}

    def _post(self, asked: dict[str, str], message: str, **more: Any) -> Post:
        at = asked.get("scheduled_publish_time")
        publish_at = datetime.fromtimestamp(int(at), UTC) if at else None
        if publish_at is not None:
            if asked.get("published") != "false":
                raise ValueError("A scheduled post is not published")
            if not SOONEST <= publish_at - self.clock() <= LATEST:
                raise GraphError(100, "The specified scheduled publish time is invalid.", subcode=1363037)
        made = self.world.post(message or " ", publish_at=publish_at, is_called_for=True, **more)
        made.message = message
        return made

    async def _tell_of(self, post: Post) -> None:
        if self.world.is_seen(post):
            await self.tell(post_change(post, "add", self.world.now()), field="feed")

    @answers("POST", "/{page_id}/photos")
    async def _photo(self, call: Call) -> Any:
        self.of_page(call)
        asked, files = await self.form(call)
        if "source" not in files and not asked.get("url"):
            raise GraphError(324, "Missing or invalid image file")
        media_type, content = files.get("source", ("image/jpeg", b""))
        file = self.world.file("photo", content=content, media_type=media_type, url=asked.get("url", ""))
        if asked.get("published") == "false":
            return {"id": file.id}
        made = self._post(asked, asked.get("caption", asked.get("message", "")), media=(file.id,))
        file.post_id, file.is_published = made.id, True
        await self._tell_of(made)
        return {"id": file.id, "post_id": made.id}

    @answers("POST", "/{page_id}/videos")
    async def _video(self, call: Call) -> Any:
        self.of_page(call)
        asked, files = await self.form(call)
        match asked.get("upload_phase", ""):
            case "start":
                file = self.world.file("video", expected=int(asked["file_size"]))
                first = {"start_offset": "0", "end_offset": str(min(CHUNK, file.expected))}
                return {"upload_session_id": f"u{file.id}", "video_id": file.id, **first}
            case "transfer":
                return self._transferred(asked, files["video_file_chunk"][1])
            case "finish":
                file = self.world.files[asked["upload_session_id"].removeprefix("u")]
                if len(file.content) != file.expected or file.post_id:
                    raise GraphError(6000, "There was a problem uploading your video file", subcode=1363030)
                await self._shown_video(file, asked)
                return {"success": True}
        if not asked.get("file_url"):
            raise GraphError(389, "Unable to fetch video file from URL.")
        file = self.world.file("video", url=asked["file_url"])
        await self._shown_video(file, asked)
        return {"id": file.id}

    def _transferred(self, asked: dict[str, str], chunk: bytes) -> Any:
        file = self.world.files[asked["upload_session_id"].removeprefix("u")]
        if int(asked["start_offset"]) != len(file.content):
            raise GraphError(6001, "There was a problem uploading your video file", subcode=1363037)
        file.content += chunk
        at = len(file.content)
        return {"start_offset": str(at), "end_offset": str(min(at + CHUNK, file.expected))}

    async def _shown_video(self, file: File, asked: dict[str, str]) -> None:
        made = self._post(asked, asked.get("description", ""), media=(file.id,))
        file.post_id, file.is_published = made.id, True
        await self._tell_of(made)

    @answers("GET", "/{page_id}/published_posts")
    async def _published(self, call: Call) -> Any:
        self.of_page(call)
        ours = [post for post in self._newest() if post.author_id == self.world.page_id and self.world.is_seen(post)]
        return self.posts_of(call, ours, lambda post: -post.born)

    @answers("GET", "/{page_id}/scheduled_posts")
    async def _scheduled(self, call: Call) -> Any:
        self.of_page(call)
        waiting = [post for post in self._newest() if not self.world.is_seen(post)]
        return self.posts_of(call, waiting, lambda post: -post.born)

    @answers("GET", "/{page_id}/visitor_posts")
    async def _visitors(self, call: Call) -> Any:
        self.of_page(call)
        theirs = [post for post in self._newest() if post.author_id != self.world.page_id and not post.mentions]
        return self.posts_of(call, theirs, lambda post: -post.born)

    @answers("GET", "/{page_id}/tagged")
    async def _tagged(self, call: Call) -> Any:
        self.of_page(call)
        return self.posts_of(call, [post for post in self._newest() if post.mentions], lambda post: -post.born)

    def _newest(self) -> list[Post]:
        return sorted(self.world.posts.values(), key=lambda post: -post.born)

    async def changed_post(self, post: Post, asked: dict[str, str]) -> Any:
        """Change what a call asks to change."""
        if "is_hidden" in asked:
            post.is_hidden = asked["is_hidden"].lower() == "true"
        if "message" in asked:
            post.message = asked["message"]
            await self.tell(post_change(post, "edited", self.world.now()), field="feed")
        return {"success": True}

    async def removed_post(self, post: Post) -> Any:
        """Remove it, with its comments, as a call asks."""
        for comment in [each for each in self.world.comments.values() if each.post_id == post.id]:
            self.world.comments.pop(comment.id, None)
        del self.world.posts[post.id]
        await self.tell(post_change(post, "remove", self.world.now()), field="feed")
        return {"success": True}


def post_change(post: Post, verb: str, at: datetime) -> dict[str, Any]:
    """Return a change of a post as the webhook field ``feed`` shapes it."""
    told: dict[str, Any] = {
        "from": {"id": post.author_id, "name": post.author_name},
        "item": "photo" if post.media else "status",
        "verb": verb,
        "post_id": post.id,
        "created_time": int((at if verb == "remove" else post.created_at).timestamp()),
    }
    return told if verb == "remove" else {**told, "message": post.message, "published": 1}


__all__ = ["PageBase", "PostRoutes", "post_change"]
