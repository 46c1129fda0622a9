"""A made-up platform that can be posted to, and has approved texts, besides all that the wall has."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx

import chorally_sdk as sdk
from tests.support.wall import AppSettings, Wall, WallPlatform

NOTE, POST = "plaza_note", "plaza_post"


class PlazaPlatform(WallPlatform):
    """The wall, with posts and templates."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[dict[str, Any]] = []
        self.drafts = 0
        self.posting: list[str] = []
        """What happens to the next posts: ``lost`` after it was made, or a status."""
        self.changing: list[int] = []
        """The statuses of the next edits and deletions of posts."""
        self.templates: list[dict[str, Any]] = []
        self.listing = 200
        """The status that templates are listed with."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        if request.url.path == "/templates":
            self.calls.append("GET /templates")
            return httpx.Response(self.listing, json={"templates": self.templates})
        if request.url.path == "/drafts":
            self.drafts += 1
            return httpx.Response(200, json={"id": f"d{self.drafts}"})
        if request.url.path.startswith("/posts/"):
            return self._changed(request)
        if request.url.path != "/posts":
            return super().answer(request)
        self.calls.append(f"{request.method} /posts")
        if request.method == "GET":
            return httpx.Response(self.search, json={"posts": self.posts})
        fate = self.posting.pop(0) if self.posting else ""
        if fate.isdigit():
            return httpx.Response(int(fate), headers={"Retry-After": "7"} if fate == "429" else {}, text="no")
        made = {"id": f"p{len(self.posts) + 1}", **json.loads(request.content)}
        self.posts.append(made)
        if fate == "lost":
            raise httpx.ReadTimeout("lost")
        return httpx.Response(200, json={"id": made["id"]})

    def _changed(self, request: httpx.Request) -> httpx.Response:
        """Edit or delete a post."""
        self.calls.append(f"{request.method} /posts")
        fate = self.changing.pop(0) if self.changing else 200
        made = [post for post in self.posts if request.url.path == f"/posts/{post['id']}"]
        if fate != 200 or not made:
            return httpx.Response(fate if made else 404, text="no")
        if request.method == "DELETE":
            self.posts.remove(made[0])
        else:
            made[0] |= json.loads(request.content)
        return httpx.Response(200, json={})


class Plaza(Wall, sdk.Publishes, sdk.Prepares, sdk.OffersTemplates, sdk.Moderates):
    """Answers notes, also by templates, and posts."""

    manifest = sdk.Manifest(
        platform="wall",
        base_url="https://wall.example",
        hosts=("wall.example",),
        hooks=sdk.Hooks(scope="app"),
        app_settings=AppSettings,
        channels=(
            sdk.Channel(
                name=NOTE,
                actions={
                    "reply": sdk.Limits(
                        max_text=200, window=timedelta(hours=24), dedupe="lookup", settles=timedelta(seconds=5),
                        options={"colour": "Of the ink."},
                    )
                },
            ),
            sdk.Channel(
                name=POST,
                actions={
                    "publish": sdk.Limits(
                        max_text=30, parts=3, media={"image/*": 1000}, max_media=2, dedupe="lookup",
                        settles=timedelta(seconds=5), options={"pinned": "Whether it stays on top."},
                    ),
                    "edit": sdk.Limits(max_text=30),
                    "delete": sdk.Limits(),
                },
            ),
        ),
    )  # fmt: skip

    def parse(self, hook: sdk.RawHook) -> list[sdk.Event]:
        """Read what the wall would, on our channels: what is marked as a post is one."""
        items = json.loads(hook.body)["items"]
        return [
            event.model_copy(update={"channel": POST if item.get("post") else NOTE})
            if isinstance(event, sdk.Message)
            else event
            for item, event in zip(items, super().parse(hook), strict=True)
        ]

    async def templates(self) -> Sequence[sdk.Template]:
        """List the approved texts."""
        listed = (await self.http.get("/templates")).json()["templates"]
        return [sdk.Template(**item) for item in listed]

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Draft posts; answers need none."""
        if not isinstance(outgoing, sdk.Publication):
            return sdk.Prepared(state={})
        return sdk.Prepared(state={"draft": (await self.http.post("/drafts")).json()["id"]})

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a note."""
        template = message.template
        body = {
            "note": message.in_reply_to, "text": message.body, "ref": message.client_ref, "options": message.options,
            "template": [template.name, template.language, *template.values] if template else None,
        }  # fmt: skip
        return sdk.Receipt(external_id=(await self.http.post("/answers", json=body)).json()["id"])

    async def publish(self, publication: sdk.Publication) -> sdk.Receipt:
        """Post."""
        files = [len(b"".join([piece async for piece in self.media(file)])) for file in publication.attachments]
        body = {
            "text": publication.body, "ref": publication.client_ref, "draft": publication.prepared["draft"],
            "files": files, "options": publication.options,
        }  # fmt: skip
        made = (await self.http.post("/posts", json=body)).json()["id"]
        return sdk.Receipt(external_id=made, url=f"https://wall.example/{made}")

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for what we made by its reference."""
        place = "posts" if isinstance(outgoing, sdk.Publication) else "answers"
        found = (await self.http.get(f"/{place}")).json()[place]
        mine = [one for one in found if one["ref"] == outgoing.client_ref]
        return sdk.Receipt(external_id=mine[0]["id"]) if mine else None

    async def moderate(self, action: sdk.Action) -> None:
        """Edit and delete posts; take anything else."""
        if action.channel == POST and action.verb == "delete":
            await self.http.delete(f"/posts/{action.external_id}")
        elif action.channel == POST:
            await self.http.patch(f"/posts/{action.external_id}", json={"text": action.body})
