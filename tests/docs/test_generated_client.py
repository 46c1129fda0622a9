"""A client that a public generator makes of our OpenAPI document answers a ticket."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from chorally_core.serving import listen, served

from tests.architecture.checkout import ROOT
from tests.docs.following import ConnectPage
from tests.docs.pages import blocks
from tests.docs.place import Place

PAGE = ROOT / "docs" / "how-to" / "generate-a-client.md"
PASSWORD = "a-long-password"


async def _run(command: list[str], folder: Path, **environment: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, "PATH": path, "PYTHONPATH": str(folder), **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(120):
        output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output


@pytest.mark.template
async def test_a_generated_client_answers_a_ticket(place: Place, connect_page: ConnectPage, tmp_path: Path) -> None:
    """Made by the commands of the page, it signs in, lists, reads, answers once under one key, and sees it sent."""
    await connect_page()
    place.page.comment("p1", "Where is my parcel?", author_name="Ada")
    user: dict[str, Any] = {"email": "ada@acme.example", "name": "Ada", "password": PASSWORD, "roles": ["admin"]}
    async with served(place.system.app, listen("127.0.0.1", 0)) as url:
        headers = {"Authorization": f"Bearer {place.system.token('acme', 'admin')}"}
        made = await place.http.post(f"{url}/identity/v1/users", json=user, headers=headers)
        assert made.status_code == 201, made.text
        assert (await place.http.get(f"{url}/openapi.json")).status_code == 200  # made by now, however slow we are
        (commands,) = (block.text for block in blocks(PAGE) if block.language == "sh")
        told = await _run(["bash", "-ec", commands], tmp_path, API=url)
        assert "will not be generated" not in told
        program = [sys.executable, str(ROOT / "docs" / "examples" / "generated_client.py")]
        signs_in = {"TENANT": "acme", "EMAIL": user["email"], "PASSWORD": PASSWORD}
        told = await _run(program, tmp_path, CHORALLY_API=url, **signs_in)
    assert "Where is my parcel?" in told
    assert "\nsent: " in told
