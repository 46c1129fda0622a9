"""`pull`, `push` and `sandbox`: trying a connector without a host."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from chorally_sdk.cli.finding import Found
from chorally_sdk.cli.serving import sandbox_of
from chorally_sdk.cli.telling import Told
from tests.sdk.cli.conftest import Served, run
from tests.sdk.parrot import Parrot


def bodies(out: str) -> list[str]:
    """The bodies of events that were printed."""
    return [json.loads(line)["body"] for line in out.splitlines()]


def test_a_pull_from_the_own_sandbox_prints_json_lines(made: Path) -> None:
    """One event to a line, on nothing else than the output."""
    done = run("pull", made, "--sandbox")
    assert (done.status, done.err) == (0, "3 events\n")
    assert [json.loads(line)["event"] for line in done.out.splitlines()] == ["Message"] * 3


def test_the_installed_connectors_pull_from_their_stand_ins() -> None:
    """Found beside the connector, whether it is HTTP or not."""
    for platform in ("facebook", "mail"):
        assert bodies(run("pull", platform, "--sandbox").out) == ["Message 1", "Message 2", "Message 3"]


def test_a_pull_goes_on_where_it_was_ended(served: Served, made: Path, tmp_path: Path) -> None:
    """Page by page over three runs, everything comes once; a later run brings only what is new."""
    for number in range(60):
        httpx.post(f"{served.url}/_sandbox/say", json={"body": f"note {number}"}).raise_for_status()
    command = ("pull", made, "--url", served.url, "--cursor", tmp_path / "cursor.json")
    found = []
    for _ in range(3):
        found += bodies(run(*command, "--pages", "1", CHORALLY_TOKEN=served.token).out)
    assert found == [f"note {number}" for number in range(60)]

    httpx.post(f"{served.url}/_sandbox/say", json={"body": "one more"}).raise_for_status()
    assert bodies(run(*command, CHORALLY_TOKEN=served.token).out) == ["one more"]


def test_a_cursor_of_another_account_is_refused(served: Served, made: Path, tmp_path: Path) -> None:
    """It would skip or repeat at random."""
    file = tmp_path / "cursor.json"
    file.write_text(json.dumps({"platform": "wall", "account": "other", "cursor_version": 1, "streams": {}}))
    done = run("pull", made, "--url", served.url, "--cursor", file, CHORALLY_TOKEN=served.token)
    assert done.status == 2
    assert "is of wall other, not of wall account-1; name another cursor file" in done.err


def test_a_wrong_token_says_what_to_do(served: Served, made: Path) -> None:
    """In words, without a traceback, and without the token."""
    done = run("pull", made, "--url", served.url, CHORALLY_TOKEN="nobodys-token")
    assert done.status == 1
    assert "get a new token, and give it by CHORALLY_TOKEN or --token" in done.err
    assert "Traceback" not in done.err
    assert "nobodys-token" not in done.err


def test_what_is_missing_is_named() -> None:
    """Settings of the account and the token, and where to give them; of what does not exist, what does."""
    done = run("pull", "mail")
    assert done.status == 2
    assert "the settings of the account are not right" in done.err
    assert "give each by CHORALLY_SET_NAME" in done.err
    done = run("pull", "facebook", CHORALLY_SET_PAGE_ID="1")
    assert done.status == 2
    assert "left empty: app_secret" in done.err
    assert "there is no token; give one by CHORALLY_TOKEN" in done.err
    assert "its settings are: app_secret" in run("pull", "facebook", "--set", "colour=red").err
    assert "no connector 'nowhere' is installed" in run("pull", "nowhere").err


def test_a_message_is_sent_once(served: Served, made: Path) -> None:
    """The receipt is printed, and people see one copy."""
    said = httpx.post(f"{served.url}/_sandbox/say", json={"body": "Open?"}).json()["id"]
    command = ("push", made, "Until six", "--url", served.url, "--in-reply-to", said)
    receipt = json.loads(run(*command, CHORALLY_TOKEN=served.token).out)
    (seen,) = httpx.get(f"{served.url}/_sandbox/state").json()["made"]
    assert (seen["external_id"], seen["target"]) == (receipt["external_id"], said)


def test_a_message_whose_answer_was_lost_may_be_repeated_by_its_reference(served: Served, made: Path) -> None:
    """The command says how; the second call makes no second copy."""
    said = httpx.post(f"{served.url}/_sandbox/say", json={"body": "Open?"}).json()["id"]
    httpx.post(f"{served.url}/_sandbox/faults", json={"kind": "error_500_after", "on": "write"}).raise_for_status()
    command = ("push", made, "Until six", "--url", served.url, "--in-reply-to", said)
    lost = run(*command, CHORALLY_TOKEN=served.token)
    assert lost.status == 3
    reference = lost.err.strip().rpartition("--client-ref ")[2]
    again = run(*command, "--client-ref", reference, CHORALLY_TOKEN=served.token)
    assert again.status == 0
    assert len(httpx.get(f"{served.url}/_sandbox/state").json()["made"]) == 1


def test_what_exceeds_the_limits_is_refused_before_any_call(made: Path) -> None:
    """The text's length, and an action that the channel has not."""
    assert "the text has 501 code_points" in run("push", made, "x" * 501, "--sandbox").err
    assert "give --in-reply-to" in run("push", made, "Hi", "--sandbox", "--to", "ada").err


def test_a_served_sandbox_tells_how_to_try_it(served: Served) -> None:
    """Its hints are commands that work."""
    assert f"curl -s {served.url}/_sandbox/state" in served.told
    headers = {"Authorization": f"Bearer {served.token}"}
    assert httpx.get(f"{served.url}/account", headers=headers).json()["name"] == "Our account"
    assert "GET    /messages" in served.told


def test_a_connector_without_a_sandbox_says_so() -> None:
    """With what it lacks."""
    with pytest.raises(Told, match="parrot has no sandbox that can be served; it does not inherit Sandboxes"):
        sandbox_of(Found(Parrot, None))


def test_a_served_sandbox_goes_by_the_real_time(served: Served) -> None:
    """A host asks for what is newer than the moment at which it was connected."""
    state = httpx.get(f"{served.url}/_sandbox/state").json()
    away = abs((datetime.now(UTC) - datetime.fromisoformat(state["now"])).total_seconds())
    assert away < 60
