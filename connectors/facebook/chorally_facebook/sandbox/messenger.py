"""Messenger of the page's Graph API: the Send API with its window, conversations, profiles, files, and what is told."""

import json
from datetime import timedelta
from typing import Any

from chorally_meta.sandbox import Field, GraphError, Told
from starlette.responses import Response

from chorally_facebook.sandbox.base import PageBase
from chorally_facebook.sandbox.comments import iso
from chorally_facebook.sandbox.world import File, Said
from chorally_sdk.sandbox import Call, answers

DAY, WEEK = timedelta(days=1), timedelta(days=7)
MAX_TEXT = 2000


class MessengerRoutes(PageBase):
    """The routes of Messenger, and what people write."""

    def write(
        self, person_id: str, text: str, *, name: str = "", files: tuple[str, ...] = (), reply_to: str = "",
        webhook: bool = True,
    ) -> Said:  # fmt: skip
        """Let a person write to the page."""
        self.world.people.setdefault(person_id, name or person_id.title())
        made = self.world.say(person_id, person_id, text, files=files, reply_to=reply_to)
        if webhook:
            self.courier.add(self._event_told(self.message_event(made)))
        return made

    def read_all(self, person_id: str) -> None:
        """Let a person read what the page wrote."""
        at = int(self.clock().timestamp() * 1000)
        event = self._event(person_id, self.world.page_id, {"read": {"watermark": at}})
        self.courier.add(self._event_told(event))

    def unsay(self, said_id: str) -> None:
        """Let a message be gone.

        Raises:
            KeyError: There is no such message.
        """
        del self.world.said[said_id]

    def message_event(self, said: Said) -> dict[str, Any]:
        """Return a message as a webhook tells of it."""
        ours = said.author_id == self.world.page_id
        message: dict[str, Any] = {"mid": said.id}
        if said.message:
            message["text"] = said.message
        if said.files:
            message["attachments"] = [
                {"type": self.world.files[each].kind, "payload": {"url": self._url(each)}} for each in said.files
            ]
        if said.reply_to:
            message["reply_to"] = {"mid": said.reply_to}
        if ours:
            message |= {"is_echo": True, "app_id": 1, **({"metadata": said.metadata} if said.metadata else {})}
        sender, recipient = (said.author_id, said.person_id) if ours else (said.person_id, self.world.page_id)
        event = self._event(sender, recipient, {"message": message})
        return {**event, "timestamp": int(said.sent_at.timestamp() * 1000)}

    def _event(self, sender: str, recipient: str, parts: dict[str, Any]) -> dict[str, Any]:
        now = int(self.clock().timestamp() * 1000)
        return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": now, **parts}

    def _event_told(self, event: dict[str, Any]) -> Told:
        return Told(self.world.page_id, event)

    @answers("POST", "/{page_id}/messages")
    async def _send(self, call: Call) -> Any:
        self.of_page(call)
        recipient, message = self.nested(call, "recipient") or {}, self.nested(call, "message")
        asked = self.asked(call)
        if asked.get("sender_action"):
            return self._acted(str(recipient.get("id")), asked["sender_action"])
        if not isinstance(message, dict):
            raise ValueError("The parameter message is required")
        if comment := recipient.get("comment_id"):
            return await self._answer_in_private(str(comment), message)
        person = str(recipient.get("id"))
        if person not in self.world.people:
            raise GraphError(100, "No matching user found", subcode=2018001)
        tag = asked.get("tag", "") if asked.get("messaging_type") == "MESSAGE_TAG" else ""
        self._judge_window(person, tag)
        reply_to = (self.nested(call, "reply_to") or {}).get("mid", "")
        return await self._made(person, message, tag=tag, reply_to=reply_to)

    def _acted(self, person: str, action: str) -> Any:
        if person not in self.world.people:
            raise GraphError(100, "No matching user found", subcode=2018001)
        if action == "mark_seen":
            for said in self.world.conversation(person):
                said.is_read = True
        elif action not in {"typing_on", "typing_off"}:
            raise ValueError("Unknown sender_action")
        return {"recipient_id": person}

    def _judge_window(self, person: str, tag: str) -> None:
        theirs = [said.sent_at for said in self.world.conversation(person) if said.author_id == person]
        open_for = WEEK if tag == "HUMAN_AGENT" else DAY
        if not theirs or self.clock() - max(theirs) > open_for:
            raise GraphError(10, "This message is sent outside of allowed window.", subcode=2018278)

    async def _answer_in_private(self, comment_id: str, message: dict[str, Any]) -> Any:
        comment = self.world.comments[comment_id]
        if comment_id in self.world.answered or self.clock() - comment.created_at > WEEK:
            raise GraphError(10900, "Activity already replied to, or too old")
        self.world.people.setdefault(comment.author_id, comment.author_name)
        told = await self._made(comment.author_id, message)
        self.world.answered[comment_id] = told["message_id"]
        return told

    async def _made(self, person: str, message: dict[str, Any], **more: str) -> dict[str, str]:
        text, attachment = message.get("text", ""), message.get("attachment")
        if bool(text) == bool(attachment):
            raise ValueError("A message has a text or an attachment")
        if len(text) > MAX_TEXT:
            raise GraphError(100, f"Length of param message[text] must be less than or equal to {MAX_TEXT}")
        files = (self._attached(attachment).id,) if attachment else ()
        metadata = str(message.get("metadata", ""))
        made = self.world.say(person, self.world.page_id, text, files=files, metadata=metadata, **more)
        await self.tell(self.message_event(made))
        return {"recipient_id": person, "message_id": made.id}

    def _attached(self, attachment: dict[str, Any]) -> File:
        payload = attachment.get("payload", {})
        if known := payload.get("attachment_id"):
            return self.world.files[str(known)]
        if not payload.get("url"):
            raise ValueError("An attachment has a url or an attachment_id")
        return self.world.file(attachment.get("type", "file"), url=payload["url"])

    @answers("POST", "/{page_id}/message_attachments")
    async def _upload(self, call: Call) -> Any:
        self.of_page(call)
        asked, files = await self.form(call)
        attachment = json.loads(asked["message"])["attachment"]
        if "filedata" not in files:
            return {"attachment_id": self._attached(attachment).id}
        media_type, content = files["filedata"]
        return {"attachment_id": self.world.file(attachment["type"], content=content, media_type=media_type).id}

    @answers("GET", "/{page_id}/conversations")
    async def _conversations(self, call: Call) -> Any:
        self.of_page(call)
        latest: dict[str, Said] = {said.person_id: said for said in self.world.said.values()}
        asked = self.asked(call)
        found = sorted(latest.values(), key=lambda said: -said.place)
        if "user_id" in asked:
            found = [said for said in found if said.person_id == asked["user_id"]]
        fields = self.fields(call, "id,link,updated_time")
        return self.listed(
            call, found, lambda said: -said.place, lambda said: self._shown_conversation(call, said, fields)
        )

    def _shown_conversation(self, call: Call, said: Said, fields: tuple[Field, ...]) -> dict[str, Any]:
        page = {"id": self.world.page_id, "name": self.world.page_name}
        person = {"id": said.person_id, "name": self.world.people[said.person_id]}
        told: dict[str, Any] = {
            "id": f"t_{said.person_id}",
            "updated_time": iso(said.sent_at),
            "participants": {"data": [person, page]},
        }
        shown = {field.name: told[field.name] for field in fields if field.name in told}
        for field in fields:
            if field.name == "messages":
                asked = {**field.options, "fields": field.text}
                shown["messages"] = self._messages_of(call, said.person_id, asked)
        return shown

    @answers("GET", "/{object_id}/messages")
    async def _messages(self, call: Call) -> Any:
        person = call.path["object_id"].removeprefix("t_")
        if person not in self.world.people:
            raise KeyError(person)
        return self._messages_of(call, person, self.asked(call))

    def _messages_of(self, call: Call, person: str, asked: dict[str, str]) -> Any:
        found = sorted(self.world.conversation(person), key=lambda said: -said.place)
        fields = self.fields_of(asked.get("fields") or "id,created_time")
        return self.listed(
            call, found, lambda said: -said.place, lambda said: self.shown_message(said, fields),
            url=f"/t_{person}/messages", asked=asked,
        )  # fmt: skip

    def shown_message(self, said: Said, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Return the fields of a message that are asked for."""
        names = {**self.world.people, self.world.page_id: self.world.page_name}
        to = self.world.page_id if said.author_id == said.person_id else said.person_id
        told: dict[str, Any] = {
            "id": said.id,
            "created_time": iso(said.sent_at),
            "message": said.message,
            "from": {"id": said.author_id, "name": names[said.author_id], "email": f"{said.author_id}@facebook.com"},
            "to": {"data": [{"id": to, "name": names[to]}]},
        }
        if said.files:
            told["attachments"] = {"data": [self._shown_file(self.world.files[each]) for each in said.files]}
        return {field.name: told[field.name] for field in fields if field.name in told}

    def _shown_file(self, file: File) -> dict[str, Any]:
        kinds = {"image": "image_data", "video": "video_data"}
        told = {
            "id": file.id,
            "mime_type": file.media_type,
            "name": f"{file.kind}-{file.id}",
            "size": len(file.content),
        }
        url = self._url(file.id)
        return {**told, **({kinds[file.kind]: {"url": url}} if file.kind in kinds else {"file_url": url})}

    def _url(self, file_id: str) -> str:
        file = self.world.files[file_id]
        return file.url or f"{CDN}/_files/{file_id}"

    def shown_person(self, person_id: str, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Return the fields of a person's profile that are asked for."""
        name = self.world.people[person_id]
        told = {"id": person_id, "name": name, "profile_pic": f"{CDN}/_people/{person_id}", "locale": "it_IT"}
        return {field.name: told[field.name] for field in fields if field.name in told}

    @answers("GET", "/_files/{file_id}", on="file", is_open=True)
    async def _file(self, call: Call) -> Any:
        file = self.world.files.get(call.path["file_id"])
        if file is None:
            return Response("URL signature expired", 403)
        return Response(file.content, media_type=file.media_type)


CDN = "https://lookaside.fbsbx.com"
"""Where files of messages are read from."""
