"""Jobs over the API: what people see of them, and what they decide."""

from typing import Any

import msgspec
import pytest
from chorally_core.events import topics
from chorally_core.ports.jobs import Actor, Job, queued
from chorally_core.ports.ledger import Step, Work
from chorally_core.ports.schedules import Every


@pytest.fixture
def a_job(ledger: Any, clock: Any) -> Any:
    """Stores jobs."""

    async def store(name: str, kind: str = "author/erase", *, tenant: str = "acme", **fields: Any) -> Job:
        clock.pass_(seconds=1)
        job = queued(
            kind, "author-service", tenant, {"author_id": "ada"}, clock(), job_id=name, key=fields.pop("key", ""),
            created_by=Actor("agent", "bob"),
        )  # fmt: skip
        job = msgspec.structs.replace(job, **fields)
        await ledger.commit(Work([Step.of([job])]))
        return job

    return store


def dead(**fields: Any) -> dict[str, Any]:
    """The fields of a job that is dead."""
    given = {"state": "dead", "lane": None, "due_at": None, "open_key": None, "attempts": 5, "error": "not today"}
    return {**given, **fields}


def running(**fields: Any) -> dict[str, Any]:
    """The fields of a job that runs."""
    return {"state": "running", "lane": None, "due_at": None, "holder": "one", "epoch": 1, "attempts": 1, **fields}


async def test_jobs_are_listed_and_shown_with_their_progress(app: Any, speak: Any, badge: Any, a_job: Any) -> None:
    """The newest first, by state and kind; one alone also with its arguments and its version."""
    await a_job("j1", done=3, total=12, note="messages", **running())
    await a_job("j2", "export/tickets")
    await a_job("j3", **dead())
    client = speak(app, badge("acme", "ada", "operations:read"))
    page = (await client.get("/jobs?limit=2")).json()
    rest = (await client.get(f"/jobs?limit=2&cursor={page['next']}")).json()
    shown = await client.get("/jobs/j1")

    assert [job["id"] for job in (*page["items"], *rest["items"])] == ["j3", "j2", "j1"]
    assert [job["id"] for job in (await client.get("/jobs?state=dead")).json()["items"]] == ["j3"]
    assert [job["id"] for job in (await client.get("/jobs?name=export/tickets")).json()["items"]] == ["j2"]
    assert [job["id"] for job in (await client.get("/jobs?name=author/erase&state=running")).json()["items"]] == ["j1"]
    assert "arguments" not in page["items"][0]
    assert {name: shown.json()[name] for name in ("done", "total", "note", "created_by")} == {
        "done": 3, "total": 12, "note": "messages", "created_by": "bob"
    }  # fmt: skip
    assert (shown.json()["arguments"], shown.headers["etag"]) == ({"author_id": "ada"}, '"1"')
    assert "holder" not in shown.text
    assert (await client.get("/jobs?state=odd")).status_code == 422


async def test_work_of_the_installation_is_no_tenants(app: Any, speak: Any, badge: Any, a_job: Any) -> None:
    """It is neither listed nor shown."""
    await a_job("j1", "io/retention", tenant="", schedule=Every(3600))
    client = speak(app, badge())
    assert (await client.get("/jobs")).json()["items"] == []
    assert (await client.get("/jobs/j1")).status_code == 404


async def test_a_job_that_waits_is_cancelled_at_once(
    app: Any, speak: Any, badge: Any, a_job: Any, told: Any, ledger: Any
) -> None:
    """The log is told who did it; a second time there is nothing left to cancel."""
    await a_job("j1", key="k")
    client = speak(app, badge())
    answer = await client.post("/jobs/j1/cancel")
    again = await client.post("/jobs/j1/cancel")
    [fact] = await told(topics.LOGS)
    job = await ledger.documents.get(Job, "j1")

    assert (answer.json()["state"], answer.headers["etag"]) == ("cancelled", '"2"')
    assert (again.status_code, again.json()["type"]) == (409, "urn:chorally:problem:job-over")
    assert (fact.data.kind, fact.data.subject_id, fact.data.actor_id) == ("job_cancelled", "j1", "ada")
    assert (fact.issuer, fact.data.snapshot["name"], fact.data.version) == ("author-service", "author/erase", 2)
    assert (job.open_key, job.lane, job.due_at) == (None, None, None)


async def test_a_job_that_runs_ends_its_step_before_it_is_cancelled(
    app: Any, speak: Any, badge: Any, a_job: Any
) -> None:
    """Until then it runs, and says what is to become of it."""
    await a_job("j1", **running())
    shown = (await speak(app, badge()).post("/jobs/j1/cancel")).json()
    assert (shown["state"], shown["cancelling"]) == ("running", True)


async def test_a_dead_job_is_queued_again_and_no_other(
    app: Any, speak: Any, badge: Any, a_job: Any, told: Any, ledger: Any, clock: Any
) -> None:
    """It has its attempts and its key again."""
    await a_job("j1", key="k", **dead(kept={"n": 3}, cancel_asked_at=None))
    await a_job("j2")
    client = speak(app, badge())
    answer = await client.post("/jobs/j1/repeat")
    job = await ledger.documents.get(Job, "j1")

    assert (answer.json()["state"], answer.json()["attempts"]) == ("queued", 0)
    assert (job.lane, job.due_at, job.kept) == ("acme", clock(), {"n": 3})
    assert job.open_key
    assert [fact.data.kind for fact in await told(topics.LOGS)] == ["job_repeated"]
    for name in ("j1", "j2"):
        refused = await client.post(f"/jobs/{name}/repeat")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:chorally:problem:job-not-dead")


async def test_a_dead_job_is_not_repeated_while_another_does_the_same(
    app: Any, speak: Any, badge: Any, a_job: Any
) -> None:
    """One key, one job that is not over."""
    await a_job("j1", key="k", **dead())
    await a_job("j2", key="k")
    refused = await speak(app, badge()).post("/jobs/j1/repeat")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:chorally:problem:changed-meanwhile")


async def test_a_decision_on_a_job_that_has_changed_is_refused(app: Any, speak: Any, badge: Any, a_job: Any) -> None:
    """Who sends the version that was seen does not decide on another one."""
    await a_job("j1", **dead())
    client = speak(app, badge())
    refused = await client.post("/jobs/j1/repeat", headers={"If-Match": '"7"'})
    made = await client.post("/jobs/j1/repeat", headers={"If-Match": '"1"'})
    assert [refused.status_code, made.status_code] == [412, 200]


async def test_a_repeated_request_decides_once(app: Any, speak: Any, badge: Any, a_job: Any, told: Any) -> None:
    """Under one key the answer is the same, and one fact is told."""
    await a_job("j1", **dead())
    client = speak(app, badge())
    answers = [await client.post("/jobs/j1/repeat", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert len(await told(topics.LOGS)) == 1


async def test_who_may_only_look_decides_nothing(app: Any, speak: Any, badge: Any, a_job: Any) -> None:
    """Reading and deciding are permissions of their own."""
    await a_job("j1", **dead())
    reader = speak(app, badge("acme", "ada", "operations:read"))
    writer = speak(app, badge("acme", "ada", "operations:write"))
    assert (await reader.get("/jobs/j1")).status_code == 200
    assert [(await reader.post(f"/jobs/j1/{what}")).status_code for what in ("cancel", "repeat")] == [403, 403]
    assert (await writer.get("/jobs")).status_code == 403
    assert (await writer.post("/jobs/j1/repeat")).status_code == 200
