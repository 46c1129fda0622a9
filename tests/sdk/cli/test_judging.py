"""`check` and `replay`: what a version is worth, and what it makes of old webhooks."""

import json
from pathlib import Path

import pytest

from chorally_sdk.cli.advice import advice
from chorally_sdk.errors import ConnectorError, Malformed, Reason, Rejected
from tests.architecture.checkout import ROOT
from tests.sdk.cli.conftest import run

HOOK = {
    "changes": [
        {
            "account": "account-1",
            "kind": "said",
            "message": {
                "id": "m1",
                "text": "Open?",
                "said_at": "2026-11-23T09:00:00Z",
                "changed_at": "2026-11-23T09:00:00Z",
                "thread": "m1",
            },
        }
    ]
}


def test_a_checkout_is_checked_without_an_installation(made: Path, tmp_path: Path) -> None:
    """The tier is told, and the report is what the pytest plugin writes."""
    done = run("check", made, "--report", tmp_path / "report.json")
    assert done.status == 0, done.out
    assert "wall 0.1.0: tier documented" in done.out
    (report,) = json.loads((tmp_path / "report.json").read_text())["connectors"]
    assert (report["platform"], report["counts"].get("failed", 0)) == ("wall", 0)


def test_a_failing_check_says_why_it_matters(checkout: Path) -> None:
    """And ends with status 1."""
    file = checkout / "chorally_wall" / "connector.py"
    file.write_text(file.read_text().replace("outgoing.client_ref", "str(id(outgoing))"))
    done = run("check", checkout)
    assert done.status == 1
    assert "FAILED push-native-key: The same call again makes no second copy" in done.out
    assert "why it matters: Who declares a native key promises" in done.out
    assert "tier failing" in done.out


def test_an_installed_connector_is_checked_with_the_stand_in_beside_it() -> None:
    """Facebook's is found by its place."""
    done = run("check", "facebook")
    assert done.status == 0, done.out
    assert "tier untried" not in done.out


def test_a_stand_in_that_is_none_is_refused() -> None:
    """By its name, with what it should be."""
    assert "give it as module:Class" in run("check", "facebook", "--stand-in", "nowhere:Nothing").err
    assert "is no subclass of" in run("check", "facebook", "--stand-in", "json:JSONDecoder").err


def test_stored_hooks_are_parsed_again(made: Path, tmp_path: Path) -> None:
    """As bare bodies, as the host keeps them, and as the kit records them; one that is broken is told of."""
    (tmp_path / "bare.json").write_text(json.dumps(HOOK))
    kept = {"method": "POST", "body": json.dumps(HOOK), "received_at": "2026-11-23T09:00:00Z"}
    (tmp_path / "kept.json").write_text(json.dumps([kept, {**kept, "body": "{"}]))
    exchange = {"method": "POST", "url": "https://chorally.example/hooks?a=b", "body": json.dumps(HOOK)}
    (tmp_path / "recorded.json").write_text(json.dumps({"source": "made up", "exchanges": [exchange]}))
    results = json.loads(run("replay", made, *sorted(tmp_path.glob("*.json"))).out)
    assert [(each["file"], each["hook"]) for each in results] == [
        ("bare.json", 1), ("kept.json", 1), ("kept.json", 2), ("recorded.json", 1),
    ]  # fmt: skip
    assert [each["events"][0]["body"] for each in results if "events" in each] == ["Open?"] * 3
    assert results[2]["error"].startswith("Malformed: ")


def test_two_versions_are_compared(made: Path, checkout: Path, tmp_path: Path) -> None:
    """The same code differs in nothing; a changed translation is shown as a diff, with status 1."""
    hook = tmp_path / "hook.json"
    hook.write_text(json.dumps(HOOK))
    assert run("replay", checkout, hook, "--against", made).status == 0
    file = checkout / "chorally_wall" / "translate.py"
    file.write_text(file.read_text().replace("body=said.text", "body=said.text.upper()"))
    done = run("replay", checkout, hook, "--against", made)
    assert done.status == 1
    assert '-        "body": "Open?"' in done.out
    assert '+        "body": "OPEN?"' in done.out


def test_a_version_is_compared_with_kept_results(made: Path, tmp_path: Path) -> None:
    """What an earlier replay printed, before the upgrade."""
    hook, before = tmp_path / "hook.json", tmp_path / "before.json"
    hook.write_text(json.dumps(HOOK))
    before.write_text(run("replay", made, hook).out)
    assert run("replay", made, hook, "--against", before).status == 0


def test_a_connector_without_hooks_has_nothing_to_replay(tmp_path: Path) -> None:
    """Mail has none."""
    assert "takes no webhooks" in run("replay", "mail", tmp_path / "x").err


def test_a_checkout_that_is_none_says_what_it_lacks(tmp_path: Path) -> None:
    """No project at all, and one without an entry point."""
    assert "has no pyproject.toml" in run("check", f"{tmp_path}/").err
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert "needs one entry under" in run("check", tmp_path).err


def test_the_example_of_the_documentation_is_a_checkout() -> None:
    """Found by its pyproject.toml."""
    assert "guestbook 0.1.0: tier" in run("check", ROOT / "docs" / "examples" / "guestbook").out


@pytest.mark.parametrize("kind", ConnectorError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_error_says_what_to_do(kind: type[ConnectorError]) -> None:
    """What a person at a terminal can do about it."""
    error = Malformed("odd", b"x") if kind is Malformed else kind("odd")
    assert advice(error)
    assert len({advice(Rejected(reason=reason)) for reason in Reason}) == len(Reason)
