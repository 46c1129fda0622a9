"""A connector for a made-up platform that does everything a connector can do, and does it right.

Each bad connector of these tests is this one with one thing wrong.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import SecretStr, ValidationError

import chorally_sdk as sdk
from tests.sdk.kit.shapes import HOST, NOTE, POST, AppSettings, Delivery, Hook, Note, Notes

STREAM = "notes"
AGE_S = 300
DAY = timedelta(hours=24)

ACTIONS: dict[str, sdk.Limits] = {
    "reply": sdk.Limits(max_text=50, unit="utf16", window=DAY, dedupe="native_key"),
    **dict.fromkeys(("hide", "unhide", "like", "delete"), sdk.Limits()),
}


class Guestbook(
    sdk.Connector,
    sdk.Authorizes,
    sdk.Discovers,
    sdk.Pulls,
    sdk.Receives,
    sdk.Fetches,
    sdk.Subscribes,
    sdk.Downloads,
    sdk.Prepares,
    sdk.Replies,
    sdk.Publishes,
    sdk.Finds,
    sdk.Moderates,
    sdk.OffersTemplates,
):
    """Does all that is checked as it should."""

    manifest = sdk.Manifest.model_validate(
        {
            "platform": "guestbook",
            "version": "1.2.0",
            "base_url": f"https://{HOST}",
            "hosts": (HOST,),
            "scopes": ("read", "write", "hooks"),
            "hooks": sdk.Hooks(scope="app"),
            "channels": (
                sdk.Channel.model_validate({"name": NOTE, "actions": ACTIONS}),
                sdk.Channel(name=POST, actions={"publish": sdk.Limits(dedupe="native_key")}),
            ),
            "budgets": (sdk.Budget(limit=1000, per=timedelta(hours=1), resets="00:00 Europe/Rome"),),
            "app_settings": AppSettings,
            "cursor_version": 2,
            "quality": {"one-call": "done", "reviewed": "todo"},
        }
    )
    path_of_notes: ClassVar[str] = "/notes"

    @property
    def settings(self) -> AppSettings:
        """Of the app."""
        assert isinstance(self.app.settings, AppSettings)
        return self.app.settings

    async def check(self) -> sdk.AccountInfo:
        """Name the wall, and what was not granted."""
        told = (await self.http.get("/me")).json()
        missing = frozenset(self.manifest.scopes) - set(told["scopes"])
        return sdk.AccountInfo(external_id=told["id"], name=told["name"], missing_scopes=missing)

    # consent

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give the page of consent."""
        return sdk.Consent(
            url=f"https://{HOST}/oauth/authorize?{urlencode(self.asked(state, challenge, redirect_uri))}"
        )

    def asked(self, state: str, challenge: str, redirect_uri: str) -> dict[str, str]:
        """What the page of consent is asked."""
        return {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.manifest.scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into a grant."""
        told = await self.token_by(
            grant_type="authorization_code",
            code=callback.params["code"],
            redirect_uri=callback.redirect_uri,
            code_verifier=callback.verifier.get_secret_value(),
        )
        return self.granted(told, None)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Issue the grant anew."""
        assert grant is not None
        assert grant.refresh is not None
        told = await self.token_by(grant_type="refresh_token", refresh_token=grant.refresh.get_secret_value())
        return self.granted(told, grant)

    async def token_by(self, **form: str) -> Any:
        """Ask the token endpoint."""
        form["client_id"] = self.settings.client_id
        form["client_secret"] = self.settings.client_secret.get_secret_value()
        return (await self.http.post("/oauth/token", data=form, auth=None)).json()

    def granted(self, told: Any, old: sdk.Grant | None) -> sdk.Grant:
        """Read a grant; what the answer does not say stays as it was."""
        refresh = told.get("refresh_token")
        return sdk.Grant(
            access=SecretStr(told["access_token"]),
            refresh=SecretStr(refresh) if refresh else (old.refresh if old else None),
            expires_at=self.now() + timedelta(seconds=told["expires_in"]),
            scopes=frozenset(told["scope"].split()),
            base_url=old.base_url if old else "",
            keep=old.keep if old else {},
        )

    async def accounts(self) -> Sequence[sdk.AccountInfo]:
        """List the walls."""
        return [
            sdk.AccountInfo(external_id=wall["id"], name=wall["name"], grant=sdk.Grant(access=SecretStr(wall["token"])))
            for wall in await self.all_of("/walls", "walls")
        ]

    async def all_of(self, path: str, name: str) -> list[Any]:
        """All things of a numbered listing."""
        found: list[Any] = []
        page: str | None = "1"
        while page:
            told = (await self.http.get(path, params={"page": page})).json()
            found += told[name]
            page = told["next"]
        return found

    # reading

    def streams(self) -> Sequence[sdk.Stream]:
        """One."""
        return [sdk.Stream(name=STREAM)]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield the notes in the order in which they changed."""
        after = self.place_of(cursor)
        resumed = after is not None
        while True:
            try:
                told = await self.page(after, since)
            except sdk.Rejected as error:
                if error.reason is not sdk.Reason.GONE or not resumed:
                    raise
                after, resumed = None, False
                continue
            resumed = False
            if told.more and (told.last is None or told.last == after):
                raise sdk.Malformed("the next page is the same page again")
            after = told.last or after
            yield self.as_page(told, after, since)
            if not told.more:
                return

    def place_of(self, cursor: sdk.Cursor | None) -> str | None:
        """Where a cursor stands."""
        return cursor.get("after") if cursor else None

    def as_page(self, told: Notes, after: str | None, since: datetime | None) -> sdk.Page:
        """A page of the contract."""
        notes = [note for note in told.notes if since is None or note.signed_at >= since]
        return sdk.Page(events=tuple(map(self.to_message, notes)), cursor={"after": after}, done=not told.more)

    async def page(self, after: str | None, since: datetime | None) -> Notes:
        """Read a page of notes."""
        return await self.notes(self.path_of_notes, {"limit": "50", **({"after": after} if after else {})})

    async def notes(self, path: str, params: dict[str, str]) -> Notes:
        """Read a listing of notes."""
        told: Notes = self.read(Notes, (await self.http.get(path, params=params)).content)
        return told

    def read(self, shape: type[Any], raw: bytes) -> Any:
        """Read what the platform says."""
        try:
            return shape.model_validate_json(raw)
        except ValidationError as error:
            raise sdk.Malformed("it is not in the documented shape", raw) from error

    def to_message(self, note: Note, wall: str | None = None) -> sdk.Message:
        """Translate a note."""
        return sdk.Message(
            external_id=note.id,
            channel=NOTE,
            account=wall,
            conversation_id=note.thread,
            parent_id=note.answers,
            author=sdk.Author(external_id=note.signer.id, name=note.signer.name) if note.signer else None,
            sent_at=note.signed_at,
            edited_at=note.changed_at if note.changed_at > note.signed_at else None,
            body=note.text,
            ours=note.own,
            attachments=(sdk.Attachment(kind="file", external_id=note.file),) if note.file else (),
            route={"note": note.id},
        )

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read one note."""
        told = await self.http.get(f"/notes/{quote(ping.external_id or '', safe='')}")
        return [self.to_message(self.read(Note, told.content))]

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Read a file."""
        async with self.http.stream("GET", f"/files/{attachment.external_id}") as answer:
            async for piece in answer.aiter_bytes():
                yield piece

    # hooks

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Look at the signature and its age."""
        if hook.method == "GET":
            return self.tested(hook, keys)
        secrets = (*keys.secrets.get("webhook_secret", ()), *keys.secrets.get("subscription", ()))
        at = hook.headers.get("x-guestbook-time", "")
        version, _, signature = hook.headers.get("x-guestbook-signature", "").partition("=")
        if version != "v1" or not sdk.signed(at.encode() + b"." + hook.body, signature, secrets):
            return sdk.reject()
        if abs(hook.received_at.timestamp() - int(at)) > AGE_S:
            return sdk.reject(403)
        return sdk.accept(delivery_id=self.delivery_id(hook))

    def delivery_id(self, hook: sdk.RawHook) -> str | None:
        """The platform's id of a delivery."""
        return hook.headers.get("x-guestbook-delivery")

    def tested(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Answer the test of the URL."""
        if sdk.same(hook.query.get("token", ""), keys.secrets.get("verify_token", ())):
            return sdk.handshake(hook.query.get("challenge", ""))
        return sdk.reject(403)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Translate all deliveries of a hook."""
        told: Hook = self.read(Hook, hook.body)
        return [event for each in told.deliveries for event in self.events(each)]

    def events(self, told: Delivery) -> Sequence[sdk.Event]:
        """Translate one."""
        if told.note is None:
            return []
        if told.kind == "removed":
            mark = {"state": "deleted", "at": told.note.changed_at, "account": told.wall, "external_id": told.note.id}
            return [sdk.Mark.model_validate(mark)]
        return [self.to_message(told.note, told.wall)]

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Create, renew or heal."""
        told = await self.renewed(current) if current else None
        if told is None:
            body = {"callback": callback, "secret": secret.get_secret_value()}
            told = (await self.http.put("/subscription", json=body)).json()
        return sdk.Subscription(external_id=told["id"], expires_at=told["ends_at"])

    async def renewed(self, current: sdk.Subscription) -> Any:
        """Renew a subscription; None where the platform has lost it."""
        try:
            return (await self.http.patch(f"/subscription/{current.external_id}")).json()
        except sdk.Rejected as error:
            if error.reason is not sdk.Reason.GONE:
                raise
            return None

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """End it; already gone is success."""
        await self.unless_gone("DELETE", f"/subscription/{current.external_id}")

    async def unless_gone(self, method: str, path: str) -> None:
        """Call, where gone is success."""
        try:
            await self.http.request(method, path)
        except sdk.Rejected as error:
            if error.reason is not sdk.Reason.GONE:
                raise

    # saying

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Make a draft, and wait until it is ready."""
        if "draft" not in outgoing.prepared:
            told = (await self.http.post("/drafts", json={"text": outgoing.body})).json()
            return sdk.Prepared(state={"draft": told["id"]}, ready=False, wait=timedelta(seconds=2))
        told = (await self.http.get(f"/drafts/{outgoing.prepared['draft']}")).json()
        return sdk.Prepared(state=outgoing.prepared, ready=told["ready"], wait=timedelta(seconds=1))

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a note."""
        return await self.made("/replies", message, {"note": message.route["note"]})

    async def publish(self, publication: sdk.Publication) -> sdk.Receipt:
        """Post a note of our own."""
        return await self.made("/posts", publication, {})

    async def made(self, path: str, outgoing: sdk.Outgoing, more: dict[str, Any]) -> sdk.Receipt:
        """Make the visible call."""
        body = {"text": outgoing.body, "draft": outgoing.prepared.get("draft"), **more}
        answer = await self.http.post(path, json=body, headers={"Idempotency-Key": self.key_of(outgoing)})
        try:
            return sdk.Receipt(external_id=answer.json()["id"])
        except (ValueError, KeyError) as error:
            raise sdk.OutcomeUnknown("the answer does not say whether it was made") from error

    def key_of(self, outgoing: sdk.Outgoing) -> str:
        """What makes a repeated call harmless."""
        return outgoing.client_ref

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look through all answers to the note."""
        assert isinstance(outgoing, sdk.OutboundMessage)
        after: str | None = None
        while True:
            params = {"limit": "50", **({"after": after} if after else {})}
            told = await self.notes(self.where(outgoing), params)
            for note in told.notes:
                if self.is_it(note, outgoing):
                    return sdk.Receipt(external_id=note.id)
            if not told.more:
                return None
            after = told.last

    def where(self, outgoing: sdk.OutboundMessage) -> str:
        """Where an answer would be."""
        return f"/notes/{outgoing.route['note']}/answers"

    def is_it(self, note: Note, outgoing: sdk.OutboundMessage) -> bool:
        """Whether a note is the answer."""
        tried = outgoing.tried_at
        return note.own and note.text == outgoing.body and (tried is None or note.signed_at >= tried)

    async def moderate(self, action: sdk.Action) -> None:
        """Do it; already so is success."""
        path = f"/notes/{quote(action.external_id, safe='')}"
        match action.verb:
            case "hide":
                await self.http.put(f"{path}/hidden")
            case "unhide":
                await self.http.delete(f"{path}/hidden")
            case "like":
                await self.http.put(f"{path}/like")
            case "delete":
                await self.unless_gone("DELETE", path)

    async def templates(self) -> Sequence[sdk.Template]:
        """List the approved texts."""
        return [
            sdk.Template(name=each["name"], text=each["text"]) for each in await self.all_of("/templates", "templates")
        ]

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer."""
        if answer.status_code in (400, 401, 422) and b'"closed"' in answer.content:
            return sdk.Rejected("the note is closed", reason=sdk.Reason.WINDOW)
        if answer.status_code in (400, 401) and b'"invalid_client"' in answer.content:
            return sdk.Rejected("the app is not known to the platform; check its secret")
        return sdk.by_status(answer)

    def upgrade(self, cursor: sdk.Cursor, version: int) -> sdk.Cursor:
        """Cursors of version 1 were called `token`."""
        return {"after": cursor.get("after", cursor.get("token"))}
