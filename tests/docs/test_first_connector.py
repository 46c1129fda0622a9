"""The tutorial of the first connector: its own tests pass, and it runs in the whole system."""

import os
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import httpx
import pytest

from chorally_sdk.plugins import Registry, discover
from tests.architecture.checkout import ROOT
from tests.docs.following import follow
from tests.docs.place import Place, Platforms
from tests.packaging.template import installed as metadata_of

EXAMPLE = ROOT / "docs" / "examples" / "guestbook"


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what an installation of the example would have left: its metadata."""
    return metadata_of(EXAMPLE, tmp_path_factory.mktemp("installed"))


def test_its_own_tests_pass(installed: Path) -> None:
    """The contract that it inherits, and what is the platform's own."""
    paths = os.pathsep.join([str(EXAMPLE), str(installed)])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE), str(EXAMPLE)]
    options = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", "-W", "error"]
    done = subprocess.run(
        [*command, *options], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_commands_of_the_tutorial_work() -> None:
    """Its example pulls from its own sandbox, answers somebody there, and no check fails."""
    for words, said in (
        (["check", str(EXAMPLE)], " 0 failed"),
        (["pull", str(EXAMPLE), "--sandbox"], "Message 3"),
        (["push", str(EXAMPLE), "Come again!", "--sandbox"], '"external_id":"r1'),
    ):
        command = [sys.executable, "-m", "chorally_sdk.cli", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert said in done.stdout


class TestInTheWholeSystem:
    """The example as the only connector that is installed."""

    @pytest.fixture
    def registry(self, installed: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
        """What is found in the folder of the installation."""
        monkeypatch.syspath_prepend(str(EXAMPLE))
        return discover(Distribution.discover(path=[str(installed)]))

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """The page pulls every second; so long nobody waits here."""
        return {"pull_every_s": 0.05}

    async def test_a_note_is_answered(self, place: Place, platforms: Platforms, registry: Registry) -> None:
        """The end of the tutorial: connect the wall, sign it, answer."""
        twin = registry.get("guestbook").sandbox()  # type: ignore[attr-defined]
        twin.clock.run()  # as `chorally-connector sandbox` does
        wall = httpx.ASGITransport(twin)
        platforms.by_host["guestbook.example"] = wall
        beside = httpx.ASGITransport(place.system.app)
        platforms.by_host["127.0.0.1"] = _by_port({8080: beside, 8766: wall})
        async with httpx.AsyncClient(transport=platforms) as http:
            place.http = http
            shell = place.shell(signed_in=False)
            await follow("docs/tutorials/your-first-connector.md", shell)


def _by_port(transports: dict[int, httpx.AsyncBaseTransport]) -> httpx.AsyncBaseTransport:
    """A transport that reaches several servers of one host."""

    class ByPort(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return await transports[request.url.port or 80].handle_async_request(request)

    return ByPort()
