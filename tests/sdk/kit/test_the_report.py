"""The report: the tier of a connector, what it is exempt from, and what nobody could show."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks import CHECKS, Failed
from chorally_sdk.testing.checks.registry import NotApplied
from chorally_sdk.testing.report import PROPERTY, finding, reports
from chorally_sdk.testing.running import run_once
from tests.architecture.checkout import ROOT
from tests.sdk.kit.guestbook import Guestbook
from tests.sdk.kit.package import a_package
from tests.sdk.kit.twin import GuestbookTwin

INHERITED = """
from chorally_sdk.testing import ConnectorContract
from tests.sdk.kit.package import a_package
from tests.sdk.kit.machine import Machine, MachineTwin


class TestMachine(ConnectorContract):
    connector = Machine
    platform = MachineTwin

    @classmethod
    def package(cls, connector):
        return a_package(connector)
"""


def told(*outcomes: tuple[str, str, str], **quality: str) -> Any:
    """Return the report of some findings."""
    manifest = Guestbook.manifest.model_copy(update={"quality": quality})
    connector = type("Said", (Guestbook,), {"manifest": manifest})
    (report,) = reports((PROPERTY, finding(connector, CHECKS[check], out, why)) for check, out, why in outcomes)
    return report


@pytest.mark.parametrize(
    ("outcomes", "quality", "tier"),
    [
        ([("complete", "passed", "")], {}, "documented"),
        ([("complete", "passed", ""), ("valid-answers", "passed", "")], {}, "specified"),
        ([("complete", "passed", ""), ("valid-answers", "failed", "a mistake")], {}, "failing"),
        ([("licence", "passed", ""), ("complete", "gap", "there is no stand-in of the platform")], {}, "untried"),
        ([("complete", "passed", ""), ("valid-answers", "gap", "it is not there")], {}, "documented"),
        ([("complete", "passed", "")], {"real-server": "done"}, "proven"),
        ([("complete", "passed", "")], {"real-server": "todo"}, "documented"),
    ],
)
def test_the_tier_follows_from_what_was_found(outcomes: Any, quality: dict[str, str], tier: str) -> None:
    """What no description and no real server has checked stays documented, however much else holds."""
    assert told(*outcomes, **quality).tier == tier


def test_exemptions_are_told_with_their_reason() -> None:
    """And gaps by how many checks they leave out."""
    lines = told(
        ("one-call", "exempt", "exempt: two calls are documented"),
        ("edits", "gap", "the stand-in has no lever edit"),
        ("hears-edits", "gap", "the stand-in has no lever edit"),
    ).lines()
    assert "  exempt from check-one-call: two calls are documented" in lines
    assert "  not shown, 2 checks: the stand-in has no lever edit" in lines


class SaysYes(GuestbookTwin):
    """Answers in words what its description has as true or false, and says so."""

    excused: ClassVar[Mapping[str, str]] = {"is not of type 'boolean'": "seen on the real wall, 2026-11-20"}

    def _shown(self, note: Any) -> dict[str, Any]:
        return {**super()._shown(note), "own": "yes" if note.more.get("own") else "no"}


def test_what_a_description_lacks_is_passed_over_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """And told, with how much was judged; without the reason it is a mistake."""
    monkeypatch.setenv("CHORALLY_SPECS", str(Path(__file__).parent / "specs"))
    notes = run_once(CHECKS["valid-answers"], Guestbook, SaysYes, a_package(Guestbook))
    assert notes == ["passed over \"is not of type 'boolean'\" (seen on the real wall, 2026-11-20)"]
    monkeypatch.setattr(SaysYes, "excused", {})
    with pytest.raises(Failed, match="boolean"):
        run_once(CHECKS["valid-answers"], Guestbook, SaysYes, a_package(Guestbook))
    (judged,) = run_once(CHECKS["known-operations"], Guestbook, GuestbookTwin, a_package(Guestbook))
    assert judged.endswith("operations judged by guestbook/openapi.json")
    assert "  specification-known-operations: 3 calls" in told(("known-operations", "passed", "3 calls")).lines()


def test_removals_of_which_no_webhook_tells_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the stand-in says so, the check tells that it does not apply; everywhere else it is asked."""
    monkeypatch.setattr(GuestbookTwin, "_tell", lambda *_: None)
    with pytest.raises(Failed, match="IndexError"):
        run_once(CHECKS["hears-removals"], Guestbook, GuestbookTwin, a_package(Guestbook))
    monkeypatch.setattr(GuestbookTwin, "tells_removals", False)
    with pytest.raises(NotApplied, match="no removals"):
        run_once(CHECKS["hears-removals"], Guestbook, GuestbookTwin, a_package(Guestbook))


def test_what_accounts_of_another_kind_can_is_not_asked_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the stand-in says so, checks of that ability tell why they do not apply, and the others go on by hooks."""
    monkeypatch.setattr(GuestbookTwin, "lacks", frozenset({"Pulls"}))
    monkeypatch.setattr(Guestbook, "streams", lambda _: [])
    with pytest.raises(NotApplied, match="lack the ability Pulls"):
        run_once(CHECKS["complete"], Guestbook, GuestbookTwin, a_package(Guestbook))
    run_once(CHECKS["seen-once"], Guestbook, GuestbookTwin, a_package(Guestbook))


def test_a_proof_in_the_body_is_not_looked_for_in_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the stand-in says so, odd headers need not be refused; a body without a proof must be."""

    def by_body(_: Guestbook, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        return sdk.accept() if hook.body.startswith(b"{") else sdk.reject()

    monkeypatch.setattr(Guestbook, "verify", by_body)
    with pytest.raises(Failed, match="headers and query"):
        run_once(CHECKS["verify-never-fails"], Guestbook, GuestbookTwin, a_package(Guestbook))
    monkeypatch.setattr(GuestbookTwin, "proves_in_body", True)
    run_once(CHECKS["verify-never-fails"], Guestbook, GuestbookTwin, a_package(Guestbook))
    monkeypatch.setattr(Guestbook, "verify", lambda *_: sdk.accept())
    with pytest.raises(Failed, match="the body"):
        run_once(CHECKS["verify-never-fails"], Guestbook, GuestbookTwin, a_package(Guestbook))


def test_answers_of_people_are_not_waited_for_where_only_the_account_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the stand-in says so, nothing is said under another's words; what does not need that is checked."""
    monkeypatch.setattr(GuestbookTwin, "people_answer", False)
    said = GuestbookTwin.say

    async def alone(self: GuestbookTwin, body: str, *, parent: str | None = None, **more: Any) -> str:
        assert parent is None
        return await said(self, body, **more)

    monkeypatch.setattr(GuestbookTwin, "say", alone)
    for name in ("threads", "parents", "answers-answers"):
        with pytest.raises(NotApplied, match="answer each other"):
            run_once(CHECKS[name], Guestbook, GuestbookTwin, a_package(Guestbook))
    for name in ("same-as-pulled", "not-anothers", "finds-on-later-pages"):
        run_once(CHECKS[name], Guestbook, GuestbookTwin, a_package(Guestbook))


def test_a_post_has_what_the_platform_takes_none_without() -> None:
    """As the stand-in says: nothing unless it says so."""
    image = sdk.Attachment(kind="image", url="https://media.example/lamp.jpg")

    class OfImages(GuestbookTwin):
        posted_with = (image,)

    of_images, of_texts = (Bench(Guestbook, twin(), None) for twin in (OfImages, GuestbookTwin))
    assert (of_images.post().attachments, of_texts.post().attachments) == ((image,), ())


def test_a_file_of_a_few_lines_inherits_all_of_it(tmp_path: Path) -> None:
    """The plugin comes with the SDK: the summary names the tier, the file has every check."""
    (tmp_path / "test_it.py").write_text(INHERITED, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:asyncio"]
    command += ["--rootdir", str(tmp_path), f"--chorally-report={tmp_path / 'report.json'}", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "guestbook 1.2.0: tier documented" in done.stdout
    (report,) = json.loads((tmp_path / "report.json").read_text("utf-8"))["connectors"]
    assert {each["check"] for each in report["checks"]} == set(CHECKS)
    assert report["counts"]["passed"] > 40
    assert len(INHERITED.strip().splitlines()) <= 15


def test_a_connector_file_is_at_most_fifteen_lines() -> None:
    """Of the connectors here."""
    files = list((ROOT / "connectors").glob("*/tests/test_contract.py"))
    assert files
    long = [str(path) for path in files if len(path.read_text("utf-8").splitlines()) > 15]
    assert not long


def test_the_plugin_needs_nothing_of_the_extra() -> None:
    """Pytest loads it wherever the SDK is installed, also where starlette and jsonschema are not."""
    lines = ["import sys", "sys.modules.update(dict.fromkeys(('starlette', 'jsonschema', 'referencing', 'yaml')))"]
    lines += ["import chorally_sdk.pytest_plugin"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
