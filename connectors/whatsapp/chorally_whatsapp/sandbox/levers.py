"""The sandbox as the conformance kit takes hold of it, and as it is served to people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

import httpx
from chorally_meta.sandbox import Owned, Told
from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import chorally_sdk as sdk
from chorally_sdk.sandbox import Clock, Connection, Made
from chorally_sdk.sandbox.control import Body, did
from chorally_whatsapp.config import AccountSettings, AppSettings
from chorally_whatsapp.limits import MEDIA
from chorally_whatsapp.sandbox.business import BusinessRoutes
from chorally_whatsapp.sandbox.errors import ERRORS
from chorally_whatsapp.sandbox.world import WINDOW, World

CALLBACK = "https://chorally.example/hooks"


class Configure(Body):
    """What can be set; what is left out stays as it is."""

    callback_url: str | None = None
    states: list[str] | None = Field(default=None, description="What is told of each message that we send.")


class Write(Body):
    """A message of any kind."""

    person: str
    type: str
    content: dict[str, Any]


class Twin(BusinessRoutes):
    """A business on WhatsApp with one phone number that is connected, on a clock that stands until it is served."""

    object = "whatsapp_business_account"
    usage_type = "whatsapp"
    throttle = 80008
    errors = ERRORS
    description = ("whatsapp/business-messaging-api_v23.0.yaml", "whatsapp/api_specs")
    excused: ClassVar[Mapping[str, str]] = {
        r"has no parameter 'appsecret_proof'": "Securing Graph API Calls documents it for every call",
        r"message_templates \?fields": "the node of a template is not among those published with the description; the "
        "fields are those of the answer that it shows",
        r"'biz_opaque_callback_data'": "the reference of messages documents it, the description leaves it out",
        r"messages/0: 'messaging_product' is a required property": "the description judges messages that come in by "
        "the shape of those that go out: it refuses its own examples, too",
    }

    def __init__(
        self, *, clock: Clock | None = None, seed: int = 0, callback: httpx.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(clock=clock, seed=seed, callback=callback)
        self.world = World(self.clock)
        self.account = Owned(next(iter(self.world.numbers)), self.world.name, "sandbox-token")
        self.owned = [self.account]
        self.states: tuple[str, ...] = ("sent", "delivered")
        self.courier.deliver, self.courier.callback_url = "manual", CALLBACK
        self.world.templates += [
            a_template("order_ready", "en_US", "Hello {{1}}, your order {{2}} is ready."),
            a_template("order_ready", "it", "Ciao {{1}}, il tuo ordine {{2}} è pronto."),
            a_template("opening_hours", "en_US", "We are open from nine to six."),
            a_template("spring_sale", "en_US", "Everything {{percent}} off.", status="PAUSED"),
        ]

    def connection(self) -> Connection:
        """Say how the number is connected: by a system user's token."""
        app = AppSettings(
            client_id=self.login.oauth.client_id,
            app_secret=SecretStr(self.courier.app_secret),
            verify_token=SecretStr(self.courier.verify_token),
        )
        settings = AccountSettings(phone_number_id=self.account.id, waba_id=self.world.waba)
        grant = sdk.Grant(access=SecretStr(self.account.token))
        named = f"{self.world.name} +{self.world.numbers[self.account.id]}"
        return Connection(self.account.id, named, grant, settings, app)

    def second_grant(self) -> sdk.Grant:
        """Return another token of the same business."""
        return self.person()

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person write a text."""
        return self.write(
            number_of(author), "text", {"body": body}, name=(author or "").title(), target=parent or ""
        ).id

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person send an image."""
        file = self.world.store(self.account.id, content, "image/png")
        told = {"id": file.id, "mime_type": file.media_type, "sha256": "sandbox", "caption": body}
        return self.write(number_of("ada"), "image", told, name="Ada").id

    async def edit(self, external_id: str, body: str) -> None:
        """Let a person change what they wrote."""
        said = self.world.said[external_id]
        said.content = {**said.content, "body": body}
        now = {"type": "text", "text": {"body": body}}
        self.control_of(said.person, "edit", {"original_message_id": said.id, "message": now}, number=said.number)

    async def remove(self, external_id: str) -> None:
        """Let a person take back what they wrote."""
        said = self.world.said[external_id]
        said.is_deleted = True
        self.control_of(said.person, "revoke", {"original_message_id": said.id}, number=said.number)

    async def say_elsewhere(self, body: str, *, target: str) -> str:
        """Let the business answer in the WhatsApp Business app."""
        asked = self.world.said[target]
        made = self.world.say(asked.number, asked.person, "text", {"body": body}, target=target, ours=True)
        self.tell(asked.number, {"message_echoes": [self.shown(made)]}, field="smb_message_echoes")
        return made.id

    def made(self) -> Sequence[Made]:
        """Tell our messages; a reaction is seen on another one."""
        ours = (said for said in self.world.said.values() if said.ours and said.type != "reaction")
        return [Made(said.id, said.body, said.target or None) for said in ours]

    def seen_files(self) -> Sequence[bytes]:
        """Tell the files of our messages."""
        ids = [said.content.get("id") for said in self.world.said.values() if said.ours]
        return [self.world.files[each].content for each in ids if each in self.world.files]

    def media_limit(self, verb: str) -> Mapping[str, int]:
        """Return the sizes of the media page."""
        return MEDIA

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell how people see a message."""
        said = self.world.said.get(external_id)
        return "gone" if said is None or said.is_deleted else "visible"

    def batch(self, *bodies: str) -> sdk.RawHook:
        """Return one hook of several messages."""
        self.courier.taken()
        for body in bodies:
            self.write(number_of("ada"), "text", {"body": body}, name="Ada")
        return self.hooks()[0]

    def batch_of_accounts(self, bodies: Mapping[str, str]) -> sdk.RawHook:
        """Return one hook of several numbers, of several businesses."""
        told = []
        for place, (number, body) in enumerate(bodies.items()):
            said = self.world.say(number, number_of("ada"), "text", {"body": body})
            self.world.people.setdefault(said.person, "Ada")
            value = self.value(number, {**self._contacts(said.person), "messages": [self.shown(said)]})
            told.append((self.clock(), Told(f"20000000000000{place}", value, "messages")))
        return self.signed(self.courier.pack(told))

    def close_window(self) -> None:
        """Let a day pass."""
        self.clock.pass_(seconds=WINDOW.total_seconds() + 60)

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Return the longest text."""
        return 4096, "code_points"

    def template_names(self) -> Sequence[str]:
        """Tell which templates may be used."""
        return [each["name"] for each in self.world.templates if each["status"] == "APPROVED"]

    def state(self) -> Mapping[str, Any]:
        """Show everything."""
        said = [{**vars(each), "sent_at": each.sent_at.isoformat()} for each in self.world.said.values()]
        hooks = {"waiting": self.courier.waiting, "delivered": self.courier.delivered, "refused": self.courier.refused}
        return {"messages": said, "files": list(self.world.files), "subscribed": list(self.subscribed), "hooks": hooks}

    def control(self) -> list[Route]:
        """Return what Meta's dashboard and people's phones would do."""

        async def configure(request: Request) -> Response:
            async def do(asked: Configure) -> dict[str, Any]:
                self.courier.callback_url = asked.callback_url or self.courier.callback_url
                self.courier.deliver = "auto" if asked.callback_url else self.courier.deliver
                self.states = tuple(asked.states) if asked.states is not None else self.states
                self.courier.wake()
                return {"handshake": await self.courier.handshake()} if asked.callback_url else {"success": True}

            return await did(request, Configure, do)

        async def write(request: Request) -> Response:
            async def do(asked: Write) -> dict[str, Any]:
                return {"id": self.write(number_of(asked.person), asked.type, asked.content).id}

            return await did(request, Write, do)

        return [
            Route("/_sandbox/configure", configure, methods=["POST"]),
            Route("/_sandbox/messages", write, methods=["POST"]),
        ]


def number_of(author: str | None) -> str:
    """Return the phone number of a person that is known by name; digits are one already."""
    if author and author.isdecimal():
        return author
    return "1555" + str(sum(256**place * byte for place, byte in enumerate((author or "nobody").encode()[:3])))


def a_template(name: str, language: str, body: str, *, status: str = "APPROVED") -> dict[str, Any]:
    """Return a template with a text."""
    place = sum(name.encode()) * 100 + sum(language.encode())
    return {
        "id": f"{place}", "name": name, "language": language, "status": status, "category": "UTILITY",
        "components": [{"type": "BODY", "text": body}],
    }  # fmt: skip
