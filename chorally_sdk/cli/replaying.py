"""``replay``: stored webhooks parsed again, and compared with what another version makes of them."""

import base64
import difflib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from chorally_sdk.cli.finding import Found
from chorally_sdk.cli.telling import Told, mistakes, progress
from chorally_sdk.connector.abilities import Receives
from chorally_sdk.http.client import Http
from chorally_sdk.model.accounts import App
from chorally_sdk.model.hooks import RawHook

AT = datetime(2026, 1, 1, tzinfo=UTC)
"""When a hook came whose file does not say."""

Result = dict[str, Any]


def parsed(found: Found, files: Sequence[Path]) -> list[Result]:
    """Return what the connector makes of the hooks in some files, each with its events or its error.

    Raises:
        Told: It takes no hooks, or a file cannot be read.
    """
    if not issubclass(found.connector, Receives):
        raise Told(f"{found.platform} takes no webhooks; there is nothing to replay")
    manifest = found.connector.manifest
    receiver = found.connector(App(id="1"), Http(base_url=manifest.base_url, hosts=()), None, now=lambda: AT)
    results: list[Result] = []
    with progress(f"parsing by {found.platform} {manifest.version}", len(files)) as step:
        for file in files:
            step(file.name)
            for number, hook in enumerate(hooks_in(file), 1):
                results.append({"file": file.name, "hook": number, **_made(receiver, hook)})
    return results


def _made(receiver: Any, hook: RawHook) -> Result:
    try:
        events = receiver.parse(hook)
    except Exception as error:  # a hook that cannot be parsed is a result, too
        return {"error": f"{type(error).__name__}: {error}"}
    return {"events": [{"event": type(e).__name__, **e.model_dump(mode="json", exclude_defaults=True)} for e in events]}


def hooks_in(file: Path) -> Iterator[RawHook]:
    """Yield the hooks of a file: one or several stored ones, a recording of the kit, or a bare body.

    Raises:
        Told: The file cannot be read.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise Told(f"{file} cannot be read: {error}") from error
    try:
        told = json.loads(raw)
    except ValueError:
        told = None
    for each in told if _is_list_of_hooks(told) else [told]:
        try:
            yield from _hooks(each, raw)
        except ValidationError as error:
            raise Told(f"{file} holds no stored webhook:\n{mistakes(error)}") from error


def _hooks(told: Any, raw: bytes) -> Iterator[RawHook]:
    if isinstance(told, dict) and "exchanges" in told:
        for exchange in told["exchanges"]:
            url = urlsplit(exchange["url"])
            headers = {name.lower(): value for name, value in exchange.get("headers", ())}
            body = exchange.get("body", "").encode("utf-8", "surrogateescape")
            yield _hook(
                method=exchange["method"], path=url.path, query=dict(parse_qsl(url.query)), headers=headers, body=body
            )
    elif isinstance(told, dict) and {"method", "body"} <= set(told):
        yield _hook(**told)
    elif isinstance(told, dict) and "body_base64" in told:
        rest = {name: value for name, value in told.items() if name != "body_base64"}
        yield _hook(**rest, body=base64.b64decode(told["body_base64"]))
    elif isinstance(told, dict) and "hook" in told:
        yield _hook(body=json.dumps(told["hook"]).encode())
    else:
        yield _hook(body=raw)


def _hook(**told: Any) -> RawHook:
    return RawHook.model_validate({"method": "POST", "received_at": AT, **told})


def _is_list_of_hooks(told: Any) -> bool:
    return isinstance(told, list) and all(isinstance(each, dict) and "body" in each for each in told) and bool(told)


def other(against: str, files: Sequence[Path]) -> list[Result]:
    """Return what another version makes of the same files: a checkout of it, or results kept in a file.

    Raises:
        Told: It cannot be asked.
    """
    path = Path(against)
    if path.is_file():
        try:
            kept: list[Result] = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise Told(f"{against} holds no results of an earlier `replay`: {error}") from error
        return kept
    command = [sys.executable, "-m", "chorally_sdk.cli", "replay", against, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise Told(f"the other version, {against}: {done.stderr.strip()}")
    found: list[Result] = json.loads(done.stdout)
    return found


def as_text(results: Sequence[Result]) -> str:
    """Return results as JSON that can be kept and compared."""
    return json.dumps(results, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def difference(before: Sequence[Result], after: Sequence[Result]) -> str:
    """Return how results differ, as a unified diff; empty where they do not."""
    old, new = (as_text(results).splitlines(keepends=True) for results in (before, after))
    return "".join(difflib.unified_diff(old, new, "before", "after", n=8))
