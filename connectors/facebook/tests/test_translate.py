import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from chorally_facebook import Facebook
from chorally_facebook.shapes import Comment
from chorally_facebook.translate import to_message
from chorally_meta.shapes import Listing, instant

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

HERE = Path(__file__).parent
RECORDED = sorted((HERE / "recorded").glob("*.json"))


def translated(recording: dict[str, Any]) -> Sequence[sdk.Event]:
    """The events of a recorded webhook or listing."""
    if "hook" in recording:
        return connect(Facebook).parse(a_hook(json.dumps(recording["hook"])))
    listing = Listing[Comment].model_validate(recording["listing"])
    return [to_message(comment, recording["page"], recording["post"]) for comment in listing.data]


def shown(events: Sequence[sdk.Event]) -> list[dict[str, Any]]:
    """Events as the files of expectations write them: without what is empty."""
    return [{"event": type(e).__name__} | e.model_dump(mode="json", exclude_defaults=True) for e in events]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recording_gives_what_is_expected(path: Path) -> None:
    """Each recorded payload translates to the events in the file of the same name."""
    expected = json.loads((HERE / "expected" / path.name).read_text("utf-8"))

    assert shown(translated(json.loads(path.read_text("utf-8")))) == expected


def test_every_expectation_has_its_recording() -> None:
    """No expectation is left over from a recording that is gone."""
    assert [path.name for path in RECORDED] == sorted(path.name for path in (HERE / "expected").glob("*.json"))


def test_a_comment_is_the_same_message_by_webhook_and_by_listing() -> None:
    """Whichever comes second changes nothing but the link."""
    both = [
        json.loads((HERE / "recorded" / f"{name}.json").read_text("utf-8"))
        for name in ("comment_added", "listed_comments")
    ]
    hooked, listed = (translated(recording)[0] for recording in both)

    assert isinstance(listed, sdk.Message)
    assert hooked == listed.model_copy(update={"url": f"https://www.facebook.com/{listed.external_id}"})


@pytest.mark.parametrize(
    "value",
    [1795424400, "1795424400", 1795424400000, 1795424400.0, "2026-11-23T09:00:00+0000", "2026-11-23T10:00:00+01:00"],
)
def test_a_time_is_read_in_every_form_that_graph_uses(value: object) -> None:
    """Seconds, milliseconds and ISO 8601 with either offset mean the same instant."""
    assert instant(value).isoformat() == "2026-11-23T09:00:00+00:00"


@pytest.mark.parametrize("value", [True, None, "", "soon", "2026-11-23T09:00:00", 10**400, float("nan"), -1e300, [1]])
def test_what_is_no_time_is_refused(value: object) -> None:
    """Nothing else is taken for a time."""
    with pytest.raises(ValueError, match="a time is"):
        instant(value)
