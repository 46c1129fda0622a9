"""Comments of the sandbox: listed newest first, written, hidden and removed; mentions and tags."""

from typing import Any

from chorally_meta.sandbox import Field

from chorally_instagram.sandbox.base import iso
from chorally_instagram.sandbox.login import LoginRoutes
from chorally_instagram.sandbox.world import Comment, Media
from chorally_sdk.sandbox import Call, answers

MAX_COMMENT = 2200


class CommentRoutes(LoginRoutes):
    """The routes of media and comments, and what people do to them."""

    def add_comment(
        self, author: str | None, text: str, *, media_id: str = "", parent_id: str | None = None, webhook: bool = True,
        field: str = "comments",
    ) -> Comment:  # fmt: skip
        """Let a person comment on a media (the newest where none is named), or reply to a comment.

        Raises:
            KeyError: There is no such media or comment.
        """
        person = self.known(author) if author else None
        made = self.world.comment(person, text, parent_id or media_id or self.world.latest().id)
        self.tell(self.change(made), field=field, webhook=webhook)
        return made

    def mention(self, author: str, text: str, *, in_comment: bool = False, webhook: bool = True) -> Media | Comment:
        """Let somebody mention the account in a caption, or in a comment on a media of theirs."""
        media = self.world.post("" if in_comment else text, owner=self.known(author))
        value = {"media_id": media.id}
        made: Media | Comment = media
        if in_comment:
            made = self.world.comment(self.known(author), text, media.id)
            value["comment_id"] = made.id
        self.tell(value, field="mentions", webhook=webhook)
        return made

    def tag(self, author: str, caption: str) -> Media:
        """Let somebody tag the account in a media of theirs, of which no webhook tells."""
        return self.world.post(caption, owner=self.known(author), is_tagging=True)

    def change(self, comment: Comment) -> dict[str, Any]:
        """Return a comment as a webhook tells of it."""
        media = self.world.media[comment.media_id]
        told: dict[str, Any] = {
            "id": comment.id,
            "text": comment.text,
            "media": {"id": media.id, "media_product_type": media.product},
        }
        if comment.author:
            told["from"] = {"id": comment.author, "username": self.username(comment.author)}
        return {**told, **({"parent_id": comment.parent_id} if comment.parent_id else {})}

    @answers("GET", "/{object_id}/media")
    async def _media(self, call: Call) -> Any:
        self.of_account(call)
        return self.media_of(call, self.world.own_media())

    @answers("GET", "/{object_id}/stories")
    async def _stories(self, call: Call) -> Any:
        self.of_account(call)
        return self.media_of(call, [media for media in self.world.media.values() if media.product == "STORY"])

    @answers("GET", "/{object_id}/tags")
    async def _tags(self, call: Call) -> Any:
        self.of_account(call)
        tagging = [media for media in self.world.media.values() if media.is_tagging]
        return self.media_of(call, sorted(tagging, key=lambda media: -media.place))

    def media_of(self, call: Call, found: list[Media]) -> Any:
        """Return a page of media with the fields that are asked for."""
        fields = self.fields(call, "id")
        return self.listed(call, found, lambda media: -media.place, lambda each: self.shown_media(call, each, fields))

    @answers("GET", "/{object_id}/comments")
    async def _comments(self, call: Call) -> Any:
        media = self.world.media[call.path["object_id"]]
        return self.comments_of(call, media.id, None, self.asked(call))

    @answers("GET", "/{object_id}/replies")
    async def _replies(self, call: Call) -> Any:
        comment = self.world.comments[call.path["object_id"]]
        return self.comments_of(call, comment.media_id, comment.id, self.asked(call))

    def comments_of(self, call: Call, media_id: str, parent_id: str | None, asked: dict[str, str]) -> dict[str, Any]:
        """Return a page of the comments of a media, or of the replies to one."""
        fields = self.fields_of(asked.get("fields") or "id,text,timestamp")
        where = f"/{parent_id}/replies" if parent_id else f"/{media_id}/comments"
        found = self.world.below(media_id, parent_id)
        return self.listed(
            call, found, lambda comment: -comment.place, lambda each: self.shown_comment(call, each, fields),
            url=where, asked=asked,
        )  # fmt: skip

    @answers("POST", "/{object_id}/comments")
    async def _write(self, call: Call) -> Any:
        return self._written(call, self.world.media[call.path["object_id"]].id)

    @answers("POST", "/{object_id}/replies")
    async def _reply(self, call: Call) -> Any:
        return self._written(call, self.world.comments[call.path["object_id"]].id)

    @answers("POST", "/{object_id}/mentions")
    async def _answer_mention(self, call: Call) -> Any:
        self.of_account(call)
        asked = self.asked(call)
        return self._written(call, asked.get("comment_id") or self.world.media[asked["media_id"]].id)

    def _written(self, call: Call, under: str) -> Any:
        text = self.asked(call).get("message", "")
        if not text.strip() or len(text) > MAX_COMMENT:
            raise ValueError("message must have 1 to 2200 characters")
        made = self.world.comment(self.world.account, text, under)
        if self.world.media[made.media_id].owner == self.world.account:
            self.echo(self.change(made), field="comments")
        return {"id": made.id}

    def shown_comment(self, call: Call, comment: Comment, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Return the fields of a comment that are asked for."""
        told: dict[str, Any] = {
            "id": comment.id,
            "text": comment.text,
            "timestamp": iso(comment.created_at),
            "hidden": comment.is_hidden,
            "like_count": 0,
            **({"parent_id": comment.parent_id} if comment.parent_id else {}),
        }
        if comment.author:
            name = self.username(comment.author)
            told |= {"username": name, "from": {"id": comment.author, "username": name}}
        shown = {field.name: told[field.name] for field in fields if field.name in told}
        for field in fields:
            if field.name == "replies" and comment.parent_id is None:
                asked = {**field.options, "fields": field.text}
                listing = self.comments_of(call, comment.media_id, comment.id, asked)
                shown |= {"replies": listing} if listing["data"] else {}
            elif field.name == "media":
                shown["media"] = self.shown_media(call, self.world.media[comment.media_id], field.fields)
        return shown

    def shown_media(self, call: Call, media: Media, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Return the fields of a media that are asked for."""
        told: dict[str, Any] = {
            "id": media.id,
            "caption": media.caption,
            "media_type": media.type,
            "media_product_type": media.product,
            "media_url": f"{CDN}/_media/{media.id}",
            "permalink": f"https://www.instagram.com/p/{media.id}/",
            "timestamp": iso(media.created_at),
            "username": self.username(media.owner),
            "comments_count": sum(each.media_id == media.id for each in self.world.comments.values()),
        }
        shown = {field.name: told[field.name] for field in fields if field.name in told and told[field.name] != ""}
        for field in fields:
            if field.name == "comments":
                listing = self.comments_of(call, media.id, None, {**field.options, "fields": field.text})
                shown |= {"comments": listing} if listing["data"] else {}
        return {"id": media.id, **shown}

    def shown_mention(self, call: Call, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Return what mentions the account, as its own fields ask for it."""
        shown: dict[str, Any] = {"id": self.world.account}
        for field in fields:
            if field.name == "mentioned_comment":
                comment = self.world.comments[field.options["comment_id"]]
                told = self.shown_comment(call, comment, field.fields)
                shown["mentioned_comment"] = {name: told[name] for name in told if name != "from"}
            elif field.name == "mentioned_media":
                media = self.world.media[field.options["media_id"]]
                shown["mentioned_media"] = self.shown_media(call, media, field.fields)
            elif field.name == "username":
                shown["username"] = self.world.username
        return shown


CDN = "https://scontent.cdninstagram.com"
"""Where files are read from."""
