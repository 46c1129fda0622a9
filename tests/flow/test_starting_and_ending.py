"""The command ``chorally up`` as an operator meets it: refused with a reason, or ended in good order."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.local import key_file
from chorally_core.bootstrap.vault import open_vault
from chorally_core.settings import InvalidSettings, Settings, load_settings

_UP = [sys.executable, "-c", "from chorally_core.cli import main; main()", "up"]


def _environment(folder: Path, **more: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("CHORALLY_")}
    return {**others, "CHORALLY_DATA": str(folder), "CHORALLY_PORT": "0", **more}


def _refused(folder: Path, **more: str) -> str:
    """Start where it must be refused, and return what the operator is told."""
    ended = subprocess.run(
        _UP, env=_environment(folder, **more), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_told_to_stop_ends_in_good_order(tmp_path: Path, kind: signal.Signals) -> None:
    """The database is closed, which leaves no log beside it, and the folder is free again."""
    with subprocess.Popen(_UP, env=_environment(tmp_path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        process.send_signal(kind)
        ended = process.wait(60)

    assert told.startswith("Chorally serves")
    assert ended == 0
    assert not (tmp_path / "chorally.db-wal").exists()


def test_what_is_no_database_is_said_so(tmp_path: Path) -> None:
    """A damaged file is named."""
    (tmp_path / "chorally.db").write_bytes(b"no database at all" * 1000)
    assert "chorally.db cannot be used" in _refused(tmp_path)


def test_a_folder_that_is_none_is_said_so(tmp_path: Path) -> None:
    """The data folder's own trouble is not taken for the port's."""
    file = tmp_path / "file"
    file.touch()
    told = _refused(file)
    assert "CHORALLY_DATA" in told
    assert "another program" not in told


def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    """The address is named, and nothing is made in the folder."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}" in _refused(tmp_path, CHORALLY_PORT=port)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"too short\n", b"\xdd\x00\xff"])
def test_a_file_of_keys_that_is_damaged_is_named(tmp_path: Path, content: bytes) -> None:
    """It is not taken for a setting, and not replaced by a new key."""
    file = tmp_path / "secret-keys"
    file.write_bytes(content)
    with pytest.raises(InvalidSettings, match="secret-keys does not hold keys"):
        open_vault(Settings(data=tmp_path))
    assert file.read_bytes() == content


def test_a_file_of_keys_is_its_owners_only_and_complete_at_once(tmp_path: Path) -> None:
    """It gets its name with its key in it; nothing is left beside it."""
    keys = key_file(tmp_path / "secret-keys")
    assert key_file(tmp_path / "secret-keys") == keys
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("secret-keys", 0o600)]


def _in_environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"CHORALLY_{name}", value)


def test_all_mistakes_in_the_settings_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no JSON, what is no number, what does not exist: one start tells all."""
    _in_environment(
        monkeypatch, PORT="abc", BASE_URLS="{", RETENTION_DAYS='{"hooks": -1}', TENANT_RETENTION_DAYS='{"acme": 3}'
    )
    with pytest.raises(InvalidSettings) as told:
        load_settings()

    named = {line.split(":")[0] for line in str(told.value).splitlines()}
    assert named == {
        "CHORALLY_PORT", "CHORALLY_BASE_URLS", "CHORALLY_RETENTION_DAYS/hooks", "CHORALLY_TENANT_RETENTION_DAYS/acme",
    }  # fmt: skip


@pytest.mark.parametrize("given", ["one two", "one,two", "one, two", '["one", "two"]'])
def test_keys_are_words_of_the_environment(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """Several keys are parted by spaces or commas, or are a JSON list."""
    _in_environment(monkeypatch, SECRET_KEYS=given, BASE_URLS='{"wall": "http://localhost:1"}')
    settings: Any = load_settings()

    assert [key.get_secret_value() for key in settings.secret_keys] == ["one", "two"]
    assert settings.base_urls == {"wall": "http://localhost:1"}
