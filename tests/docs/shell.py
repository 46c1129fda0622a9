"""Runs the shell snippets of a page as a reader would, in process: ``curl``, ``jq``, ``chorally``, variables.

Only what the pages use is understood; anything else is an error, so that no snippet is passed over.
"""

import asyncio
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from chorally_core.cli import app
from typer.testing import CliRunner

ASSIGNMENT = re.compile(r"(?:export )?([A-Z_]+)=(.*)", re.S)
PIPED = re.compile(r"(?P<command>.*?)\s*\|\s*jq (?P<raw>-r )?'?(?P<path>\.[^' ]*)'?\s*", re.S)
_PATIENCE = 5_000  # requests that are made until an answer is as the page says


class Shell:
    """A shell with variables, whose ``curl`` speaks to one application."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        variables: Mapping[str, str],
        *,
        placed: Callable[[Any], Any] = lambda body: body,
    ) -> None:
        """Begin.

        Args:
            http: Makes the requests.
            variables: What is set already.
            placed: Changes a request's JSON, such as host names that a reader would replace.
        """
        self._http = http
        self.variables = dict(variables)
        self._placed = placed

    async def run(self, block: str) -> str:
        """Run the commands of a block and return what the last one printed.

        Raises:
            AssertionError: A command failed.
        """
        printed = ""
        for command in commands(block):
            assigned = ASSIGNMENT.fullmatch(command)
            if assigned is None:
                printed = await self._command(command)
                continue
            name, value = assigned.groups()
            if value.startswith("$(") and value.endswith(")"):
                self.variables[name] = (await self._command(value[2:-1])).strip()
            else:
                (self.variables[name],) = shlex.split(self._expanded(value))
        return printed

    async def run_until(self, block: str, expected: Any) -> None:
        """Run a block again until it prints what is expected, or more; give up after a while.

        Raises:
            AssertionError: It never does; the message says what it printed last.
        """
        printed: Any = None
        for _ in range(_PATIENCE):
            printed = json.loads(await self.run(block))
            if contains(printed, expected):
                return
            await asyncio.sleep(0)  # a request in process need not let the system go on
        raise AssertionError(f"{block}\nprinted {json.dumps(printed)[:3000]}\nand not {json.dumps(expected)}")

    def _expanded(self, text: str) -> str:
        """Put variables in, but within single quotes."""
        parts = re.split(r"('[^']*')", text)
        return "".join(p if p.startswith("'") else re.sub(r"\$([A-Z_]+)", self._value, p) for p in parts)

    def _value(self, found: re.Match[str]) -> str:
        assert found[1] in self.variables, f"${found[1]} is not set"
        return self.variables[found[1]]

    async def _command(self, text: str) -> str:
        piped = PIPED.fullmatch(text)
        if piped is not None:
            return picked(json.loads(await self._command(piped["command"])), piped["path"], raw=bool(piped["raw"]))
        words = shlex.split(self._expanded(text.replace("\\\n", " ")))
        if words[0] == "curl":
            return await self._curl(words[1:])
        assert words[0] == "chorally", f"not a command that pages may use: {text}"
        done = await asyncio.to_thread(CliRunner().invoke, app, words[1:])  # a command runs a loop of its own
        assert done.exit_code == 0, f"{text}\n{done.output}"
        return done.stdout

    async def _curl(self, words: list[str]) -> str:
        method, url, headers = "", "", {}
        body: str | bytes | None = None
        rest = iter(words)
        for word in rest:
            if word in ("-s", "-g", "-f"):
                continue
            if word == "-X":
                method = next(rest)
            elif word == "-H":
                name, _, value = next(rest).partition(":")
                headers[name] = value.strip()
            elif word == "-d":
                body = next(rest)
            elif word == "--data-binary":
                body = await asyncio.to_thread(Path(next(rest).removeprefix("@")).read_bytes)
            else:
                assert not word.startswith("-"), f"curl {word} is not understood"
                url = word
        if body is not None and headers.get("Content-Type") == "application/json":
            body = json.dumps(self._placed(json.loads(body)))
        answer = await self._http.request(method or ("POST" if body else "GET"), url, headers=headers, content=body)
        assert answer.status_code < 400, f"{method} {url} answered {answer.status_code}: {answer.text}"
        return answer.text


def commands(block: str) -> Iterator[str]:
    """Yield the commands of a block: a line, or several where quotes or a backslash go on."""
    command = ""
    for line in block.splitlines():
        if not command and (not line.strip() or line.lstrip().startswith("#")):
            continue
        command = f"{command}\n{line}" if command else line
        if command.endswith("\\") or not _is_closed(command):
            continue
        yield command.strip()
        command = ""
    assert not command, f"a command without an end: {command}"


def _is_closed(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return False
    return command.count("$(") <= command.count(")")


def picked(document: Any, path: str, *, raw: bool) -> str:
    """Return what a simple path of jq finds: ``.a.b[0].c``."""
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        document = document[name] if name else document[int(index)]
    return document if raw and isinstance(document, str) else json.dumps(document)


def contains(document: Any, expected: Any) -> bool:
    """Whether a document has all that is expected; ``"…"`` stands for anything, lists have the same length."""
    if expected == "…":
        return document is not None
    if isinstance(expected, dict):
        return isinstance(document, dict) and all(
            name in document and contains(document[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        same = isinstance(document, list) and len(document) == len(expected)
        return same and all(map(contains, document, expected))
    return bool(document == expected)
