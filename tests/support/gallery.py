"""A platform with consents, and its connector: one consent opens several rooms, each with a token of its own."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
from pydantic import BaseModel, Field, SecretStr

import chorally_sdk as sdk
from chorally_sdk import oauth

CLIENT, SECRET = "gallery-app", "gallery-secret-canary"


class AppSettings(BaseModel):
    """The app at the gallery."""

    client_id: str = Field(title="Client id")
    client_secret: SecretStr = Field(title="Client secret")


class GalleryPlatform:
    """The platform: people consent, refresh tokens work once, rooms have tokens of their own."""

    def __init__(self) -> None:
        self.rooms = {"room-1": "The blue room", "room-2": "The red room"}
        self.serial = 0
        self.codes: dict[str, str] = {}
        """Challenge by code."""
        self.refresh = ""
        self.users: set[str] = set()
        """Access tokens of people that are good now."""
        self.epoch = 1
        """Part of the rooms' tokens: the platform takes only those of now."""
        self.down: list[httpx.Response | Exception] = []
        """What the token endpoint answers instead."""
        self.refreshes = 0
        self.told: dict[str, Any] = {"expires_in": "3600"}
        """What the token endpoint tells besides tokens."""
        self.secrets = {SECRET}

    def consents(self, url: str) -> str:
        """Return the call-back URL to which the platform sends a person who has agreed."""
        asked = {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}
        self.serial += 1
        code = f"code-{self.serial}-canary"
        self.codes[code] = asked["code_challenge"]
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"

    def transport(self) -> httpx.MockTransport:
        """Return the platform as a transport."""
        return httpx.MockTransport(self)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        if request.url.path == "/token":
            return self._token(dict(parse_qsl(request.content.decode())))
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.url.path == "/rooms":
            if token not in self.users:
                return httpx.Response(401)
            rooms = [{"id": i, "name": n, "token": self.room_token(i)} for i, n in self.rooms.items()]
            return httpx.Response(200, json={"rooms": rooms})
        room = next((room for room in self.rooms if token == self.room_token(room)), None)
        if room is None:
            return httpx.Response(401)
        if request.url.path == "/room":
            return httpx.Response(200, json={"id": room, "name": self.rooms[room]})
        return httpx.Response(200, json={"notes": []})

    def room_token(self, room: str) -> str:
        """Return the token of a room that is good now."""
        return f"{room}-token-{self.epoch}-canary"

    def _token(self, sent: dict[str, str]) -> httpx.Response:
        if self.down:
            answer = self.down.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if (sent["client_id"], sent["client_secret"] in self.secrets) != (CLIENT, True):
            return httpx.Response(401, json={"error": "invalid_client"})
        if sent["grant_type"] == "authorization_code":
            if self.codes.pop(sent["code"], "") != oauth.challenge_of(SecretStr(sent["code_verifier"])):
                return httpx.Response(400, json={"error": "invalid_grant"})
        else:
            self.refreshes += 1
            if sent["refresh_token"] != self.refresh:
                return httpx.Response(400, json={"error": "invalid_grant"})
        self.serial += 1
        self.refresh = f"refresh-{self.serial}-canary"
        self.users = {f"person-{self.serial}-canary"}
        told = {"access_token": f"person-{self.serial}-canary", "refresh_token": self.refresh}
        return httpx.Response(200, json={**told, **self.told})


class Gallery(sdk.Connector, sdk.Authorizes, sdk.Discovers, sdk.Pulls):
    """Rooms of a gallery."""

    manifest = sdk.Manifest(
        platform="gallery", base_url="https://gallery.example", hosts=("gallery.example",), scopes=("rooms",),
        app_settings=AppSettings, channels=(sdk.Channel(name="gallery_note"),),
    )  # fmt: skip

    def oauth(self) -> oauth.Client:
        """Return the app as a client."""
        app = self.app.settings
        return oauth.Client(
            self, app.client_id, app.client_secret, token_url="/token", revocation_url="/revoke",
            authorize_url="https://gallery.example/consent",
        )  # fmt: skip

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give the page of consent."""
        return self.oauth().consent(state, challenge, redirect_uri)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into a grant."""
        return await self.oauth().exchange(callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Use the refresh token."""
        return await self.oauth().refresh(grant)

    async def accounts(self) -> Sequence[sdk.AccountInfo]:
        """List the rooms with their tokens."""
        rooms = (await self.http.get("/rooms")).json()["rooms"]
        return [to_info(room) for room in rooms]

    async def check(self) -> sdk.AccountInfo:
        """Name the room."""
        return to_info((await self.http.get("/room")).json())

    def streams(self) -> Sequence[sdk.Stream]:
        """Notes only."""
        return [sdk.Stream(name="notes")]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Find nothing."""
        await self.http.get("/notes")
        yield sdk.Page(events=(), cursor={}, done=True)


def to_info(room: dict[str, Any]) -> sdk.AccountInfo:
    """Translate a room."""
    grant = sdk.Grant(access=SecretStr(room["token"])) if "token" in room else None
    return sdk.AccountInfo(external_id=room["id"], name=room["name"], grant=grant)
