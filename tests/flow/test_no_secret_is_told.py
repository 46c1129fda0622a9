"""Each secret that can be given to a system is looked for in all that it says and keeps (G11)."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.ports.permissions import Permission
from cryptography.fernet import Fernet

from tests.support.pictures import a_png
from tests.support.processes import Process

KEY = Fernet.generate_key().decode()
SECRETS = {
    name: f"canary-{name}-8c1f2e7a9b3d"
    for name in (
        "service-token", "second-service-token", "password", "wrong-password", "short", "app-secret", "verify-token",
        "old-app-secret", "bot-token", "refused-bot-token", "bearer", "guessed-service-token", "query-token",
        "path-token", "cookie", "webhook-path", "idempotency", "basic",
    )
}  # fmt: skip
SERVICE = json.dumps(
    [{"sender": "crm", "secrets": [SECRETS["service-token"], SECRETS["second-service-token"]], "tenants": ["acme"],
      "permissions": [each.value for each in Permission]}]
)  # fmt: skip


class Telltale:
    """Stands in for a platform that repeats in its errors all that it was sent."""

    def __init__(self) -> None:
        self.heard = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heard += head
        fine = SECRETS["bot-token"].encode() in head
        result = {"id": 7, "is_bot": True, "first_name": "Bot", "username": "a_bot"}
        told = {"ok": True, "result": result} if fine else {
            "ok": False, "error_code": 401, "description": f"Unauthorized: {head.decode('latin-1')}"}  # fmt: skip
        body = json.dumps(told).encode()
        status = b"200 OK" if fine and b"getUpdates" not in head else b"401 Unauthorized"
        writer.write(b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                     % (status, len(body)) + body)  # fmt: skip
        await writer.drain()
        writer.close()


@pytest.fixture
async def platform() -> AsyncIterator[tuple[Telltale, str]]:
    """The platform, and where it is."""
    made = Telltale()
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as listening:
        yield made, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def _given(http: httpx.AsyncClient) -> tuple[list[str], dict[str, str]]:
    """Give it all of them; return the answers, but those that hand a secret out once, and these."""
    answers, handed = list[str](), dict[str, str]()

    async def ask(method: str, path: str, **options: Any) -> httpx.Response:
        answer = await http.request(method, path, **options)
        answers.append(f"{answer.headers} {answer.text}")
        return answer

    user = {"email": "ada@acme.example", "name": "Ada", "password": SECRETS["password"], "roles": ["agent"]}
    assert (await ask("POST", "/identity/v1/users", json=user)).status_code == 201
    await ask("POST", "/identity/v1/users", json={**user, "email": "b@acme.example", "password": SECRETS["short"][:9]})
    await ask("POST", "/identity/v1/users", json={**user, "password": [SECRETS["short"]]})
    await ask("POST", "/identity/v1/users", content=f'{{"password": "{SECRETS["short"]}"'.encode(),
              headers={"Content-Type": "application/json"})  # fmt: skip
    proof = {"tenant": "acme", "email": user["email"], "password": SECRETS["password"]}
    handed["access token"] = (await http.post("/identity/v1/token", json=proof)).json()["access_token"]
    await ask("POST", "/identity/v1/token", json={**proof, "password": SECRETS["wrong-password"]})
    settings = {"app_secret": SECRETS["old-app-secret"], "verify_token": SECRETS["verify-token"]}
    app = await ask("POST", "/io/v1/apps", json={"connector": "facebook", "name": "f", "settings": settings})
    assert app.status_code == 201, app.text
    changed = {"settings": {"app_secret": SECRETS["app-secret"]}, "keep_previous": True}
    await ask("PATCH", f"/io/v1/apps/{app.json()['id']}", json=changed)
    await ask("POST", "/io/v1/apps", json={"connector": "facebook", "name": "f", "settings": {**settings, "x": 1}})
    for name in ("refused-bot-token", "bot-token"):
        account = {"connector": "telegram", "name": "t", "credentials": {"access_token": f"77:{SECRETS[name]}"}}
        await ask("POST", "/io/v1/accounts", json=account)
    hook = {"url": f"https://93.184.216.34/{SECRETS['webhook-path']}", "events": ["*"]}
    made = (await http.post("/log/v1/webhooks", json=hook)).json()
    handed["webhook secret"] = made["secret"]
    handed["rotated secret"] = (await http.post(f"/log/v1/webhooks/{made['id']}/rotate", json={})).json()["secret"]
    file = await ask("POST", "/media/v1/files?name=a.png", content=a_png(32), headers={"Content-Type": "image/png"})
    link = (await http.post(f"/media/v1/files/{file.json()['id']}/link", json={})).json()["url"]
    handed["link"] = link.rpartition("/")[2].partition("?")[2] or link.rpartition("/")[2]
    await ask("GET", link)
    await ask("POST", "/metadata/v1/tags", json={"name": "a"}, headers={"Idempotency-Key": SECRETS["idempotency"]})
    for value in (f"Bearer {SECRETS['bearer']}", f"Token {SECRETS['guessed-service-token']}.acme",
                  f"Basic {SECRETS['basic']}"):  # fmt: skip
        await ask("GET", "/message/v1/tickets", headers={"Authorization": value})
    await ask("GET", f"/message/v1/tickets?access_token={SECRETS['query-token']}&limit=x")
    await ask(
        "GET", f"/facebook/v1/webhook?hub.mode=subscribe&hub.verify_token={SECRETS['query-token']}&hub.challenge=1"
    )
    await ask("POST", f"/telegram/v1/webhook/{SECRETS['path-token']}", json={})
    await ask("GET", "/message/v1/tickets", headers={"Cookie": f"session={SECRETS['cookie']}"})
    document = (await http.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        if "get" in operations and "{" not in path and "events" not in path:
            await ask("GET", path)
    for path in ("/metrics", "/readyz", "/asyncapi.json"):
        await ask("GET", path)
    return answers, handed


def _read(folder: Path, pattern: str) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob(pattern)) if path.is_file())


@pytest.mark.parametrize("style", ["json", "text"])
async def test_no_secret_is_in_any_log_answer_figure_or_file(
    tmp_path: Path, platform: tuple[Telltale, str], style: str
) -> None:
    """A real process at its most talkative, a platform that repeats what it hears, and callers who make mistakes."""
    telltale, place = platform
    data = tmp_path / "data"
    data.mkdir()
    settings = {
        "CHORALLY_DATA": str(data), "CHORALLY_SECRET_KEYS": KEY, "CHORALLY_SERVICE_TOKENS": SERVICE,
        "CHORALLY_LOG_LEVEL": "debug", "CHORALLY_LOG_FORMAT": style,
        "CHORALLY_BASE_URLS": json.dumps({"telegram": place}),
    }  # fmt: skip
    process = Process("up", ["up"], settings, tmp_path)
    await process.start()
    try:
        await process.until_ready()
        headers = {"Authorization": f"Token {SECRETS['service-token']}.acme"}
        async with httpx.AsyncClient(base_url=str(process.url), headers=headers, trust_env=False, timeout=30) as http:
            answers, handed = await _given(http)
        process.signal(signal.SIGTERM)
        await process.ended()
    finally:
        await process.kill()
    assert SECRETS["refused-bot-token"].encode() in telltale.heard
    said, kept = _read(tmp_path, "up-*").decode("utf-8", "replace"), _read(data, "**/*")
    assert "account_connected" in said
    assert b"ada@acme.example" in kept
    secrets = {
        **SECRETS,
        **handed,
        "the key that seals": KEY,
    }
    everywhere = {"an answer": "".join(answers), "a log": said, "a file": kept.decode("latin-1")}
    webhook_url = {("webhook-path", "an answer"), ("webhook-path", "a file")}  # shown to who may see webhooks
    found = {(name, where) for name, secret in secrets.items() for where, text in everywhere.items() if secret in text}
    assert found == webhook_url
