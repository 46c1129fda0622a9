"""Files of rules: mistakes name their place, and tests say what came of each condition."""

from pathlib import Path

import pytest
from chorally_core.cli import app
from chorally_core.commands.rules_files.files import load
from chorally_core.commands.rules_files.places import Mistakes
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[3]
GOOD = """\
rules:
  - name: One
    conditions: {field: message.text, op: words, value: [hello]}
    actions: [{type: add_tags, tags: [a]}]
tests:
  - name: it fires
    given: {message: {text: hello}}
    expected: {fires: [One], actions: [add_tags]}
"""


def a_file(folder: Path, text: str) -> Path:
    """Return a file with that text."""
    path = folder / "rules.yaml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("op: words", "op: word", "3: conditions/op: 'message.text' is a text and takes no 'word'"),
        ("message.text", "message.txt", "3: conditions/field: "),
        ("add_tags, tags: [a]", "add_tags, tags: []", "4: actions/0/tags: "),
        ("add_tags, tags: [a]", "fly", "4: actions/0: "),
        ("  - name: One\n    conditions", "  - title: One\n    conditions", "2: name: Field required"),
        ("    actions", "    mood: good\n    actions", "4: mood: Extra inputs are not permitted"),
        ("value: [hello]}", "value: [hello]", "is no YAML"),
        ("rules:", "rule:", "1: rule: there are rules, tests, calendars"),
        ("  - name: One", "  - just a text\n  - name: One", "2: rules/0: must have fields"),
        ("text: hello}}", "txt: hello}}", "7: given/message/txt: Extra inputs are not permitted"),
        ("rules:\n", "rules: all\nmore:\n", "1: rules: must be a list"),
        ("value: [hello]", "value: !!python/object:os.system x", "which rules have no use for"),
        (
            "rules:\n",
            "calendars:\n  - {id: a, time_zone: Rome}\nrules:\n",
            "2: time_zone: Value error, there is no time",
        ),
        (
            "rules:\n",
            "calendars:\n  - {id: a, time_zone: UTC}\n  - {id: a, time_zone: UTC}\nrules:\n",
            "3: id: there is another calendar 'a'",
        ),
        ("rules:\n", "rules: !!python/object/apply:os.system [id]\nmore:\n", "1: rules/0: must have fields"),
        ("    actions", "    name: Two\n    actions", "is no YAML"),
        (
            "  - name: One\n    conditions:",
            "  - &a\n    name: One\n    conditions: *a\n    was:",
            "4: conditions: Input should be a valid dict",
        ),
    ],
)
def test_a_mistake_names_its_file_line_and_field(tmp_path: Path, old: str, new: str, told: str) -> None:
    """And says what would do."""
    assert old in GOOD
    with pytest.raises(Mistakes) as raised:
        load([a_file(tmp_path, GOOD.replace(old, new, 1))])
    assert str(raised.value).startswith(f"{tmp_path}/rules.yaml:")
    assert told in str(raised.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Of rules and tests, in the order of their lines."""
    text = GOOD.replace("op: words", "op: word").replace("fires: [One]", "fires: One")
    with pytest.raises(Mistakes) as raised:
        load([a_file(tmp_path, text)])
    assert [mistake.line for mistake in raised.value.mistakes] == [3, 8]


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    """Also in two files."""
    path, other = a_file(tmp_path, GOOD), tmp_path / "other.yaml"
    other.write_text(GOOD)
    with pytest.raises(Mistakes, match="is the same rule; give each its own name"):
        load([path, other])


def test_a_test_that_fails_says_why(tmp_path: Path) -> None:
    """The command ends with 1; with 2 where a file cannot be used, and with 0 where all is well."""
    run = CliRunner()
    assert run.invoke(app, ["rules", "test", str(a_file(tmp_path, GOOD))]).exit_code == 0
    failed = run.invoke(app, ["rules", "test", str(a_file(tmp_path, GOOD.replace("text: hello}", "text: bye}")))])
    assert failed.exit_code == 1
    assert f"FAILED {tmp_path}/rules.yaml:6 it fires" in failed.output
    assert "    - One   (expected)" in failed.output
    assert "- message.text words ['hello']   (it is 'bye')" in failed.output
    assert "0 of 1 tests passed" in failed.output
    missing = run.invoke(app, ["rules", "test", str(tmp_path / "none.yaml")])
    assert (missing.exit_code, "cannot be read" in missing.output) == (2, True)


def test_order_mode_and_stop_count_as_they_do_in_a_system(tmp_path: Path) -> None:
    """The engine itself judges."""
    text = """\
rules:
  - {name: A, actions: [{type: add_tags, tags: [a]}]}
  - {name: B, mode: first, actions: [{type: add_tags, tags: [b]}]}
  - {name: C, stop: true, actions: [{type: add_tags, tags: [c]}]}
  - {name: D, actions: [{type: add_tags, tags: [d]}]}
  - {name: E, enabled: false, actions: [{type: add_tags, tags: [d]}]}
tests:
  - {name: all, given: {message: {text: x}}, expected: {fires: [A, C]}}
"""
    assert CliRunner().invoke(app, ["rules", "test", str(a_file(tmp_path, text))]).exit_code == 0


def test_the_example_that_was_taken_over_from_drools_passes() -> None:
    """Every rule of it fires in some test."""
    path = ROOT / "docs/examples/drools/support.yaml"
    result = CliRunner().invoke(app, ["rules", "test", str(path)])
    assert result.output == "10 of 10 tests passed\n"
    files = load([path])
    fired = {name for case in files.cases for name in case.case.expected.fires}
    assert {rule.name for rule in files.rules} == fired
    drl = path.with_suffix(".drl").read_text("utf-8")
    assert {rule.name for rule in files.rules} == {
        line.split('"')[1] for line in drl.splitlines() if line[:5] == "rule "
    }


@pytest.mark.parametrize(
    "command", [["import", "RULES"], ["export", "OUT"], ["explain", "ticket-1"]], ids=lambda command: command[0]
)
def test_a_system_that_cannot_be_reached_is_told(tmp_path: Path, command: list[str]) -> None:
    """With what to do, and without a trace of the program."""
    places = {"RULES": str(a_file(tmp_path, GOOD)), "OUT": str(tmp_path / "out.yaml")}
    words = [places.get(word, word) for word in command]
    where = ["--tenant", "acme", "--url", "http://127.0.0.1:9", "--data", str(tmp_path / "data")]
    missing = CliRunner().invoke(app, ["rules", *words, *where])
    assert (missing.exit_code, "CHORALLY_DATA" in missing.output) == (2, True)
    (tmp_path / "data").mkdir()
    result = CliRunner().invoke(app, ["rules", *words, *where])
    assert result.exit_code == 2
    assert "http://127.0.0.1:9 cannot be reached" in result.output
    assert "is chorally up?" in result.output


def test_conditions_on_calendars_are_judged_by_those_of_the_file(tmp_path: Path) -> None:
    """By the ids that conditions name; without the calendar they meet nothing, and the test says so."""
    calendar = """\
calendars:
  - id: office
    time_zone: Europe/Rome
    weekly: {mon: [{opens: "09:00", closes: "18:00"}]}
    festivities: [{on: 12-28, name: Inventory}]
"""
    text = """\
rules:
  - name: Closed
    conditions:
      all:
        - {field: calendar.open@office, op: is, value: false}
        - {field: calendar.holiday@office, op: is, value: false}
    actions: [{type: add_tags, tags: [closed]}]
tests:
  - {name: noon, given: {message: {text: a}, at: "2026-01-05T12:00:00+01:00"}, expected: {fires: []}}
  - {name: evening, given: {message: {text: a}, at: "2026-01-05T19:00:00+01:00"}, expected: {fires: [Closed]}}
  - {name: inventory, given: {message: {text: a}, at: "2026-12-28T12:00:00+01:00"}, expected: {fires: []}}
"""
    passed = CliRunner().invoke(app, ["rules", "test", str(a_file(tmp_path, calendar + text))])
    assert passed.output == "3 of 3 tests passed\n"
    wrong = text.replace("fires: []", "fires: [Closed]", 1)
    told = CliRunner().invoke(app, ["rules", "test", str(a_file(tmp_path, calendar + wrong))])
    assert "calendar.open@office is False   (it is True)" in told.output
    without = CliRunner().invoke(app, ["rules", "test", str(a_file(tmp_path, text))])
    assert (without.exit_code, "(it is unknown)" in without.output) == (1, True)
