"""Graph of the sandbox: the calls for mails, files and subscriptions that the connector makes."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chorally_microsoft.login import OF_SHARED, SCOPES
from chorally_microsoft.sandbox.errors import ERRORS
from chorally_microsoft.sandbox.post import Post
from chorally_microsoft.sandbox.store import ADDRESS, NAME, QUOTE, USER_ID, Place, Store, Value, people
from chorally_sdk.sandbox import (
    Call,
    Clock,
    Failure,
    Leases,
    OAuth,
    Refusal,
    Subscribed,
    Thing,
    Twin,
    answers,
    answers_test,
)

LIFE = timedelta(days=30)
"""Of access tokens. Microsoft's last about an hour; here checks let days pass."""
LONGEST = timedelta(minutes=10_080)


class GraphApi(Twin):
    """The calls of Graph v1.0 for one person's mailbox, and shared ones beside it."""

    errors: ClassVar[Mapping[str, Failure]] = ERRORS
    kinds: ClassVar[frozenset[str]] = Twin.kinds | {
        f"{kind}/prepare" for kind in ("timeout_after_effect", "error_500_before", "rate_limit")
    }

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        """Make an empty mailbox."""
        clock = clock or Clock()
        oauth = OAuth(clock, scopes=frozenset((*SCOPES, *OF_SHARED)), lifetime=LIFE)
        super().__init__(clock=clock, seed=seed, oauth=oauth)
        self.store = Store(self.clock)
        self.leases = Leases(self.clock, LONGEST, prefix="7f105c7d-2dc5-4530-97cd-")
        self.users = {"me": (USER_ID, ADDRESS, NAME)}
        self.sessions: dict[str, Value] = {}
        self.post = Post(self.clock, self.faults, self.rng, deliver="manual")
        self.tests_urls = False
        """Whether a URL is tested before it is subscribed; always where the sandbox is served."""
        self.app.routes.insert(0, Route("/_sandbox/deliver", self._deliver, methods=["POST"]))

    async def _deliver(self, _: Request) -> Response:
        """Post what waits, once."""
        return JSONResponse({"accepted": await self.post.deliver_all(), "waiting": self.post.waiting})

    @answers("POST", "/{tenant}/oauth2/v2.0/token", on="token", is_open=True)
    async def token(self, call: Call) -> Any:
        """Issue a token."""
        answer = self.answer_token(call)
        if "offline_access" not in self.oauth.withheld or answer.status_code != 200:
            return answer
        told = json.loads(bytes(answer.body))
        return {name: value for name, value in told.items() if name != "refresh_token"}

    @answers("GET", "/v1.0/{root:path}/mailFolders/{folder}/messages/delta")
    async def delta(self, call: Call) -> Any:
        """Tell what changed in a folder."""
        folder, is_first = call.path["folder"], "$deltatoken" not in call.query
        sealed = call.query.get("$skiptoken") or call.query.get("$deltatoken")
        if sealed:
            place = Place.opened(sealed)
        else:
            since = call.query.get("$filter", "").removeprefix("receivedDateTime ge ").replace("Z", "+00:00")
            place = Place(folder, since, epoch=self.store.epoch, select=call.query.get("$select", ""))
        shown, after, is_all = self.store.changes(place, self.size, is_first=is_first and not place.first)
        name, token = ("$deltatoken", after) if is_all else ("$skiptoken", after)
        link = call.url(f"/v1.0/{call.path['root']}/mailFolders/{folder}/messages/delta?{name}={token.sealed()}")
        if call.is_stuck:
            return {"@odata.nextLink": str(call.request.url), "value": shown}
        return {"@odata.deltaLink" if is_all else "@odata.nextLink": link, "value": shown}

    @answers("GET", "/v1.0/{root:path}/mailFolders/{folder}")
    async def folder(self, call: Call) -> Any:
        """Name a folder."""
        return {"id": f"folder-{call.path['folder']}"}

    @answers("GET", "/v1.0/{root:path}/messages/{mail}/attachments")
    async def attachments(self, call: Call) -> Any:
        """List what is attached."""
        self.store[call.path["mail"]]
        files = self.store.files.get(call.path["mail"], [])
        return {"value": [{name: file[name] for name in file if name != "content"} for file in files]}

    @answers("POST", "/v1.0/{root:path}/messages/{mail}/attachments", on="prepare")
    async def add_file(self, call: Call) -> Any:
        """Attach a small file."""
        content = base64.b64decode(call.fields["contentBytes"])
        if len(content) >= 3 * 2**20:
            raise Refusal("too_large")
        told = self.keep(call.path["mail"], call.fields["name"], call.fields["contentType"], content)
        return JSONResponse(told, 201)

    def keep(self, mail: str, name: str, media: str, content: bytes) -> Value:
        """Attach a file to a mail."""
        files = self.store.files.setdefault(self.store[mail].id, [])
        file: Value = {"@odata.type": "#microsoft.graph.fileAttachment", "id": f"{mail}-file{len(files)}", "name": name}
        file |= {"contentType": media, "size": len(content), "isInline": False}
        files.append({**file, "content": content})
        return file

    @answers("POST", "/v1.0/{root:path}/messages/{mail}/attachments/createUploadSession", on="prepare")
    async def upload_session(self, call: Call) -> Any:
        """Begin an upload."""
        key = f"session{len(self.sessions)}"
        self.sessions[key] = {**call.fields["AttachmentItem"], "mail": call.path["mail"], "content": bytearray()}
        ends = (self.clock() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        path = f"/api/v2.0/sessions/{key}?authtoken=sandbox"
        is_real = call.request.url.hostname == "graph.microsoft.com"  # as the connector's tests call it
        url = f"https://outlook.office.com{path}" if is_real else call.url(path)
        return JSONResponse({"uploadUrl": url, "expirationDateTime": ends, "nextExpectedRanges": ["0-"]}, 201)

    @answers("PUT", "/api/v2.0/sessions/{key}", on="prepare", is_open=True)
    async def upload(self, call: Call) -> Any:
        """Take a piece."""
        session, piece = self.sessions[call.path["key"]], await call.request.body()
        begins = f"bytes {len(session['content'])}-{len(session['content']) + len(piece) - 1}/{session['size']}"
        if call.request.headers.get("content-range") != begins or "authorization" in call.request.headers:
            raise Refusal("invalid")
        session["content"] += piece
        if len(session["content"]) < session["size"]:
            return {"nextExpectedRanges": [f"{len(session['content'])}-"]}
        media = session.get("contentType", "application/octet-stream")
        self.keep(session["mail"], session["name"], media, bytes(session["content"]))
        return Response(status_code=201)

    @answers("GET", "/v1.0/{root:path}/messages/{mail}/attachments/{file}/$value")
    async def file(self, call: Call) -> Any:
        """Give a file's bytes."""
        self.store[call.path["mail"]]
        for file in self.store.files.get(call.path["mail"], []):
            if file["id"] == call.path["file"]:
                return Response(file["content"], media_type=file["contentType"])
        raise Refusal("gone")

    @answers("POST", "/v1.0/{root:path}/messages/{mail}/createReply", on="prepare")
    async def create_reply(self, call: Call) -> Any:
        """Make the draft of an answer."""
        return self._reply(call, [])

    @answers("POST", "/v1.0/{root:path}/messages/{mail}/createReplyAll", on="prepare")
    async def create_reply_all(self, call: Call) -> Any:
        """Make the draft of an answer to everybody."""
        return self._reply(call, self.store[call.path["mail"]].more["to"])

    def _reply(self, call: Call, others: list[str]) -> Any:
        asked = self.store[call.path["mail"]]
        quoted = f"<html><body>{QUOTE}<div><b>From:</b> {asked.more['who']}<br>{asked.body}</div></body></html>"
        to = [asked.more["who"], *(each for each in others if each != ADDRESS)]
        draft = self._draft(quoted, "html", f"RE: {asked.more['subject']}", to, conversation=asked.more["conversation"])
        draft = self.store.mails.change(draft.id, parent=asked.id)
        return JSONResponse(self.store.shown(draft), 201)

    def _draft(self, body: str, kind: str, subject: str, to: list[str], **more: Any) -> Thing:
        return self.store.add(
            body, folder="drafts", is_draft=True, kind=kind, subject=subject, to=to, who=ADDRESS, **more
        )

    @answers("POST", "/v1.0/{root:path}/messages/{mail}/send")
    async def send(self, call: Call) -> Any:
        """Send a draft."""
        draft = self.store[call.path["mail"]]
        if not draft.more["is_draft"]:
            raise Refusal("invalid")
        if draft.parent and self.store.mails[draft.parent].more["folder"] == "purged":
            raise Refusal("gone")
        self.store.move(draft.id, "sentitems", is_draft=False, received=self.clock())
        return Response(status_code=202)

    @answers("GET", "/v1.0/{root:path}/messages")
    async def messages(self, call: Call) -> Any:
        """List the mails of a name."""
        _, _, name = call.query.get("$filter", "").rstrip("')").rpartition(" eq '")
        found = [mail for mail in self.store.mails if name in (f"<{mail.id}@shop.example>", mail.more.get("ref"))]
        shown = [self.store.shown(each, call.query.get("$select", "")) for each in found]
        return {"value": [each for each in shown if self.store.mails[each["id"]].more["folder"] != "purged"]}

    @answers("POST", "/v1.0/{root:path}/messages", on="prepare")
    async def create(self, call: Call) -> Any:
        """Make the draft of a new mail."""
        asked = call.fields
        body, to = asked.get("body", {}), [*people(asked.get("toRecipients"))]
        draft = self._draft(
            body.get("content", ""), body.get("contentType", "text"), asked.get("subject", ""), to, ref=_ref(asked)
        )
        return JSONResponse(self.store.shown(draft), 201)

    @answers("GET", "/v1.0/{root:path}/messages/{mail}")
    async def message(self, call: Call) -> Any:
        """Show a mail."""
        return self.store.shown(self.store[call.path["mail"]], call.query.get("$select", ""))

    @answers("PATCH", "/v1.0/{root:path}/messages/{mail}", on="prepare")
    async def change(self, call: Call) -> Any:
        """Change a draft, or mark a mail as read."""
        mail, asked = self.store[call.path["mail"]], call.fields
        changes: Value = {}
        if "body" in asked:
            changes |= {"body": asked["body"]["content"], "kind": asked["body"]["contentType"]}
        if "isRead" in asked:
            changes["is_read"] = asked["isRead"]
        if _ref(asked):
            changes["ref"] = _ref(asked)
        if "ccRecipients" in asked:
            changes["cc"] = [*people(asked["ccRecipients"])]
        return self.store.shown(self.store.mails.change(mail.id, **changes))

    @answers("GET", "/v1.0/subscriptions")
    async def subscribed(self, call: Call) -> Any:
        """List what is subscribed."""
        return {"value": [_lease(each) for each in self.leases.live()]}

    @answers("POST", "/v1.0/subscriptions")
    async def subscribe(self, call: Call) -> Any:
        """Subscribe."""
        asked = call.fields
        until = datetime.fromisoformat(asked["expirationDateTime"])
        if until > self.clock() + LONGEST or len(asked["clientState"]) > 128:
            raise Refusal("invalid")
        callback = asked["notificationUrl"]
        is_tested = self.tests_urls or self.clock.is_running
        if is_tested and not await answers_test(self.post.http(), callback, parameter="validationToken"):
            raise Refusal("untested")
        self.post.callback_url = callback
        made = self.leases.add(asked["notificationUrl"], asked["clientState"], until=until)
        return JSONResponse(_lease(made), 201)

    @answers("PATCH", "/v1.0/subscriptions/{lease}")
    async def renew(self, call: Call) -> Any:
        """Renew a subscription."""
        until = datetime.fromisoformat(call.fields["expirationDateTime"])
        return _lease(self.leases.renew(call.path["lease"], until=until))

    @answers("DELETE", "/v1.0/subscriptions/{lease}")
    async def unsubscribe(self, call: Call) -> Any:
        """End a subscription."""
        self.leases.end(call.path["lease"])
        self.post.callback_url = ""
        return Response(status_code=204)

    @answers("GET", "/v1.0/{root:path}")
    async def user(self, call: Call) -> Any:
        """Name the owner of a mailbox."""
        key, address, name = self.users[call.path["root"].removeprefix("users/")]
        return {"id": key, "displayName": name, "mail": address, "userPrincipalName": address}


def _ref(asked: Value) -> str:
    """The reference that an extended property holds."""
    return next((each["value"] for each in asked.get("singleValueExtendedProperties", ())), "")


def _lease(held: Subscribed) -> Value:
    ends = held.expires_at.isoformat().replace("+00:00", "Z") if held.expires_at else ""
    told = {"id": held.external_id, "notificationUrl": held.callback, "expirationDateTime": ends}
    return {**told, "resource": "/me/mailFolders('inbox')/messages", "changeType": "created,deleted"}
