"""``chorally up`` in a process of its own, and a stand-in for the platform that it asks about pages."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.common import ROOT
from bench.traffic import SECRET

TENANT = "bench"
CHORALLY = Path(sys.executable).parent / "chorally"


class Running:
    """A system that runs."""

    def __init__(self, process: subprocess.Popen[str], url: str, folder: Path) -> None:
        self.pid = process.pid
        self.url = url
        self.port = int(url.rsplit(":", 1)[1])
        self.folder = folder

    def token(self) -> str:
        """Return a token of an administrator of the tenant."""
        command = [CHORALLY, "token", "--data", self.folder, "--tenant", TENANT, "--role", "admin"]
        return subprocess.check_output(command, cwd=ROOT, text=True).strip()

    def connect(self, pages: Sequence[str]) -> tuple[str, dict[str, str]]:
        """Add an app and connect the pages through the API; return the webhook's path, and account ids by page."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=60) as client:

            def post(path: str, body: Mapping[str, Any]) -> Any:
                answer = client.post(path, json=body)
                assert answer.status_code == 201, answer.text
                return answer.json()

            secrets = {"app_secret": SECRET, "verify_token": "never-asked-for"}
            app = post("/io/v1/apps", {"connector": "facebook", "name": "measured", "settings": secrets})
            ids = {}
            for page in pages:
                body = {"connector": "facebook", "name": page, "credentials": {"access_token": page}}
                ids[page] = post("/io/v1/accounts", body)["id"]
        return str(app["webhook_path"]), ids

    def lag(self) -> float:
        """Return the events that services have not read, as ``/metrics`` tells."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("chorally_lag_events{"))


@contextmanager
def up(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run ``chorally up`` on a folder and a free port; gives it once it listens, and asks it to stop afterwards.

    ``environment`` replaces that of this process.
    """
    settings = {"CHORALLY_DATA": str(folder), "CHORALLY_PORT": "0", "CHORALLY_LOG_LEVEL": "warning"}
    process = subprocess.Popen(
        [CHORALLY, "up"], env={**(environment or os.environ), **settings}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            said = process.stdout.readline()
            if " at http" not in said:
                raise SystemExit(f"chorally up did not start: {said}")
            yield Running(process, said.rsplit(" at ", 1)[1].strip(), folder)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@contextmanager
def platform() -> Iterator[str]:
    """Answer ``/me`` with a page that is called like its access token, and every listing with nothing; gives a URL."""
    started: list[str] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        started.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        ready.set()

    def work() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            line, *headers = head.splitlines()
            page = next((h.split()[-1] for h in headers if h.lower().startswith("authorization:")), "")
            about = "/me" in line.split()[1].split("?")[0]
            body = json.dumps({"id": page, "name": page} if about else {"data": []}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
            writer.write(b"content-length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()
