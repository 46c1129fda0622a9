"""Posts and series while something else is being done to them, and long afterwards."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chorally_core.api import publishing_series
from chorally_core.ports.documents import Query
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.publishing import commands
from chorally_core.services.publishing.model import Publication
from chorally_core.services.publishing.series import Series
from chorally_core.settings import Retention

from tests.flow.test_approval import SETTINGS, a_post, ask, decide
from tests.flow.test_approval import URL as POSTS
from tests.flow.test_recurring_posts import URL as SERIES
from tests.flow.test_recurring_posts import a_series, each_hour
from tests.support.api import Api, an_api
from tests.support.people import a_person, again
from tests.support.plaza import Plaza, PlazaPlatform


@pytest.fixture
def platform() -> PlazaPlatform:
    """A plaza without posts."""
    return PlazaPlatform()


@pytest.fixture
async def api(tmp_path: Path, platform: PlazaPlatform) -> AsyncIterator[Api]:
    """A system with a plaza, which keeps what became of posts for 30 days."""
    kept = Retention(deliveries=30)
    async with an_api(tmp_path, platform=platform, connector=Plaza, retention_days=kept) as api:
        yield api


async def test_who_wrote_a_series_wrote_its_changed_occurrences_too(api: Api, platform: PlazaPlatform) -> None:
    """Also where somebody else set one apart without another word: they cannot approve their own text."""
    await ask(api, {})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    series = (await ada.post(SERIES, json=a_series())).json()
    apart = (await bob.put(f"{SERIES}/{series['id']}/occurrences/2026-11-24T09:00", json={})).json()
    handed_in = (await bob.post(f"{POSTS}/{apart['id']}/submit")).json()
    assert handed_in["state"] == "submitted"
    for http in (ada, bob):
        assert (await decide(http, handed_in)).json()["type"].endswith("not-yours")
    assert (await decide(await a_person(api, "cat", "supervisor"), handed_in)).json()["state"] == "scheduled"


async def test_what_a_kill_left_of_a_changed_occurrence_is_nobodys_text(api: Api, platform: PlazaPlatform) -> None:
    """A draft of which the series never heard gives way to whoever changes the occurrence then."""
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    series = (await ada.post(SERIES, json=a_series())).json()
    documents, clock = api.system.ledger.documents, api.clock()
    (known,) = await documents.find(Query(Series, None))
    left = commands.drafted(
        publication_id=known.occurrence_id("2026-11-24T09:00:00"), tenant="acme", content={"body": "lost"},
        targets=known.targets, actor=("agent", "ada"), at=clock, known=None,
    )  # fmt: skip
    assert left is not None
    await api.system.ledger.commit(Work([Step.of([left])]))
    changed = {"body": "happy birthday"}
    apart = (await bob.put(f"{SERIES}/{series['id']}/occurrences/2026-11-24T09:00", json=changed)).json()
    assert (apart["id"], apart["body"], apart["state"]) == (left.id, "happy birthday", "draft")
    assert apart["publish_at"] == "2026-11-24T08:00:00Z"


async def test_an_occurrence_that_is_a_post_of_its_own_is_cancelled_and_not_skipped(api: Api) -> None:
    """As skipping it in its series would keep nothing from being published."""
    ada = await a_person(api, "ada", "supervisor")
    series = (await ada.post(SERIES, json=a_series())).json()
    url = f"{SERIES}/{series['id']}/occurrences/2026-11-24T09:00"
    apart = (await ada.put(url, json={})).json()
    refused = await ada.delete(url)
    assert refused.status_code == 409
    assert f"cancel post {apart['id']}" in refused.json()["detail"]
    assert (await ada.post(f"{POSTS}/{apart['id']}/cancel")).status_code == 200


async def test_drafts_of_series_are_not_handed_in_beyond_the_bound(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which keeps the calendar quick."""
    monkeypatch.setattr(publishing_series, "MOST_SERIES", 1)
    ada = await a_person(api, "ada", "supervisor")
    drafts = [(await ada.post(SERIES, json=a_series(submit=False, title=str(n)))).json()["id"] for n in range(2)]
    answers = [await ada.post(f"{SERIES}/{name}/submit", json={}) for name in drafts]
    assert [answer.status_code for answer in answers] == [200, 409]
    assert answers[1].json()["type"].endswith("too-many")


async def test_new_texts_are_not_approved_while_the_post_is_being_deleted(api: Api, platform: PlazaPlatform) -> None:
    """Else the deletion would be forgotten, and the post be shown as seen for ever."""
    await ask(api, {})
    ada, bob = await a_person(api, "ada", "supervisor"), await a_person(api, "bob", "supervisor")
    post = (await ada.post(POSTS, json=a_post())).json()
    await decide(bob, post)
    await api.settle()
    url = f"{POSTS}/{post['id']}"
    new = (await ada.put(f"{url}/revision", json={"body": "better"})).json()["revision"]
    assert (await ada.delete(f"{url}/targets/{post['targets'][0]['id']}")).status_code == 202
    verdict = {"verdict": "approved", "content_hash": new["content_hash"]}
    assert (await bob.post(f"{url}/revision/decisions", json=verdict)).status_code == 409
    await api.settle()
    assert (await ada.get(url)).json()["state"] == "deleted"
    assert (await bob.post(f"{url}/revision/decisions", json=verdict)).status_code == 200
    await api.settle()
    assert (await ada.get(url)).json()["state"] == "deleted"


@pytest.mark.parametrize(
    ("workflow", "field"),
    [
        ({"steps": [{}, {"users": ["ada", "bob"], "at_least": 3}]}, "steps/1/at_least"),
        ({"steps": [{"users": ["ada", "ada"], "at_least": 2}]}, "steps/0/at_least"),
        ({"account_ids": ["account-wall", "nobodys"], "steps": [{}]}, "account_ids/1"),
    ],
)
async def test_workflows_that_nothing_can_pass_or_that_ask_nobody_are_refused(
    api: Api, workflow: dict[str, Any], field: str
) -> None:
    """A step that asks more people than it names, and an account that is not there: its posts would ask nobody."""
    refused = await api.agent().put(SETTINGS, json={"workflows": [{"name": "odd", **workflow}]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == f"/body/workflows/0/{field}"


async def test_what_became_of_posts_is_kept_for_a_time(api: Api, platform: PlazaPlatform) -> None:
    """From when they were out, and series from their end; drafts, plans and what goes on stay."""
    ada = await a_person(api, "ada", "supervisor")
    await ada.post(POSTS, json=a_post(body="old"))
    await ada.post(POSTS, json=a_post(body="draft", submit=False))
    await ada.post(POSTS, json=a_post(body="plan", publish_local="2027-11-24T09:00:00"))
    late = (await ada.post(POSTS, json=a_post(body="late", publish_local="2026-12-10T09:00:00"))).json()
    await ada.post(SERIES, json=a_series(rule="FREQ=DAILY;COUNT=1"))
    ends = (await ada.post(SERIES, json=a_series(starts="2027-11-24T09:00:00", title="ends"))).json()
    await ada.post(SERIES, json=a_series(starts="2027-11-24T09:00:00", title="goes on"))
    await each_hour(api, 24)
    api.clock.forward(days=25)
    await each_hour(api, 1)
    ada = again(api, "ada", "supervisor")
    assert (await ada.get(f"{POSTS}/{late['id']}")).json()["state"] == "published"
    await ada.post(f"{SERIES}/{ends['id']}/cancel", json={})
    api.clock.forward(days=10)
    await api.system.upkeep.due()
    posts: list[Publication] = await api.system.ledger.documents.find(Query(Publication, None))
    series: list[Series] = await api.system.ledger.documents.find(Query(Series, None))
    assert sorted(post.body for post in posts) == ["draft", "late", "plan"]
    assert sorted(one.title for one in series) == ["ends", "goes on"]
    api.clock.forward(days=30)
    await api.system.upkeep.due()
    series = await api.system.ledger.documents.find(Query(Series, None))
    assert [one.title for one in series] == ["goes on"]
