"""Messages of the Cloud API: what is sent and refused, what people write, and the hooks that tell of it."""

from datetime import datetime
from typing import Any

from chorally_meta.sandbox import GraphTwin, Told

from chorally_sdk.sandbox import Call, Refusal, answers
from chorally_whatsapp.sandbox.errors import ERRORS
from chorally_whatsapp.sandbox.world import Said, World

MAX_TEXT, MAX_CAPTION = 4096, 1024
FILES = ("image", "video", "audio", "document", "sticker")


class MessageRoutes(GraphTwin):
    """The routes of messages, and what people do."""

    world: World
    states: tuple[str, ...]

    def write(
        self, person: str, kind: str, content: dict[str, Any], *, number: str = "", name: str = "", target: str = ""
    ) -> Said:
        """Let a person write to one of our numbers, the first where none is named."""
        number = number or next(iter(self.world.numbers))
        self.world.people.setdefault(person, name or person)
        made = self.world.say(number, person, kind, content, target=target)
        self.tell(number, {**self._contacts(person), "messages": [self.shown(made)]})
        return made

    def tell(self, number: str, value: dict[str, Any], *, field: str = "messages") -> None:
        """Tell something of a number by webhook."""
        self.courier.add(Told(self.world.waba, self.value(number, value), field))

    def value(self, number: str, value: dict[str, Any]) -> dict[str, Any]:
        """Return what a change says of a number."""
        shown = self.world.numbers.get(number, number)
        named = {"display_phone_number": shown, "phone_number_id": number}
        return {"messaging_product": "whatsapp", "metadata": named, **value}

    def shown(self, said: Said) -> dict[str, Any]:
        """Return a message as webhooks tell of it."""
        ours = self.world.numbers.get(said.number, said.number)
        sender = {"from": ours, "to": said.person} if said.ours else {"from": said.person}
        context = {"context": {"from": ours, "id": said.target}} if said.target else {}
        told = {"id": said.id, "timestamp": seconds(said.sent_at), "type": said.type, said.type: said.content}
        return {**sender, **told, **context}

    def _contacts(self, person: str) -> dict[str, Any]:
        return {"contacts": [{"profile": {"name": self.world.people[person]}, "wa_id": person}]}

    def control_of(self, person: str, kind: str, content: dict[str, Any], *, number: str = "") -> None:
        """Let a person do something to a message: edit, revoke or change their number."""
        number = number or next(iter(self.world.numbers))
        told = {
            "from": person,
            "id": f"wamid.CONTROL{seconds(self.clock())}{len(self.world.said)}",
            "timestamp": seconds(self.clock()),
            "type": kind,
            kind: content,
        }
        contacts = {} if kind == "system" else self._contacts(person)
        self.tell(number, {**contacts, "messages": [told]})

    def tell_states(self, said: Said, *states: str, errors: list[dict[str, Any]] | None = None) -> None:
        """Tell by webhook what became of a message of ours."""
        for state in states:
            status: dict[str, Any] = {
                "id": said.id,
                "status": state,
                "timestamp": seconds(self.clock()),
                "recipient_id": said.person,
                **({"biz_opaque_callback_data": said.ref} if said.ref else {}),
                **({"errors": errors} if errors else {}),
            }
            self.tell(said.number, {"statuses": [status]})

    @answers("POST", "/{number}/messages")
    async def _messages(self, call: Call) -> Any:
        number = call.path["number"]
        if number not in self.world.numbers:
            raise KeyError(number)
        asked = call.fields
        if asked.get("messaging_product") != "whatsapp":
            raise Refusal("131008", detail="messaging_product is required")
        if asked.get("status") == "read":
            self.world.said[str(asked.get("message_id"))].is_read = True
            return {"success": True}
        person, kind = str(asked.get("to") or asked.get("recipient") or ""), str(asked.get("type") or "text")
        if not person:
            raise Refusal("131008", detail="to is required")
        content = asked.get(kind)
        if content is None:
            raise Refusal("131009", detail=f"{kind} is required")
        made = self._sent(number, person, kind, content, asked)
        self.tell_states(made, *self.states)
        found = {"input": person, "wa_id": person}
        return {"messaging_product": "whatsapp", "contacts": [found], "messages": [{"id": made.id}]}

    def _sent(self, number: str, person: str, kind: str, content: Any, asked: dict[str, Any]) -> Said:
        target = str((asked.get("context") or {}).get("message_id") or "")
        self._judge(number, person, kind, content)
        if kind == "reaction":
            target = str(content["message_id"])
            self.world.said[target].reaction = str(content.get("emoji", ""))
        shown = content if isinstance(content, dict) else {"contacts": content}
        ref = str(asked.get("biz_opaque_callback_data") or "")
        return self.world.say(number, person, kind, shown, target=target, ref=ref, ours=True)

    def _judge(self, number: str, person: str, kind: str, content: Any) -> None:
        """Refuse what the platform refuses."""
        if kind == "template":
            self.judge_template(content)
            return
        if not self.world.is_open(number, person):
            raise Refusal("131047")
        if kind == "text" and not 0 < len(str(content.get("body", ""))) <= MAX_TEXT:
            raise Refusal("131009", detail=f"text.body has 1 to {MAX_TEXT} characters")
        if kind in FILES:
            if len(str(content.get("caption", ""))) > MAX_CAPTION:
                raise Refusal("131009", detail=f"a caption has at most {MAX_CAPTION} characters")
            if "id" in content and content["id"] not in self.world.files:
                raise Refusal("131009", detail="there is no such file")

    def judge_template(self, content: dict[str, Any]) -> None:
        """Refuse a template that may not be used."""
        language = content.get("language", {}).get("code")
        for each in self.world.templates:
            if (each["name"], each["language"], each["status"]) == (content.get("name"), language, "APPROVED"):
                return
        raise Refusal("132001")


def seconds(at: datetime) -> str:
    """Return a time as webhooks write it."""
    return str(int(at.timestamp()))


__all__ = ["ERRORS", "MessageRoutes", "seconds"]
