"""`dev.py` sets up once, anew when it must, and never takes half a set-up for a whole one."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import dev


class Pip:
    """Stands in for Python's venv and for pip: makes what they make, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: str = ""
        """Part of the command that is interrupted."""

    def __call__(self, *command: str) -> None:
        text = " ".join(command)
        if " -m venv " in text:
            dev.python().parent.mkdir(parents=True)
            dev.python().touch()
        if self.fails and self.fails in text:
            raise KeyboardInterrupt
        kind = "local" if "--editable" in command else "locked"
        self.asked.append("make" if " -m venv " in text else kind)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout; the module is told where it is."""
    for folder in (".", "core_services", "connectors/one"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "pyproject.toml").write_text(folder, "utf-8")
    (tmp_path / "requirements.lock").write_text("locked", "utf-8")
    places = {"ROOT": ".", "VENV": ".venv", "DISCARDED": ".venv.old", "LOCK": "requirements.lock"}
    for name, path in places.items():
        monkeypatch.setattr(dev, name, tmp_path / path)
    monkeypatch.setattr(dev, "STATE", tmp_path / ".venv" / "set-up.json")
    return tmp_path


@pytest.fixture
def pip(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Pip:
    """What stands in for venv and pip."""
    pip = Pip()
    monkeypatch.setattr(dev, "quietly", pip)
    monkeypatch.setattr(dev, "pip", lambda: ["pip"])
    return pip


def test_the_first_start_installs_what_is_locked_and_then_the_checkout(pip: Pip) -> None:
    """Locked versions come first, so that nothing else is fetched for our packages."""
    dev.set_up()
    assert pip.asked == ["make", "locked", "local"]


def test_the_second_start_installs_nothing(pip: Pip) -> None:
    """What is up to date is left alone."""
    dev.set_up()
    dev.set_up()
    assert pip.asked == ["make", "locked", "local"]


@pytest.mark.parametrize("file", ["requirements.lock", "pyproject.toml", "connectors/one/pyproject.toml"])
def test_a_changed_input_is_installed_into_the_same_folder(pip: Pip, checkout: Path, file: str) -> None:
    """The lock and each package count."""
    dev.set_up()
    (checkout / file).write_text("changed", "utf-8")
    dev.set_up()
    assert pip.asked == ["make", "locked", "local", "locked", "local"]


def test_a_new_connector_is_installed(pip: Pip, checkout: Path) -> None:
    """A folder with a project file under `connectors` is enough."""
    dev.set_up()
    (checkout / "connectors/two").mkdir()
    (checkout / "connectors/two/pyproject.toml").touch()
    dev.set_up()
    assert pip.asked == ["make", "locked", "local", "locked", "local"]


def test_a_connector_that_is_gone_leaves_nothing_behind(pip: Pip, checkout: Path) -> None:
    """Its installation would point to nowhere, so the folder is made anew."""
    dev.set_up()
    (checkout / "connectors/one/pyproject.toml").unlink()
    dev.set_up()
    assert pip.asked == ["make", "locked", "local"] * 2


def test_another_python_makes_the_folder_anew(pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder belongs to the Python that made it."""
    dev.set_up()
    monkeypatch.setattr(sys, "base_prefix", "/another")
    dev.set_up()
    assert pip.asked == ["make", "locked", "local"] * 2


@pytest.mark.parametrize(
    ("part", "done"),
    [("-m venv", []), ("--require-hashes", ["make"]), ("--editable", ["make", "locked"])],
)
def test_an_interrupted_set_up_is_begun_anew(pip: Pip, part: str, done: list[str]) -> None:
    """Whatever was under way: half of a package can look like a whole one."""
    pip.fails = part
    with pytest.raises(KeyboardInterrupt):
        dev.set_up()
    pip.fails = ""
    dev.set_up()
    assert pip.asked == [*done, "make", "locked", "local"]


def test_an_interrupted_renewal_is_begun_anew(pip: Pip, checkout: Path) -> None:
    """A complete set-up that was being changed is no longer complete."""
    dev.set_up()
    (checkout / "requirements.lock").write_text("changed", "utf-8")
    pip.fails = "--require-hashes"
    with pytest.raises(KeyboardInterrupt):
        dev.set_up()
    pip.fails = ""
    dev.set_up()
    assert pip.asked == ["make", "locked", "local"] * 2


def test_a_note_that_was_cut_off_counts_as_incomplete(pip: Pip) -> None:
    """The note about the set-up may itself be half written."""
    dev.set_up()
    dev.STATE.write_text('{"python": "3.', "utf-8")
    dev.set_up()
    assert pip.asked == ["make", "locked", "local"] * 2


def test_an_empty_folder_is_not_taken_for_a_set_up(pip: Pip) -> None:
    """A start that was killed between its first two steps leaves one."""
    dev.VENV.mkdir()
    dev.set_up()
    assert pip.asked == ["make", "locked", "local"]


def test_a_second_start_waits_for_the_first(pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it finds everything done."""
    waits = threading.Event()
    monkeypatch.setattr(dev, "say", lambda text: waits.set() if "waiting" in text else None)
    with dev.alone():
        second = threading.Thread(target=dev.set_up)
        second.start()
        assert waits.wait(10)
        assert pip.asked == []
    second.join(10)
    assert pip.asked == ["make", "locked", "local"]


def test_only_a_failure_shows_what_pip_said_and_no_password(checkout: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The address stays readable."""
    noise = "print('Looking in https://name:canary@packages.example/simple')"
    dev.quietly(sys.executable, "-c", noise)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(dev.Failed):
        dev.quietly(sys.executable, "-c", f"{noise}; raise SystemExit(3)")
    shown = capfd.readouterr().err
    assert "https://***@packages.example/simple" in shown
    assert "canary" not in shown


@pytest.fixture
def started(checkout: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Start a command in a checkout whose programs say how they were called, and end with status 7."""
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("chorally", "python"):
        (programs / name).write_text('#!/bin/sh\necho "$(basename "$0") $*"\npwd -P\nexit 7\n', "utf-8")
        (programs / name).chmod(0o755)
    here = checkout / "here"
    here.mkdir()

    def start(*arguments: str) -> "subprocess.CompletedProcess[str]":
        paths = json.dumps([str(checkout), str(checkout / ".venv")])
        code = f"import dev, pathlib; dev.ROOT, dev.VENV = map(pathlib.Path, {paths}); dev.start({arguments[0]!r}, "
        code += f"{list(arguments[1:])!r})"
        command = [sys.executable, "-c", code]
        environment = {"PYTHONPATH": str(Path(dev.__file__).parent)}
        return subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)

    return start


def test_the_demo_gets_its_options_and_gives_its_status(
    started: Callable[..., "subprocess.CompletedProcess[str]"], checkout: Path
) -> None:
    """It runs where it was started, so that a folder among the options means what it says."""
    done = started("demo", "--once", "--data", "x y")
    assert done.stdout.splitlines() == ["chorally demo --once --data x y", str((checkout / "here").resolve())]
    assert done.returncode == 7


def test_the_tests_get_their_options_and_give_their_status(
    started: Callable[..., "subprocess.CompletedProcess[str]"], checkout: Path
) -> None:
    """They run in the project's folder, wherever they were started."""
    done = started("test", "-k", "ticket")
    assert done.stdout.splitlines() == ["python -m pytest -k ticket", str(checkout.resolve())]
    assert done.returncode == 7


def test_all_tests_run_on_every_core(started: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    """Where nothing else is asked for."""
    assert started("test").stdout.startswith("python -m pytest -n auto ")
