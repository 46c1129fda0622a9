"""The page of the connectors of this checkout: what each can do, within which limits."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import get_args

from chorally_core.services.io.fitting import secret_fields
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import chorally_sdk as sdk
from chorally_sdk.plugins import discover
from tools.pages.reading import code, table

ROOT = Path(__file__).resolve().parent.parent.parent


_HEAD = """\
# Connectors

What the connectors of this checkout can do, from their manifests. `chorally connectors` lists what is installed,
`GET /io/v1/connectors` gives the same as JSON.
"""
_LIMITS = ("Channel", "Author ids within", "Action", "Longest text", "Attachments", "Window", "Duplicates")


def page() -> str:
    """Return the page."""
    found = manifests()
    rows = []
    for platform, connector in found.items():
        can = sdk.abilities_of(connector)
        rows.append((f"[{platform}](#{platform})", *("✓" if a.__name__ in can else "" for a in sdk.ABILITIES)))
    parts = [_HEAD, table(("Platform", *(ability.__name__ for ability in sdk.ABILITIES)), rows) + "\n"]
    parts += ["What can be done in which channel:\n", _verbs([each.manifest for each in found.values()]) + "\n"]
    for platform, connector in found.items():
        manifest = connector.manifest
        parts += [f"## {platform}\n", f"{_about(manifest)}\n", f"{table(_LIMITS, _limits(manifest))}\n"]
        models = (("Settings of the app", manifest.app_settings), ("Settings of an account", manifest.account_settings))
        for title, model in models:
            if model is not None:
                parts += [f"{title}:\n", table(("Setting", "Title", "Means", "Default"), _settings(model)) + "\n"]
    return "\n".join(parts)


def _verbs(manifests: list[sdk.Manifest]) -> str:
    """Return the channels with the verbs that each takes."""
    channels = [channel for manifest in manifests for channel in manifest.channels]
    verbs = [verb for verb in get_args(sdk.Verb) if any(verb in channel.actions for channel in channels)]
    rows = [(code(channel.name), *("✓" if verb in channel.actions else "" for verb in verbs)) for channel in channels]
    return table(("Channel", *map(code, verbs)), rows)


def _about(manifest: sdk.Manifest) -> str:
    hooks = f"for each {manifest.hooks.scope}" if manifest.hooks else "none"
    hosts = "every public address" if "*" in manifest.hosts else ", ".join(map(code, manifest.hosts))
    scopes = ", ".join(map(code, manifest.scopes)) or "none"
    return f"{manifest.title or manifest.platform}. Webhooks: {hooks}. May call: {hosts}. Scopes: {scopes}."


def manifests() -> dict[str, type[sdk.Connector]]:
    """Return the connectors of this checkout by platform."""
    registry = discover()
    names = sorted(path.parent.name for path in ROOT.glob("connectors/*/pyproject.toml") if _is_connector(path))
    return {name: registry.get(name) for name in names}


def _is_connector(project: Path) -> bool:
    """Whether a package has a connector's entry point; without one it is a library that connectors share."""
    about = tomllib.loads(project.read_text("utf-8"))["project"]
    return "chorally.connectors" in about.get("entry-points", {})


def _limits(manifest: sdk.Manifest) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for channel in manifest.channels:
        for verb, limits in channel.actions.items():
            longest = "none stated" if limits.max_text is None else f"{limits.max_text} {limits.unit.replace('_', ' ')}"
            dedupe = f"{limits.dedupe}, settles in {_time(limits.settles)}" if limits.settles else limits.dedupe
            window = _time(limits.window) if limits.window else "none"
            rows.append(
                (code(channel.name), channel.id_scope, code(verb), longest, str(limits.max_media), window, dedupe)
            )
    return rows


def _settings(model: type[BaseModel]) -> list[tuple[str, ...]]:
    secret = secret_fields(model)
    rows: list[tuple[str, ...]] = []
    for name, field in model.model_fields.items():
        if field.default is PydanticUndefined:
            default = "required"
        elif isinstance(field.default, timedelta):
            default = _time(field.default)
        else:
            default = "" if field.default in ("", None) else code(str(field.default))
        means = f"{field.description}{' Secret.' if name in secret else ''}"
        rows.append((code(name), field.title or "", means, default))
    return rows


def _time(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {word}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"
