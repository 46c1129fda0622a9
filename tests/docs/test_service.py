"""What the how-to on services shows of tests."""

from pathlib import Path

from chorally_core.events import LogAdd
from chorally_core.testing import a_system


async def test_a_person_is_met(tmp_path: Path) -> None:
    """A fact is told as the message service tells it; what came of it is asked over the API."""
    async with a_system(tmp_path, in_order=True) as trial:
        fact = LogAdd(kind="ticket_opened", subject_type="ticket", subject_id="t1", author_id="ada")
        await trial.happens(fact, name="e1")
        await trial.settle()
        history = await trial.client("supervisor").get("/log/v1/logs", params={"ticket_id": "t1"})
    assert history.status_code == 200
