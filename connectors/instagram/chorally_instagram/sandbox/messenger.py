"""Direct messages of the sandbox: the Send API with its window, conversations, profiles, files, and what is told."""

import json
from datetime import timedelta
from typing import Any

from chorally_meta.sandbox import Field, GraphError
from starlette.responses import Response

from chorally_instagram.sandbox.base import iso
from chorally_instagram.sandbox.comments import CDN, CommentRoutes
from chorally_instagram.sandbox.world import File, Said
from chorally_sdk.sandbox import Call, answers

DAY, WEEK = timedelta(days=1), timedelta(days=7)
MAX_BYTES = 1000


class MessageRoutes(CommentRoutes):
    """The routes of messages, and what people write."""

    def write(
        self, author: str, text: str, *, files: tuple[str, ...] = (), reply_to: str = "", webhook: bool = True,
        story: dict[str, Any] | None = None,
    ) -> Said:  # fmt: skip
        """Let a person write to the account; ``story`` is what they reply to, or what mentions it."""
        person = self.known(author)
        made = self.world.say(person, person, text, files=files, reply_to=reply_to, story=story or {})
        self.tell(self.message_event(made), webhook=webhook)
        return made

    def rewrite(self, said_id: str, text: str) -> None:
        """Let a person edit a message."""
        said = self.world.said[said_id]
        said.text = text
        self.tell(self._event(said.person, {"message_edit": {"mid": said.id, "text": text, "num_edit": 1}}))

    def unsay(self, said_id: str) -> None:
        """Let a person take a message back."""
        said = self.world.said.pop(said_id)
        self.tell(self._event(said.person, {"message": {"mid": said.id, "is_deleted": True}}))

    def read_it(self, said_id: str) -> None:
        """Let a person see a message of ours."""
        said = self.world.said[said_id]
        self.tell(self._event(said.person, {"read": {"mid": said.id}}))

    def react(self, said_id: str, emoji: str = "\N{HEAVY BLACK HEART}", *, takes_back: bool = False) -> None:
        """Let a person react to a message, or take that back."""
        said = self.world.said[said_id]
        reaction = {"mid": said.id, "action": "unreact" if takes_back else "react"}
        if not takes_back:
            reaction |= {"reaction": "love", "emoji": emoji}
        self.tell(self._event(said.person, {"reaction": reaction}))

    def message_event(self, said: Said) -> dict[str, Any]:
        """Return a message as a webhook tells of it."""
        ours = said.author == self.world.account
        message: dict[str, Any] = {"mid": said.id, **({"text": said.text} if said.text else {})}
        files = [self.world.files[each] for each in said.files]
        if said.files:
            message["attachments"] = [{"type": file.kind, "payload": {"url": self._url(file)}} for file in files]
        if mention := said.story.get("mention"):
            message["attachments"] = [{"type": "story_mention", "payload": {"url": mention["link"]}}]
        if said.reply_to:
            message["reply_to"] = {"mid": said.reply_to}
        elif replied := said.story.get("reply_to"):
            message["reply_to"] = {"story": {"id": replied["id"], "url": replied["link"]}}
        if ours:
            message |= {"is_echo": True, **({"metadata": said.metadata} if said.metadata else {})}
        sender, recipient = (said.author, said.person) if ours else (said.person, self.world.account)
        at = int(said.sent_at.timestamp() * 1000)
        return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": at, "message": message}

    def _event(self, person: str, parts: dict[str, Any]) -> dict[str, Any]:
        at = int(self.clock().timestamp() * 1000)
        return {"sender": {"id": person}, "recipient": {"id": self.world.account}, "timestamp": at, **parts}

    @answers("POST", "/{object_id}/messages")
    async def _send(self, call: Call) -> Any:
        self.of_account(call)
        recipient, message = self.nested(call, "recipient") or {}, self.nested(call, "message")
        asked = self.asked(call)
        if asked.get("sender_action"):
            return self._acted(call, str(recipient.get("id")), asked["sender_action"])
        if not isinstance(message, dict):
            raise ValueError("The parameter message is required")
        if comment := recipient.get("comment_id"):
            return self._answered_in_private(str(comment), message)
        person = str(recipient.get("id"))
        self._judge_person(person)
        tag = asked.get("tag", "") if asked.get("messaging_type") == "MESSAGE_TAG" else ""
        self._judge_window(person, tag)
        reply_to = (self.nested(call, "reply_to") or {}).get("mid", "")
        return self._made(person, message, tag=tag, reply_to=reply_to)

    def _judge_person(self, person: str) -> None:
        if person not in self.names:
            raise GraphError(100, "The requested user cannot be found.", subcode=2534014)

    def _acted(self, call: Call, person: str, action: str) -> Any:
        self._judge_person(person)
        if action in {"react", "unreact"}:
            payload = self.nested(call, "payload")
            said = self.world.said[str(payload["message_id"])]
            said.reactions[self.world.account] = payload.get("reaction", "") if action == "react" else ""
        elif action not in {"typing_on", "typing_off", "mark_seen"}:
            raise ValueError("Unknown sender_action")
        return {"recipient_id": person}

    def _judge_window(self, person: str, tag: str) -> None:
        theirs = [said.sent_at for said in self.world.conversation(person) if said.author == person]
        open_for = WEEK if tag == "HUMAN_AGENT" else DAY
        if not theirs or self.clock() - max(theirs) > open_for:
            raise GraphError(10, "This message is sent outside of allowed window.", subcode=2534022)

    def _answered_in_private(self, comment_id: str, message: dict[str, Any]) -> Any:
        comment = self.world.comments[comment_id]
        if comment_id in self.world.answered or self.clock() - comment.created_at > WEEK or not comment.author:
            raise GraphError(100, "The comment is invalid for a private reply", subcode=2534025)
        told = self._made(comment.author, message)
        self.world.answered[comment_id] = told["message_id"]
        return told

    def _made(self, person: str, message: dict[str, Any], **more: Any) -> Any:
        text, attachment = str(message.get("text", "")), message.get("attachment")
        if not text and not attachment:
            raise ValueError("A message has a text or an attachment")
        if len(text.encode()) > MAX_BYTES:
            raise ValueError("Length of param message[text] must be less than or equal to 1000 bytes")
        files = (self._attached(attachment).id,) if attachment else ()
        metadata = str(message.get("metadata", ""))
        made = self.world.say(person, self.world.account, text, files=files, metadata=metadata, **more)
        self.echo(self.message_event(made))
        return {"recipient_id": person, "message_id": made.id}

    def _attached(self, attachment: dict[str, Any]) -> File:
        payload = attachment.get("payload", {})
        if known := payload.get("attachment_id"):
            return self.world.files[str(known)]
        if not payload.get("url"):
            raise ValueError("An attachment has a url or an attachment_id")
        return self.world.file(attachment.get("type", "file"), url=payload["url"])

    @answers("POST", "/{object_id}/message_attachments", on="prepare")
    async def _upload(self, call: Call) -> Any:
        self.of_account(call)
        attachment = json.loads(self.asked(call)["message"])["attachment"]
        part = call.files["filedata"]
        file = self.world.file(attachment["type"], content=part.content, media_type=part.media_type)
        return {"attachment_id": file.id}

    @answers("GET", "/{object_id}/conversations")
    async def _conversations(self, call: Call) -> Any:
        self.of_account(call)
        asked = self.asked(call)
        if asked.get("platform") != "instagram":
            raise ValueError("platform must be instagram")
        latest: dict[str, Said] = {said.person: said for said in self.world.said.values()}
        found = sorted(latest.values(), key=lambda said: -said.place)
        if "user_id" in asked:
            found = [said for said in found if said.person == asked["user_id"]]
        fields = self.fields(call, "id,updated_time")
        return self.listed(
            call, found, lambda said: -said.place, lambda said: self._shown_conversation(call, said, fields)
        )

    def _shown_conversation(self, call: Call, said: Said, fields: tuple[Field, ...]) -> dict[str, Any]:
        us = {"id": self.world.scoped_id, "username": self.world.username}
        people = [us, {"id": said.person, "username": self.names[said.person]}]
        told = {"id": f"t_{said.person}", "updated_time": iso(said.sent_at), "participants": {"data": people}}
        shown: dict[str, Any] = {field.name: told[field.name] for field in fields if field.name in told}
        for field in fields:
            if field.name == "messages":
                shown["messages"] = self._messages_of(call, said.person, {**field.options, "fields": field.text})
        return shown

    @answers("GET", "/{object_id}/messages")
    async def _messages(self, call: Call) -> Any:
        person = call.path["object_id"].removeprefix("t_")
        if person not in self.names:
            raise KeyError(person)
        return self._messages_of(call, person, self.asked(call))

    def _messages_of(self, call: Call, person: str, asked: dict[str, str]) -> Any:
        fields = self.fields_of(asked.get("fields") or "id,created_time")
        found = self.world.conversation(person)
        return self.listed(
            call, found, lambda said: -said.place, lambda said: self.shown_message(said, fields),
            url=f"/t_{person}/messages", asked=asked,
        )  # fmt: skip

    def shown_message(self, said: Said, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Return the fields of a message that are asked for; the account bears its id of this app here."""
        ours = said.author == self.world.account
        us = {"id": self.world.scoped_id, "username": self.world.username}
        them = {"id": said.person, "username": self.names[said.person]}
        told: dict[str, Any] = {
            "id": said.id,
            "created_time": iso(said.sent_at),
            "message": said.text,
            "from": us if ours else them,
            "to": {"data": [them if ours else us]},
        }
        if said.files:
            told["attachments"] = {"data": [self._shown_file(self.world.files[each]) for each in said.files]}
        if said.story:
            told["story"] = said.story
        return {field.name: told[field.name] for field in fields if field.name in told}

    def _shown_file(self, file: File) -> dict[str, Any]:
        kinds = {"image": "image_data", "video": "video_data"}
        url = self._url(file)
        link = {kinds[file.kind]: {"url": url}} if file.kind in kinds else {"file_url": url}
        return {"id": file.id, "mime_type": file.media_type, "name": f"{file.kind}-{file.id}", **link}

    def _url(self, file: File) -> str:
        return file.url or f"{CDN}/_files/{file.id}"

    def shown_person(self, person: str, fields: tuple[Field, ...]) -> dict[str, Any]:
        """Return the fields of a person's profile that are asked for."""
        name = self.names[person]
        told = {
            "id": person,
            "name": name.title(),
            "username": name,
            "profile_pic": f"{CDN}/_people/{person}",
            "follower_count": 12,
        }
        return {field.name: told[field.name] for field in fields if field.name in told}

    @answers("GET", "/_files/{file_id}", on="file", is_open=True)
    async def _file(self, call: Call) -> Any:
        file = self.world.files.get(call.path["file_id"])
        if file is None:
            return Response("URL signature expired", 403)
        return Response(file.content, media_type=file.media_type)

    @answers("GET", "/_media/{media_id}", on="file", is_open=True)
    async def _media_file(self, call: Call) -> Any:
        return Response(b"media " + self.world.media[call.path["media_id"]].id.encode(), media_type="image/jpeg")
