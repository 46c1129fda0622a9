"""What else the Cloud API has: phone numbers, files and templates."""

from typing import Any

from starlette.responses import Response

from chorally_sdk.sandbox import Call, answers
from chorally_whatsapp.sandbox.messages import MessageRoutes
from chorally_whatsapp.sandbox.world import LINK_LIVES, Stored

FILES_HOST = "https://lookaside.fbsbx.com"
"""Where files are read from; served under another address, the sandbox serves them itself."""


class BusinessRoutes(MessageRoutes):
    """The routes of numbers, files and templates."""

    @answers("GET", "/_files/{file_id}/{key}")
    async def _content(self, call: Call) -> Any:
        file = self.world.files.get(call.path["file_id"])
        given = file.links.get(call.path["key"]) if file else None
        if file is None or given is None or self.clock() - given > LINK_LIVES:
            return Response("URL expired", 404)
        return Response(file.content, media_type=file.media_type)

    @answers("POST", "/{number}/media", on="prepare")
    async def _upload(self, call: Call) -> Any:
        number = call.path["number"]
        if number not in self.world.numbers:
            raise KeyError(number)
        if call.fields.get("messaging_product") != "whatsapp" or "file" not in call.files:
            raise ValueError("messaging_product and file are required")
        part = call.files["file"]
        return {"id": self.world.store(number, part.content, part.media_type).id}

    @answers("GET", "/{waba}/phone_numbers")
    async def _numbers(self, call: Call) -> Any:
        self._judge_waba(call.path["waba"])
        numbers = list(self.world.numbers)
        return self.listed(call, numbers, numbers.index, self._number)

    @answers("GET", "/{waba}/message_templates")
    async def _templates(self, call: Call) -> Any:
        self._judge_waba(call.path["waba"])
        name = self.asked(call).get("name")
        found = [each for each in self.world.templates if name in (None, each["name"])]
        names = [field.name for field in self.fields(call, "id,name,language,status,category,components")]
        return self.listed(
            call, found, self.world.templates.index, lambda each: {key: each[key] for key in names if key in each}
        )

    def _judge_waba(self, waba: str) -> None:
        if waba != self.world.waba:
            raise KeyError(waba)

    def subscriber(self, object_id: str) -> str:
        """Return the id under which the business's account is subscribed."""
        self._judge_waba(object_id)
        return object_id

    @answers("GET", "/{object_id}")
    async def _object(self, call: Call) -> Any:
        named = call.path["object_id"]
        if named in self.world.numbers:
            told = self._number(named)
            asked = self.fields(call, "id,display_phone_number,verified_name,quality_rating")
            return {field.name: told[field.name] for field in asked if field.name in told}
        file = self.world.files[named]
        if self.asked(call).get("phone_number_id") not in (None, file.number):
            raise KeyError(named)
        return self._file(call, file)

    @answers("DELETE", "/{file_id}")
    async def _remove(self, call: Call) -> Any:
        del self.world.files[call.path["file_id"]]
        return {"success": True}

    def _number(self, number: str) -> dict[str, Any]:
        shown = {"display_phone_number": f"+{self.world.numbers[number]}", "verified_name": self.world.name}
        return {"id": number, **shown, "quality_rating": "GREEN"}

    def _file(self, call: Call, file: Stored) -> dict[str, Any]:
        place = f"/_files/{file.id}/{self.world.link(file)}"
        is_graph = call.request.url.hostname == "graph.facebook.com"
        return {
            "messaging_product": "whatsapp",
            "id": file.id,
            "url": f"{FILES_HOST}{place}" if is_graph else call.url(place),
            "mime_type": file.media_type,
            "sha256": "sandbox",
            "file_size": str(len(file.content)),
        }
