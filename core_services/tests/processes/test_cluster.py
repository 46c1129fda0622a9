"""`chorally up --cluster`: which processes there are, and what is refused before any is started."""

from pathlib import Path

import pytest
from chorally_core.bootstrap import PARTS, Parts
from chorally_core.cli import app
from chorally_core.commands.cluster import check, commands
from chorally_core.settings import InvalidSettings, Settings
from typer.testing import CliRunner


def test_every_service_is_a_process_and_with_split_every_role() -> None:
    """Together they are everything, and nothing is there twice."""
    whole, parted = commands(split=False), commands(split=True)
    assert whole == {name: ["service", name] for name in PARTS}
    assert parted["io-worker"] == ["service", "io", "--role", "worker"]
    made = [Parts.named([name], [role]) for _, name, _, role in parted.values()]
    assert [(p.services, role) for p in made for role in p.roles] == [
        ((name,), role) for name, roles in PARTS.items() for role in roles
    ]


def test_what_all_processes_would_refuse_is_told_once_before_they_are_started() -> None:
    """Every mistake, in one message."""
    with pytest.raises(InvalidSettings) as told:
        check(Settings(documents="elsewhere", secret_keys=["short"]))
    named = sorted(line.split(":")[0] for line in str(told.value).splitlines())
    assert named == ["CHORALLY_BUS", "CHORALLY_DOCUMENTS", "CHORALLY_OBJECTS", "CHORALLY_SECRET_KEYS"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["up", "--split"], "--split goes with --cluster"),
        (["up", "--cluster", "--data", "x"], "--data goes without --cluster"),
        (["up", "--cluster"], "CHORALLY_BUS: not set"),
        (["service", "shop"], "there is no service 'shop'"),
        (["service", "message", "--role", "cook"], "there is no role 'cook'"),
    ],
)
def test_a_command_that_cannot_be_carried_out_says_why(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Status 2 and a reason, no traceback; nothing is made where it runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHORALLY_PORT", "0")
    for name in ("BUS", "DOCUMENTS", "COORDINATION", "SECRET_KEYS"):
        monkeypatch.delenv(f"CHORALLY_{name}", raising=False)
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 2
    assert told in ended.output
    assert list(tmp_path.iterdir()) == []
