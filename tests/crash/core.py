"""The system under test: the real command in a process of its own, killed and started again."""

import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from pathlib import Path

import httpx

from tests.crash.plan import Plan

TENANT = "acme"
_COMMAND = str(Path(sys.executable).parent / "chorally")


class NotServing(Exception):
    """The process ended by itself, or does not begin to serve."""


class Core:
    """``chorally up`` on a folder and a port that stay the same over all its lives."""

    def __init__(self, folder: Path, platform_url: str, plan: Plan) -> None:
        """Prepare; nothing is started yet.

        Args:
            folder: Where data and output go.
            platform_url: Base URL of the platform's API.
            plan: How it is set up.
        """
        self.data = folder / "data"
        self.output = folder / "output.txt"
        self._patience_s = plan.patience_s
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CHORALLY_")},
            "CHORALLY_DATA": str(self.data),
            "CHORALLY_PORT": str(port),
            "CHORALLY_BASE_URLS": json.dumps({"facebook": platform_url}),
            "CHORALLY_PULL_EVERY_S": str(plan.pull_every_s),
            "CHORALLY_TOKEN_RATE": "1000000",
            "CHORALLY_TENANT_RATE": "1000000",
            "CHORALLY_TOKEN_MINUTES": "1440",
            "CHORALLY_DISK_RESERVE_MIB": "1",
            "CHORALLY_LOG_LEVEL": "warning",
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Begin a life."""
        with self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                _COMMAND, "up", env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    async def serving(self) -> None:
        """Wait until it serves.

        Raises:
            NotServing: It ended, or did not begin in time.
        """
        end = time.monotonic() + self._patience_s
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as http:
            while time.monotonic() < end:
                if self._process is None or self._process.returncode is not None:
                    status = self._process.returncode if self._process else "none"
                    raise NotServing(f"chorally up has ended, status {status}; its last words: {self.last_words()}")
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.02)
        raise NotServing(f"chorally up does not serve after {self._patience_s} s: {self.last_words()}")

    async def kill(self) -> None:
        """End the life at once: SIGKILL, to this process only."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def stop(self) -> int:
        """Ask it to end (SIGTERM), and return its exit status; one that does not end in time is killed."""
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._process.wait()
        except TimeoutError:
            await self.kill()
            return -9

    async def token(self) -> str:
        """Return an administrator's token."""
        process = await asyncio.create_subprocess_exec(
            _COMMAND, "token", "--tenant", TENANT, "--role", "admin", env=self._environment,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        printed, _ = await process.communicate()
        return printed.decode().strip()

    def last_words(self) -> str:
        """Return the end of what all lives have printed."""
        return self.output.read_text("utf-8", errors="replace")[-2000:] if self.output.exists() else ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
