"""Nothing in the repository tells of the machine that it was written on."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.checkout import ROOT, name_of, tracked

PUBLIC = frozenset(("localhost", "127.0.0.1"))
"""Hosts whose name says nothing about a machine nor about where packages come from."""
VARIABLE = re.compile(r"(?i)^(pip|uv|npm_config|yarn|go|goproxy|gosumdb|goprivate|maven|cargo|hex)")
SETTINGS = (
    *("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf", "/etc/xdg/pip/pip.conf", "/etc/uv/uv.toml"),
    *("~/.config/uv/uv.toml", "~/.npmrc", "/etc/npmrc", "/usr/etc/npmrc", "~/.config/go/env", "~/.m2/settings.xml"),
)
ORDINARY = frozenset(
    map(
        Path,
        (
            *("/", "/home", "/root", "/srv", "/opt", "/mnt", "/usr", "/usr/src", "/usr/local"),
            *("/tmp", "/var/tmp"),  # noqa: S108  # nothing is written there
        ),
    )
)
"""Folders that every machine has."""


def test_no_registry_of_this_machine_is_named() -> None:
    """The hosts that pip, uv, npm, Go and Maven are set to use here are in no file."""
    hosts = set(registries())
    found = [f"{name_of(path)}: {host}" for path, text in texts() for host in hosts if host in text]
    assert not found, f"remove these host names: {', '.join(found)}"


def test_no_folder_of_this_machine_is_named() -> None:
    """Neither the checkout's folder, the one around it, Python's nor that of ready-made packages is in any file."""
    folders = {ROOT, ROOT.parent, Path(sys.base_prefix), *map(Path, os.environ.get("PIP_FIND_LINKS", "/").split())}
    folders -= ORDINARY | {Path.home(), Path(tempfile.gettempdir())}
    patterns = [re.compile(rf"(?<![\w.-]){re.escape(str(folder))}(?![\w-])") for folder in folders]
    found = [f"{name_of(path)}: {hit[0]}" for path, text in texts() for one in patterns if (hit := one.search(text))]
    assert not found, f"remove these paths: {', '.join(found)}"


def test_a_registry_set_by_a_variable_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses with a name and a password are, too, and lists of addresses."""
    monkeypatch.setenv("PIP_INDEX_URL", "https://name:secret@packages.inner.example/simple")
    monkeypatch.setenv("GOPROXY", "https://go.inner.example,direct")
    monkeypatch.setenv("PIP_TRUSTED_HOST", "bare.inner.example")
    assert {"packages.inner.example", "go.inner.example", "bare.inner.example"} <= set(registries())


def registries() -> Iterator[str]:
    """Yield the hosts, apart from public ones, that the tools of this machine are set to use."""
    settings = [value for name, value in os.environ.items() if VARIABLE.match(name)]
    settings += [path.read_text("utf-8", "replace") for path in map(_expanded, SETTINGS) if path.is_file()]
    for text in settings:
        for host in re.findall(r"[a-z+]+://(?:[^/@\s]+@)?([A-Za-z0-9.-]+)", text):
            if host not in PUBLIC and not _is_schema(host):
                yield host
    for host in re.findall(r"[A-Za-z0-9.-]+\.[A-Za-z0-9-]+", os.environ.get("PIP_TRUSTED_HOST", "")):
        if host not in PUBLIC:
            yield host


def _expanded(path: str) -> Path:
    return Path(path).expanduser()


def _is_schema(host: str) -> bool:
    """Say whether a host only names an XML schema, as in Maven's settings."""
    return host in {"maven.apache.org", "www.w3.org"}


def texts() -> Iterator[tuple[Path, str]]:
    """Yield the files of text with what is in them."""
    for path in tracked():
        raw = path.read_bytes()
        if b"\0" not in raw[:4096]:
            yield path, raw.decode("utf-8", "replace")


def test_git_ignores_what_tools_make() -> None:
    """The lock file of uv itself names the registry that it asked, so it stays out."""
    assert {"uv.lock", ".venv/", ".venv.old/", ".nox/"} <= set((ROOT / ".gitignore").read_text("utf-8").splitlines())
