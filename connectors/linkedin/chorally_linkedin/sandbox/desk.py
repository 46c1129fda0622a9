"""The routes of files, subscriptions and consent."""

import hashlib
from typing import Any

from starlette.responses import JSONResponse, Response

from chorally_linkedin.sandbox.server import Server
from chorally_linkedin.sandbox.world import File, ms
from chorally_sdk.sandbox import Call, Refusal, answers

PART = 4 * 2**20
"""Bytes of a part of a video."""


class Desk(Server):
    """Files that are uploaded before they are shown, webhooks, and tokens."""

    part_bytes = PART

    @answers("POST", "/rest/images", on="prepare")
    async def begin_image(self, call: Call) -> Any:
        """Say where an image goes."""
        self._owner(call)
        made = self.world.file("image")
        url = call.url(f"/dms-uploads/{made.urn}/uploaded-image/0")
        ends = ms(self.clock()) + 86_400_000
        return {"value": {"uploadUrl": url, "uploadUrlExpiresAt": ends, "image": made.urn}}

    @answers("PUT", "/dms-uploads/{urn}/uploaded-image/0", on="prepare")
    async def take_image(self, call: Call) -> Any:
        """Take an image."""
        file = self.world.files[call.path["urn"]]
        file.content, file.is_whole = await call.request.body(), True
        return Response(status_code=201)

    @answers("POST", "/rest/videos", on="prepare")
    async def video(self, call: Call) -> Any:
        """Say where the parts of a video go, or put them together."""
        if call.query["action"] == "finalizeUpload":
            asked = call.fields["finalizeUploadRequest"]
            file = self.world.files[asked["video"]]
            parts = [file.content[at : at + self.part_bytes] for at in range(0, len(file.content), self.part_bytes)]
            if asked["uploadedPartIds"] != [_tag(part) for part in parts] or len(file.content) != file.expected:
                raise Refusal("invalid")
            file.is_whole = True
            return Response()
        size = int(self._owner(call)["fileSizeBytes"])
        made = self.world.file("video", size)
        told = [
            {"uploadUrl": call.url(f"/dms-uploads/{made.urn}/part/{begin}"), "firstByte": begin, "lastByte": end - 1}
            for begin in range(0, size, self.part_bytes)
            for end in [min(begin + self.part_bytes, size)]
        ]
        value = {
            "video": made.urn,
            "uploadToken": "",
            "uploadInstructions": told,
            "uploadUrlsExpireAt": ms(self.clock()),
        }
        return {"value": value}

    @answers("PUT", "/dms-uploads/{urn}/part/{first}", on="prepare", is_open=True)
    async def take_part(self, call: Call) -> Any:
        """Take a part of a video; a token has no place here."""
        if call.token:
            raise Refusal("invalid")
        file, content = self.world.files[call.path["urn"]], await call.request.body()
        if len(file.content) != int(call.path["first"]):
            raise Refusal("invalid")
        file.content += content
        return Response(headers={"ETag": f'"{_tag(content)}"'})

    @answers("GET", "/rest/images/{urn}")
    async def image_status(self, call: Call) -> Any:
        """Say how far an image is."""
        return self._status(call, self.world.files[call.path["urn"]])

    @answers("GET", "/rest/videos/{urn}")
    async def video_status(self, call: Call) -> Any:
        """Say how far a video is."""
        return self._status(call, self.world.files[call.path["urn"]])

    @answers("GET", "/dms/{urn}", is_open=True)
    async def give_file(self, call: Call) -> Any:
        """Give a file's bytes to whoever has the link."""
        return Response(self.world.files[call.path["urn"]].content, media_type="image/png")

    def _status(self, call: Call, file: File) -> dict[str, Any]:
        if not file.is_whole:
            return {"id": file.urn, "status": "WAITING_UPLOAD"}
        if file.is_bad:
            return {"id": file.urn, "status": "PROCESSING_FAILED"}
        file.asked += 1
        if file.asked == 1:
            return {"id": file.urn, "status": "PROCESSING"}
        return {"id": file.urn, "status": "AVAILABLE", "downloadUrl": call.url(f"/dms/{file.urn}")}

    def _owner(self, call: Call) -> dict[str, Any]:
        asked: dict[str, Any] = call.fields["initializeUploadRequest"]
        if call.query["action"] != "initializeUpload":
            raise Refusal("invalid")
        if asked["owner"] not in self.world.organizations:
            raise Refusal("forbidden")
        return asked

    # subscriptions

    @answers("PUT", "/rest/eventSubscriptions/{key}")
    async def subscribe(self, call: Call) -> Any:
        """Subscribe, or subscribe again for longer; the URL is tested where there is a network."""
        key, url = call.path["key"], call.fields["webhook"]
        if f"user:{self.owner}," not in key or "developerApplication:urn:li:developerApplication:" not in key:
            raise Refusal("forbidden")
        if self.clock.is_running:
            if not await self.courier.is_answered(url):
                raise Refusal("invalid", message="The webhook did not answer the challenge")
            self.courier.callback_url, self.courier.deliver = url, "auto"
        held = self.keys_of_leases.get(key, "")
        if held and any(each.external_id == held for each in self.leases.live()):
            self.leases.renew(held)
        else:
            self.keys_of_leases[key] = self.leases.add(url).external_id
        return Response(status_code=204)

    @answers("GET", "/rest/eventSubscriptions/{key}")
    async def subscription(self, call: Call) -> Any:
        """Show a subscription."""
        held = self.leases[self.keys_of_leases[call.path["key"]]]
        return {"webhook": held.callback, "expiresAt": ms(held.expires_at) if held.expires_at else None}

    @answers("DELETE", "/rest/eventSubscriptions/{key}")
    async def unsubscribe(self, call: Call) -> Any:
        """End a subscription."""
        self.leases.end(self.keys_of_leases.pop(call.path["key"]))
        return Response(status_code=204)

    # tokens

    @answers("POST", "/oauth/v2/accessToken", on="token", is_open=True)
    async def access_token(self, call: Call) -> Any:
        """Give tokens."""
        return self.answer_token(call)

    @answers("POST", "/oauth/v2/introspectToken", on="token", is_open=True)
    async def introspect(self, call: Call) -> Any:
        """Say whether a token lives, and what for."""
        asked = call.fields
        if (asked.get("client_id"), asked.get("client_secret")) != (self.oauth.client_id, self.oauth.client_secret):
            return JSONResponse({"error": "invalid_client", "error_description": "no such client"}, 401)
        token = self.oauth.live(asked.get("token", ""))
        if token is None:
            return {"active": False, "status": "expired"}
        return {
            "active": True,
            "status": "active",
            "scope": ",".join(sorted(token.scopes)),
            "client_id": asked["client_id"],
        }


def _tag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
