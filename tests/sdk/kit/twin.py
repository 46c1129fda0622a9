"""The twin of Guestbook, on the framework: what a stateful sandbox with every feature takes."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar, Literal

from starlette.responses import JSONResponse, Response

import chorally_sdk as sdk
from chorally_sdk.sandbox import (
    Call,
    Connection,
    Failure,
    Made,
    OAuth,
    Profile,
    Refusal,
    Shelf,
    Thing,
    Twin,
    answers,
    by_number,
    by_token,
    hmac_signer,
)
from chorally_sdk.sandbox.clock import Clock
from chorally_sdk.sandbox.levers import Subscribed
from tests.sdk.kit.shapes import NOTE, AppSettings

ROME = timezone(timedelta(hours=1))
WALL, OTHER = "wall-1", "another-account"
LONGEST = 50
WINDOW = timedelta(hours=24)
LEASE = timedelta(days=3)


class GuestbookTwin(Twin):
    """A wall that people sign."""

    channel = NOTE
    description = "guestbook/openapi.json"
    hook_version: Any = 1
    kinds = Twin.kinds | {"timeout_after_effect/prepare"}
    errors: ClassVar[Mapping[str, Failure]] = {
        "closed": Failure(422, {"error": "closed"}, means={"type": "Rejected", "reason": "window"}),
        "client": Failure(401, {"error": "invalid_client"}, means={"type": "Rejected", "reason": "invalid"}),
        "lost": Failure(410, {"error": "cursor"}),
    }

    def __init__(self, **options: Any) -> None:
        clock = options.pop("clock", None) or Clock()
        oauth = OAuth(clock, scopes=frozenset({"read", "write", "hooks"}))
        super().__init__(clock=clock, oauth=oauth, **options)
        self.notes = Shelf(self.clock, "n")
        self.drafts = Shelf(self.clock, "d")
        self.files: dict[str, bytes] = {}
        self.walls = {WALL: "A wall", OTHER: "Another wall", "wall-3": "A third wall"}
        self.settings = AppSettings()
        self.grant = self.a_grant()
        self.waiting: list[dict[str, Any]] = []
        self.held: list[Subscribed] = []
        self.keys_used: dict[str, str] = {}
        self.generation = 0
        self.has_expired = False
        self.likes: set[str] = set()
        self.delivered = 0
        self.sign = hmac_signer(
            "x-guestbook-signature",
            prefix="v1=",
            timestamp="x-guestbook-time",
            message=lambda body, at: f"{at}.".encode() + body,
        )

    # the API

    @answers("GET", "/me")
    async def me(self, call: Call) -> Any:
        """Who a token speaks for."""
        token = self.oauth.live(call.token)
        assert token
        wall = token.subject or WALL
        return {"id": wall, "name": self.walls[wall], "scopes": sorted(token.scopes)}

    @answers("GET", "/walls")
    async def list_walls(self, call: Call) -> Any:
        """The walls of a consent, two at once."""
        cut = by_number(list(self.walls.items()), call.query, size=2)
        token = {wall: self.oauth.issue(subject=wall, lasting=True).access for wall, _ in cut.shown}
        return {"walls": [{"id": w, "name": n, "token": token[w]} for w, n in cut.shown], "next": cut.next}

    @answers("GET", "/templates")
    async def list_templates(self, call: Call) -> Any:
        """The approved texts, two at once."""
        cut = by_number(self.template_names(), call.query, size=2)
        return {"templates": [{"name": name, "text": f"Dear {name}"} for name in cut.shown], "next": cut.next}

    @answers("GET", "/notes")
    async def list_notes(self, call: Call) -> Any:
        """All notes, in the order in which they changed."""
        return self._listing(list(self.notes), call)

    @answers("GET", "/notes/{id}/answers")
    async def list_answers(self, call: Call) -> Any:
        """The answers to a note."""
        return self._listing(self.notes.where(parent=self.notes[call.path["id"]].id), call)

    @answers("GET", "/notes/{id}")
    async def one_note(self, call: Call) -> Any:
        """One note."""
        return self._shown(self.notes[call.path["id"]])

    @answers("GET", "/files/{id}")
    async def file(self, call: Call) -> Response:
        """A file's bytes."""
        return Response(self.files[call.path["id"]], media_type="application/octet-stream")

    @answers("POST", "/drafts", on="prepare")
    async def draft(self, call: Call) -> Any:
        """A draft that nobody sees."""
        return {"id": self.drafts.add(call.fields["text"]).id}

    @answers("GET", "/drafts/{id}", on="prepare")
    async def one_draft(self, call: Call) -> Any:
        """Whether a draft is ready."""
        made = self.drafts[call.path["id"]]
        return {"ready": self.clock() - made.created_at >= timedelta(seconds=1)}

    @answers("POST", "/replies")
    async def reply(self, call: Call) -> Any:
        """An answer to a note."""
        target = self.notes[call.fields["note"]]
        if self.clock() - target.created_at > WINDOW:
            raise Refusal("closed")
        return self._made(call, target.id)

    @answers("POST", "/posts")
    async def post(self, call: Call) -> Any:
        """A note of the wall itself."""
        return self._made(call, None)

    @answers("PUT", "/notes/{id}/hidden")
    async def hide(self, call: Call) -> Any:
        """Hide a note."""
        self.notes.change(call.path["id"], hidden=True)
        return {}

    @answers("DELETE", "/notes/{id}/hidden")
    async def unhide(self, call: Call) -> Any:
        """Show a note."""
        self.notes.change(call.path["id"], hidden=False)
        return {}

    @answers("PUT", "/notes/{id}/like")
    async def like(self, call: Call) -> Any:
        """Like a note."""
        self.likes.add(self.notes[call.path["id"]].id)
        return {}

    @answers("DELETE", "/notes/{id}")
    async def delete(self, call: Call) -> Any:
        """Delete a note."""
        self.notes.remove(call.path["id"])
        return {}

    @answers("PUT", "/subscription")
    async def put_subscription(self, call: Call) -> Any:
        """Subscribe: one for each callback."""
        made = Subscribed("s1", call.fields["callback"], call.fields["secret"], self.clock() + LEASE)
        self.held = [made] + [held for held in self.held if held.callback != made.callback]
        return self._subscription(made)

    @answers("POST", "/subscriptions")
    async def one_more_subscription(self, call: Call) -> Any:
        """Subscribe once more: what old clients do."""
        made = Subscribed(
            f"s{len(self.held) + 1}", call.fields["callback"], call.fields["secret"], self.clock() + LEASE
        )
        self.held.append(made)
        return self._subscription(made)

    @answers("PATCH", "/subscription/{id}")
    async def renew_subscription(self, call: Call) -> Any:
        """Renew a subscription."""
        old = self._held(call.path["id"])
        new = Subscribed(old.external_id, old.callback, old.secret, self.clock() + LEASE)
        self.held[self.held.index(old)] = new
        return self._subscription(new)

    @answers("DELETE", "/subscription/{id}")
    async def end_subscription(self, call: Call) -> Any:
        """End a subscription."""
        self.held.remove(self._held(call.path["id"]))
        return {}

    @answers("POST", "/oauth/token", on="token", is_open=True)
    async def token(self, call: Call) -> Any:
        """The token endpoint."""
        return self.answer_token(call)

    # the levers

    def connection(self) -> Connection:
        """The first wall; as long as no test lets it end, its grant is good."""
        if not self.has_expired and self.grant.expires_at and self.grant.expires_at <= self.clock():
            self.grant = self.a_grant()
        return Connection(WALL, self.walls[WALL], self.grant, app_settings=self.settings)

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Sign the wall."""
        made = self.notes.add(body, author=author, parent=parent)
        self._tell("signed", made)
        return made.id

    async def attach(self, body: str, content: bytes) -> str:
        """Sign it with a file."""
        made = self.notes.add(body, author="ada", file=f"f{len(self.files)}")
        self.files[made.more["file"]] = content
        return made.id

    async def edit(self, external_id: str, body: str) -> None:
        """Change a note."""
        self._tell("changed", self.notes.change(external_id, body=body))

    async def remove(self, external_id: str) -> None:
        """Take a note back."""
        gone = self.notes.remove(external_id)
        self.files.pop(gone.more.get("file", ""), None)
        self._tell("removed", gone)

    def made(self) -> Sequence[Made]:
        """What the wall said."""
        return [Made(note.id, note.body, note.parent) for note in self.notes if note.more.get("own")]

    def forget_cursors(self) -> None:
        """Drop all tokens."""
        self.generation += 1

    def older(self, cursor: Mapping[str, Any], version: int) -> Mapping[str, Any]:
        """Version 1 called the place `token`."""
        return {"token": cursor["after"]}

    def second_grant(self) -> sdk.Grant:
        """Another of the same wall."""
        return self.a_grant()

    def withhold(self, scope: str) -> sdk.Grant:
        """One without a scope."""
        self.oauth.withheld = {scope}
        return self.a_grant()

    def consent(self, url: str) -> Mapping[str, str]:
        """Agree."""
        return self.oauth.consent(url)

    def expire(self) -> None:
        """Wait an hour."""
        self.has_expired = True
        self.clock.pass_(hours=1, seconds=1)

    def keeps_refresh(self) -> None:
        """Rotate no more."""
        self.oauth.rotates = False

    def profiles(self) -> Sequence[Profile]:
        """The walls."""
        return [Profile(*wall) for wall in self.walls.items()]

    def hooks(self) -> Sequence[sdk.RawHook]:
        """One hook for each change."""
        told, self.waiting = self.waiting, []
        return [self._hook([each]) for each in told]

    def batch(self, *bodies: str) -> sdk.RawHook:
        """Several signings of one wall."""
        return self._hook([self._delivery("signed", self.notes.add(body, author="ada")) for body in bodies])

    def batch_of_accounts(self, bodies: Mapping[str, str]) -> sdk.RawHook:
        """Signings of several walls."""
        made = {wall: self.notes.add(body, author="ada") for wall, body in bodies.items()}
        return self._hook([{**self._delivery("signed", note), "wall": wall} for wall, note in made.items()])

    def signed(self, body: bytes) -> sdk.RawHook:
        """Any body, signed."""
        self.delivered += 1
        secret = self.held[0].secret if self.held else self.settings.webhook_secret.get_secret_value()
        headers = {**self.sign(body, secret, self.clock()), "x-guestbook-delivery": f"delivery-{self.delivered:06}"}
        return sdk.RawHook(method="POST", path="/", headers=headers, body=body, received_at=self.clock())

    def unknown(self) -> sdk.RawHook:
        """A kind that is not documented."""
        return self._hook([{"wall": WALL, "kind": "danced", "dance": {"steps": 3}}])

    def handshake(self, *, is_forged: bool = False) -> tuple[sdk.RawHook, bytes]:
        """The test of the URL."""
        token = "forged-token" if is_forged else self.settings.verify_token.get_secret_value()
        query = {"challenge": "<b>12345</b>", "token": token}
        return sdk.RawHook(method="GET", query=query, received_at=self.clock()), b"<b>12345</b>"

    def keys(self) -> sdk.Keys:
        """The app's."""
        secrets = {"webhook_secret": self.settings.webhook_secret, "verify_token": self.settings.verify_token}
        return sdk.Keys(secrets={name: (secret,) for name, secret in secrets.items()})

    def signature_age(self) -> float:
        """Five minutes."""
        return 300

    def subscriptions(self) -> Sequence[Subscribed]:
        """What is held."""
        return self.held

    def lose_subscriptions(self) -> None:
        """Drop them."""
        self.held = []

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Fifty units."""
        return LONGEST, "utf16"

    def close_window(self) -> None:
        """Wait a day."""
        self.clock.pass_(hours=24, minutes=1)

    def template_names(self) -> Sequence[str]:
        """Three names."""
        return ["ada", "bob", "cleo"]

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """How people see a note."""
        if external_id not in self.notes:
            return "gone"
        return "hidden" if self.notes[external_id].more.get("hidden") else "visible"

    # within

    def _listing(self, found: list[Thing], call: Call) -> Any:
        found = sorted(found, key=lambda note: note.place)
        generation, _, after = call.query.get("after", "").partition(".")
        if after and generation != str(self.generation):
            raise Refusal("lost")
        shown = by_token(found, {"after": after}, lambda note: note.place, size=self.size, is_stuck=call.is_stuck)
        last = shown.next
        if last is None and shown.shown:  # where the next thing would follow
            last = by_token([*shown.shown, *shown.shown], {}, lambda note: note.place, size=len(shown.shown)).next
        last = f"{self.generation}.{last}" if last else None
        return {"notes": [self._shown(note) for note in shown.shown], "last": last, "more": shown.next is not None}

    def _shown(self, note: Thing) -> dict[str, Any]:
        thread = note
        while thread.parent and thread.parent in self.notes:
            thread = self.notes[thread.parent]
        return {
            "id": note.id,
            "text": note.body,
            "signed_at": note.created_at.astimezone(ROME).isoformat(),
            "changed_at": (note.created_at if note.more.get("own") else note.changed_at).isoformat(),
            "signer": {"id": f"p-{note.author}", "name": note.author.title()} if note.author else None,
            "answers": note.parent,
            "thread": thread.id,
            "own": bool(note.more.get("own")),
            "file": note.more.get("file"),
        }

    def _made(self, call: Call, target: str | None) -> Any:
        key, text = call.request.headers.get("idempotency-key", ""), call.fields["text"]
        if len(text.encode("utf-16-le")) // 2 > LONGEST:
            raise ValueError("the text is too long")
        if key and key in self.keys_used:
            return {"id": self.keys_used[key]}
        if "draft" in call.fields and call.fields["draft"] is not None:
            assert self.drafts[call.fields["draft"]]
        made = self.notes.add(text, author="wall", parent=target, own=True)
        self.keys_used[key] = made.id
        self._tell("signed", made)
        return JSONResponse({"id": made.id}, 201)

    def _delivery(self, kind: str, note: Thing) -> dict[str, Any]:
        return {"wall": WALL, "kind": kind, "note": self._shown(note)}

    def _tell(self, kind: str, note: Thing) -> None:
        self.waiting.append(self._delivery(kind, note))

    def _hook(self, deliveries: list[dict[str, Any]]) -> sdk.RawHook:
        return self.signed(json.dumps({"deliveries": deliveries, "version": self.hook_version}).encode())

    def _held(self, external_id: str) -> Subscribed:
        for held in self.held:
            if held.external_id == external_id:
                return held
        raise KeyError(external_id)

    @staticmethod
    def _subscription(held: Subscribed) -> dict[str, Any]:
        return {"id": held.external_id, "ends_at": held.expires_at.isoformat() if held.expires_at else None}
