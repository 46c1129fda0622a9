"""Publishing of the sandbox: containers that take their time, uploads in parts, the limit of a day."""

from datetime import timedelta
from typing import Any

from chorally_meta.sandbox import GraphError
from starlette.responses import JSONResponse
from starlette.routing import Route

from chorally_instagram.sandbox.control import Control
from chorally_instagram.sandbox.messenger import MessageRoutes
from chorally_instagram.sandbox.world import Container, Media
from chorally_sdk.sandbox import Call, Refusal, answers

MOST = 100
LIVES = timedelta(hours=24)
_PROOFS = frozenset({"access_token", "appsecret_proof"})
_TYPES = {"STORIES": "STORY", "REELS": "REELS"}


class PublishingRoutes(MessageRoutes):
    """The routes of containers and of their publication."""

    takes = timedelta(0)
    """How long Instagram works on a container that has its media."""
    spoils: str = ""
    """What the next containers end with, where they shall not be finished."""

    def control(self) -> list[Route]:
        """Return what people on Instagram and in Meta's dashboard would do."""
        return Control(self).routes()

    @answers("GET", "/{object_id}/content_publishing_limit")
    async def _limit(self, call: Call) -> Any:
        self.of_account(call)
        config = {"quota_total": MOST, "quota_duration": int(LIVES.total_seconds())}
        return {"data": [{"quota_usage": len(self._published()), "config": config}]}

    def _published(self) -> list[Media]:
        since = self.clock() - LIVES
        return [media for media in self.world.media.values() if media.is_called_for and media.created_at > since]

    @answers("POST", "/{object_id}/media", on="prepare")
    async def _container(self, call: Call) -> Any:
        self.of_account(call)
        fields = {name: value for name, value in self.asked(call).items() if name not in _PROOFS}
        is_sent = fields.get("upload_type") == "resumable"
        if fields.get("media_type") == "CAROUSEL":
            children = [self.world.containers[each] for each in fields.get("children", "").split(",")]
            if not 2 <= len(children) <= 10 or any(self._status(each) != "FINISHED" for each in children):
                raise ValueError("A carousel has 2 to 10 children that are finished")
        elif not (fields.get("image_url") or fields.get("video_url") or is_sent):
            raise ValueError("The parameter image_url is required")
        if len(fields.get("caption", "")) > 2200:
            raise ValueError("The caption is too long")
        return {"id": self.world.container(fields, "SENT" if is_sent else "MADE").id}

    def _status(self, container: Container) -> str:
        """How a container stands now."""
        if container.status == "PUBLISHED":
            return "PUBLISHED"
        if self.clock() - container.made_at > LIVES:
            return "EXPIRED"
        if self.spoils and container.status == "MADE":
            container.status, container.why = "ERROR", self.spoils
        if container.status in {"ERROR", "SENT"}:
            return "ERROR" if container.status == "ERROR" else "IN_PROGRESS"
        return "FINISHED" if self.clock() - container.made_at >= self.takes else "IN_PROGRESS"

    def shown_container(self, container: Container, call: Call) -> dict[str, Any]:
        """Return the fields of a container that are asked for."""
        status = self._status(container)
        sent = {"status": "in_progress" if container.status == "SENT" else "complete"}
        told = {
            "id": container.id,
            "status_code": status,
            "status": container.why or f"{status.title()}: the sandbox says so",
            "video_status": {"uploading_phase": {**sent, "bytes_transferred": len(container.content)}},
        }
        return {field.name: told[field.name] for field in self.fields(call, "id") if field.name in told}

    @answers("POST", "/ig-api-upload/{version}/{container_id}", on="prepare", is_open=True)
    async def _upload_video(self, call: Call) -> Any:
        headers, body = call.request.headers, await call.request.body()
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "OAuth" or not (self.login.is_person(token) or token in {page.token for page in self.owned}):
            raise Refusal("token")
        container = self.world.containers[call.path["container_id"]]
        if int(headers["offset"]) != len(container.content):
            problem = {"retriable": False, "type": "ProcessingFailedError", "message": "Wrong offset"}
            return JSONResponse({"debug_info": problem}, 400)
        container.content += body
        if len(container.content) == int(headers["file_size"]):
            container.status = "MADE"
        return {"success": True, "message": "Upload successful."}

    @answers("POST", "/{object_id}/media_publish")
    async def _publish(self, call: Call) -> Any:
        self.of_account(call)
        if len(self._published()) >= MOST:
            raise GraphError(9, "The user has reached the maximum number of posts", subcode=2207042)
        container = self.world.containers[self.asked(call)["creation_id"]]
        match self._status(container):
            case "FINISHED":
                container.status = "PUBLISHED"
            case "EXPIRED":
                raise GraphError(-2, "The media has expired", subcode=2207020)
            case "PUBLISHED":
                raise GraphError(100, "The container was published before")
            case _:
                raise GraphError(9007, "Media ID is not available", subcode=2207027)
        fields = container.fields
        kind, children = fields.get("media_type", "IMAGE"), fields.get("children", "")
        parts = [self.world.containers[each] for each in filter(None, children.split(","))] or [container]
        made = self.world.post(
            fields.get("caption", ""), type="CAROUSEL_ALBUM" if children else "VIDEO" if "video" in str(fields) else
            "IMAGE", product=_TYPES.get(kind, "FEED"), is_called_for=True, files=tuple(each.content for each in parts),
        )  # fmt: skip
        return {"id": made.id}
