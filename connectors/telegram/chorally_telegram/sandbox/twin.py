"""The Bot API of the sandbox: methods as Bot API 10.1 documents them, for one bot."""

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any, ClassVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chorally_sdk.sandbox import Call, Clock, Failure, Fault, Faults, Refusal, Twin, answers
from chorally_sdk.sandbox.control import Body, did
from chorally_sdk.text import length
from chorally_telegram.sandbox.errors import ERRORS
from chorally_telegram.sandbox.forms import Files, fields_of
from chorally_telegram.sandbox.post import Post
from chorally_telegram.sandbox.world import BOT_ID, Value, Webhook, World

TOKEN = f"{BOT_ID}:sandbox-token-0123456789"


class Configure(Body):
    """What can be set of the sandbox."""

    deliver: str | None = None
    """``auto`` sends webhooks as they come, ``manual`` when ``/_sandbox/deliver`` is asked."""


class Named(Body):
    """A person, by the name that they are called by here."""

    author: str = "ada"


class BotApi(Twin):
    """The methods of the Bot API that the connector uses."""

    kinds: ClassVar[frozenset[str]] = frozenset(
        each for each in Twin.kinds if not each.startswith("rate_limit_date/") and not each.endswith("/token")
    )
    errors: ClassVar[Mapping[str, Failure]] = ERRORS

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make a bot that nobody has written to; nothing is posted until it is asked for."""
        super().__init__(clock=clock, seed=seed)
        self.size = 100
        self.tokens = {TOKEN}
        self.news = asyncio.Event()
        self.world = World(self.clock, self._told)
        hook_faults: Faults[Fault] = self.faults
        self.post = Post(self.world, now=self.clock, faults=hook_faults, rng=self.rng, deliver="manual")
        self._polls = count(1)
        self._poll = 0
        self.app.routes[:0] = self._control()

    def authorise(self, call: Call) -> None:
        """Judge a call by the token in its path."""
        token = call.path["token"]
        if token not in self.tokens:
            raise Refusal("token" if token.startswith(f"{BOT_ID}:") else "no_bot")

    @answers("GET", "/bot{token}/getMe")
    async def get_me(self, call: Call) -> Any:
        """Name the bot."""
        can = {"can_join_groups": True, "can_read_all_group_messages": True, "supports_inline_queries": False}
        return _ok({**self.world.bot, **can})

    @answers("GET", "/bot{token}/getUpdates")
    async def get_updates(self, call: Call) -> Any:
        """Tell the updates from the offset on, and forget those before it."""
        if self.world.webhook:
            raise Refusal("hooked")
        asked, _ = await fields_of(call)
        offset, limit = int(asked.get("offset") or 0), int(asked.get("limit") or 100)
        if "allowed_updates" in asked:
            self.world.allowed = tuple(asked["allowed_updates"])
        if not call.is_stuck:
            self.world.confirm(offset)
        mine = self._poll = next(self._polls)
        self.news.set()  # an older question is answered by a conflict
        self.news.clear()
        if not self.world.updates and (hold_s := int(asked.get("timeout") or 0)):
            await self._hold(hold_s)
        if mine != self._poll:
            raise Refusal("conflict")
        found = {**self.world.confirmed, **self.world.updates} if call.is_stuck else self.world.updates
        return _ok([found[number] for number in sorted(found)][: min(limit, self.size)])

    async def _hold(self, seconds: int) -> None:
        """Wait for news; a clock that stands passes by itself."""
        if not self.clock.is_running:
            await self.clock.sleep(seconds)
            await asyncio.sleep(0)  # lets others go on: who asks for ever would ask at once again
            return
        try:
            async with asyncio.timeout(seconds):
                await self.news.wait()
        except TimeoutError:
            return

    @answers("GET", "/bot{token}/getWebhookInfo")
    async def webhook_info(self, call: Call) -> Any:
        """Tell what is set."""
        hook = self.world.webhook
        told: Value = {"url": hook.url if hook else "", "has_custom_certificate": False}
        told["pending_update_count"] = len(self.world.updates)
        return _ok({**told, **({"max_connections": hook.max_connections} if hook else {})})

    @answers("POST", "/bot{token}/setWebhook")
    async def set_webhook(self, call: Call) -> Any:
        """Set the webhook, or delete it where the URL is empty."""
        asked, _ = await fields_of(call)
        url = str(asked.get("url") or "")
        if not url:
            self._unhook()
            return _ok(True)
        if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):  # the sandbox posts to its machine
            raise Refusal("url")
        allowed = tuple(asked.get("allowed_updates") or ())
        most = int(asked.get("max_connections") or 40)
        self.world.webhook = Webhook(url, str(asked.get("secret_token") or ""), most, allowed)
        self.post.callback_url = url
        waiting = {told["update_id"] for _, told in self.post.changes}
        self.post.changes += [(self.clock(), each) for n, each in self.world.updates.items() if n not in waiting]
        self.post.wake()
        return _ok(True)

    @answers("POST", "/bot{token}/deleteWebhook")
    async def delete_webhook(self, call: Call) -> Any:
        """Delete the webhook; what waits is kept unless it shall be dropped."""
        asked, _ = await fields_of(call)
        self._unhook()
        if asked.get("drop_pending_updates") is True:
            self.world.updates.clear()
        return _ok(True)

    def _unhook(self) -> None:
        self.world.webhook = None
        self.post.callback_url = ""
        self.post.changes.clear()
        self.post.queue.clear()

    @answers("GET", "/bot{token}/getFile")
    async def get_file(self, call: Call) -> Any:
        """Give the path of a file."""
        file_id = call.query.get("file_id", "")
        content = self.world.files.get(file_id)
        if content is None:
            raise Refusal("file")
        if len(content) > 20 * 2**20:
            raise Refusal("large")
        told = {"file_id": file_id, "file_unique_id": f"u{file_id}", "file_size": len(content)}
        return _ok({**told, "file_path": f"documents/{file_id}"})

    @answers("GET", "/file/bot{token}/documents/{file_id}")
    async def file(self, call: Call) -> Any:
        """Give the bytes of a file."""
        content = self.world.files.get(call.path["file_id"])
        if content is None:
            return JSONResponse({"ok": False, "error_code": 404, "description": "Not Found"}, 404)
        return Response(content, media_type="application/octet-stream")

    @answers("POST", "/bot{token}/sendMessage")
    async def send_message(self, call: Call) -> Any:
        """Show a text."""
        asked, _ = await fields_of(call)
        text = str(asked.get("text", ""))
        if not text.strip():
            raise Refusal("empty")
        if length(text, "utf16") > 4096:
            raise Refusal("long")
        return _ok(self._made(asked, text=text))

    @answers("POST", "/bot{token}/send{kind}")
    async def send_file(self, call: Call) -> Any:
        """Show a file, or an album."""
        asked, files = await fields_of(call)
        kind = call.path["kind"].lower()
        if kind == "mediagroup":
            album = asked.get("media")
            if not isinstance(album, list) or not 2 <= len(album) <= 10:
                raise Refusal("invalid")
            group = f"album{len(self.world.messages) + 1}"
            shown = [
                self._made(asked, media_group_id=group, **self._content(each["type"], each["media"], each, files))
                for each in album
            ]
            return _ok(shown)
        source = f"attach://{kind}" if kind in files else str(asked.get(kind, ""))
        return _ok(self._made(asked, **self._content(kind, source, asked, files)))

    def _content(self, kind: str, source: str, asked: Value, files: Files) -> Value:
        """A file as a message holds it."""
        if kind not in _HELD or not source:
            raise Refusal("invalid")
        caption = str(asked.get("caption", ""))
        if length(caption, "utf16") > 1024:
            raise Refusal("caption")
        name, media_type, content = source, "application/octet-stream", b""
        if source.startswith("attach://"):
            if source.removeprefix("attach://") not in files:
                raise Refusal("invalid")
            name, media_type, content = files[source.removeprefix("attach://")]
        held = self.keep(content, name, media_type, kind)
        return {**held, **({"caption": caption} if caption else {})}

    def keep(self, content: bytes, name: str, media_type: str, kind: str) -> Value:
        """Keep a file, and return it as a message of that kind holds it."""
        file_id = f"file{len(self.world.files) + 1}"
        self.world.files[file_id] = content
        file: Value = {"file_id": file_id, "file_unique_id": f"u{file_id}", "file_size": len(content)}
        if kind == "photo":
            return {"photo": [{**file, "width": 800, "height": 600}]}
        more = dict.fromkeys(_HELD[kind], 1)
        named = {} if kind in {"voice", "video_note"} else {"file_name": name}
        return {kind: {**file, **more, **named, "mime_type": media_type}}

    def _made(self, asked: Value, **content: Any) -> Value:
        """Show something of the bot's, where it may write."""
        chat = self.chat(asked.get("chat_id"))
        replied: Value = {}
        if told := asked.get("reply_parameters"):
            parent = self.world.messages.get((chat["id"], int(told["message_id"])))
            if parent is None and not told.get("allow_sending_without_reply"):
                raise Refusal("no_reply")
            replied = {"reply_to_message": _bare(parent)} if parent else {}
        return self.world.message(chat, self.world.bot, **replied, **content)

    def chat(self, chat_id: object) -> Value:
        """Return a chat in which the bot may write."""
        if not isinstance(chat_id, int) or chat_id not in self.world.chats:
            raise Refusal("no_chat")
        if chat_id in self.world.moved:
            raise Refusal("moved", parameters={"migrate_to_chat_id": self.world.moved[chat_id]})
        if chat_id in self.world.blocked:
            raise Refusal("blocked")
        return self.world.chats[chat_id]

    def _target(self, asked: Value, missing: str) -> Value:
        chat = self.chat(asked.get("chat_id"))
        found = self.world.messages.get((chat["id"], int(asked.get("message_id") or 0)))
        if found is None:
            raise Refusal(missing)
        return found

    @answers("POST", "/bot{token}/editMessageText")
    async def edit_text(self, call: Call) -> Any:
        """Edit a text of the bot's."""
        return await self._edit(call, "text", 4096)

    @answers("POST", "/bot{token}/editMessageCaption")
    async def edit_caption(self, call: Call) -> Any:
        """Edit the words beside a file of the bot's."""
        return await self._edit(call, "caption", 1024)

    async def _edit(self, call: Call, name: str, most: int) -> Any:
        asked, _ = await fields_of(call)
        found = self._target(asked, "no_edit")
        words = str(asked.get(name, ""))
        if found.get("from", {}).get("id") != BOT_ID:
            raise Refusal("invalid")
        if name == "text" and "text" not in found:
            raise Refusal("no_text")
        if length(words, "utf16") > most:
            raise Refusal("long")
        if found.get(name) == words:
            raise Refusal("same")
        found |= {name: words, "edit_date": int(self.clock().timestamp())}
        return _ok(found)

    @answers("POST", "/bot{token}/deleteMessage")
    async def delete_message(self, call: Call) -> Any:
        """Delete a message."""
        asked, _ = await fields_of(call)
        found = self._target(asked, "no_delete")
        del self.world.messages[found["chat"]["id"], found["message_id"]]
        return _ok(True)

    @answers("POST", "/bot{token}/setMessageReaction")
    async def react(self, call: Call) -> Any:
        """Set the bot's reaction."""
        asked, _ = await fields_of(call)
        found = self._target(asked, "gone")
        self.world.reactions[found["chat"]["id"], found["message_id"]] = asked.get("reaction") or []
        return _ok(True)

    def state(self) -> Mapping[str, Any]:
        """Show what is there, for the control plane."""
        hook = self.world.webhook
        return {
            **super().state(),
            "messages": list(self.world.messages.values()),
            "updates": list(self.world.updates.values()),
            "webhook": hook.url if hook else "",
            "hooks": {"waiting": self.post.waiting, "delivered": self.post.delivered, "refused": self.post.refused},
        }

    def _told(self, update: Value) -> None:
        self.news.set()
        self.news.clear()
        self.post.add(update)

    def _failed(self, fault: Fault) -> Response:
        if fault.kind != "rate_limit":
            return super()._failed(fault)
        wait = {
            "description": f"Too Many Requests: retry after {fault.wait_s}",
            "parameters": {"retry_after": fault.wait_s},
        }
        return self.refused("rate", **wait)

    def _control(self) -> list[Route]:
        async def configure(request: Request) -> Response:
            return await did(request, Configure, self._configure)

        async def deliver(request: Request) -> Response:
            async def do(_: BaseModel) -> Value:
                return {"accepted": await self.post.deliver_all(), "waiting": self.post.waiting}

            return await did(request, Body, do)

        async def block(request: Request) -> Response:
            async def do(asked: Named) -> Value:
                return {"update_id": self.block(asked.author)}

            return await did(request, Named, do)

        return [
            Route("/_sandbox/configure", configure, methods=["POST"]),
            Route("/_sandbox/deliver", deliver, methods=["POST"]),
            Route("/_sandbox/block", block, methods=["POST"]),
        ]

    async def _configure(self, asked: Configure) -> Value:
        if asked.deliver is not None:
            if asked.deliver not in ("auto", "manual"):
                raise ValueError("deliver is auto or manual")
            self.post.deliver = "auto" if asked.deliver == "auto" else "manual"
            self.post.wake()
        return {"success": True}

    def block(self, name: str) -> int:
        """Let a person block the bot, and return the number of the update."""
        chat, person = self.world.private(name), self.world.person(name)
        self.world.blocked.add(chat["id"])
        member = {"chat": chat, "from": person, "date": int(self.clock().timestamp())}
        was, now = (
            {"status": "member", "user": self.world.bot},
            {"status": "kicked", "user": self.world.bot, "until_date": 0},
        )
        return self.world.update("my_chat_member", {**member, "old_chat_member": was, "new_chat_member": now})


_HELD: Mapping[str, tuple[str, ...]] = {
    "photo": (),
    "video": ("width", "height", "duration"),
    "animation": ("width", "height", "duration"),
    "voice": ("duration",),
    "audio": ("duration",),
    "document": (),
}


def _bare(message: Value) -> Value:
    return {name: value for name, value in message.items() if name != "reply_to_message"}


def _ok(told: Any) -> Value:
    return {"ok": True, "result": told}
