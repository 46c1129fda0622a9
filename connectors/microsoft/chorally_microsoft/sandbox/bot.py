"""The Bot Framework of the sandbox: what a bot may say and change in conversations of Teams."""

from typing import Any

from starlette.responses import JSONResponse, Response

from chorally_microsoft.sandbox.graph import GraphApi
from chorally_microsoft.sandbox.store import Value
from chorally_sdk.sandbox import Call, Clock, Refusal, Shelf, Thing, answers
from chorally_sdk.text import length

SERVICE = "https://smba.trafficmanager.net/"
"""Where the bot speaks here; Teams puts a region after it."""
TENANT = "84bd8158-6d4d-4958-8b9f-9d6445542f95"
CHANNEL = "19:4b6bed8d24574f6a9e436813cb2617d8@thread.tacv2"
MOST = 28 * 1024 // 2  # UTF-16 code units


class BotApi(GraphApi):
    """The calls of a bot."""

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make a bot that nobody has spoken to."""
        super().__init__(clock=clock, seed=seed)
        self.activities = Shelf(self.clock, "16")
        self.bot_files: dict[str, bytes] = {}
        self.bot_id = f"28:{self.oauth.client_id}"

    @answers("POST", "/v3/conversations/{conversation}/activities")
    async def send_activity(self, call: Call) -> Any:
        """Say something in a conversation."""
        return self._said(call.path["conversation"], call.fields, None)

    @answers("POST", "/v3/conversations/{conversation}/activities/{activity}")
    async def reply_activity(self, call: Call) -> Any:
        """Answer in a conversation."""
        if call.path["activity"] not in self.activities:
            raise Refusal("no_activity")
        return self._said(call.path["conversation"], call.fields, call.path["activity"])

    @answers("PUT", "/v3/conversations/{conversation}/activities/{activity}")
    async def edit_activity(self, call: Call) -> Any:
        """Change something that the bot said."""
        known = self._own(call)
        self.activities.change(known.id, body=call.fields.get("text", ""))
        return {"id": known.id}

    @answers("DELETE", "/v3/conversations/{conversation}/activities/{activity}")
    async def delete_activity(self, call: Call) -> Any:
        """Take back something that the bot said."""
        self.activities.remove(self._own(call).id)
        return Response(status_code=200)

    @answers("GET", "/v3/conversations")
    async def conversations(self, call: Call) -> Any:
        """List where the bot has spoken."""
        return {"conversations": []}

    @answers("POST", "/v3/conversations")
    async def begin(self, call: Call) -> Any:
        """Begin a conversation with a person."""
        members = call.fields.get("members") or []
        if not members or not call.fields.get("tenantId"):
            raise Refusal("invalid")
        conversation = f"a:{members[0]['id'].partition(':')[2]}"
        made = self._add(conversation, call.fields.get("activity") or {}, None)
        told = {"id": conversation, "activityId": made.id, "serviceUrl": SERVICE}
        return JSONResponse(told, 201)

    @answers("GET", "/v3/attachments/{attachment}/views/original")
    async def view(self, call: Call) -> Any:
        """Give a picture that somebody put into a message."""
        return Response(self.bot_files[call.path["attachment"]], media_type="application/octet-stream")

    def _own(self, call: Call) -> Thing:
        if call.path["activity"] not in self.activities:
            raise Refusal("no_activity")
        known = self.activities[call.path["activity"]]
        if known.author is not None:
            raise Refusal("forbidden")
        return known

    def _said(self, conversation: str, told: Value, parent: str | None) -> Any:
        if length(str(told.get("text", "")), "utf16") > MOST:
            raise Refusal("long")
        return JSONResponse({"id": self._add(conversation, told, parent).id}, 201)

    def _add(self, conversation: str, told: Value, parent: str | None) -> Thing:
        return self.activities.add(str(told.get("text", "")), parent=parent, conversation=conversation)
