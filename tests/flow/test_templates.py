"""Approved texts are listed with their age, and go out in place of a text, also after the reply window."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.services.io.templates import Offered, TemplateList

from tests.support.api import Api, a_note, an_api
from tests.support.plaza import Plaza, PlazaPlatform
from tests.support.world import START

HELLO = {"name": "hello", "language": "it", "text": "Ciao {1}, ordine {2}", "values": ["name", "order"]}
URL = "/io/v1/accounts/account-wall/templates"


@pytest.fixture
def platform() -> PlazaPlatform:
    """A plaza with one approved text."""
    platform = PlazaPlatform()
    platform.templates = [HELLO]
    return platform


@pytest.fixture
async def api(tmp_path: Path, platform: PlazaPlatform) -> AsyncIterator[Api]:
    """A system with a plaza, on which Ada has written."""
    async with an_api(tmp_path, platform=platform, connector=Plaza) as api:
        await api.hook(a_note("n1"))
        yield api


async def _answer(api: Api, **body: Any) -> httpx.Response:
    http = api.agent()
    ticket = (await http.get("/message/v1/tickets")).json()["items"][0]["id"]
    answer = await http.post(f"/message/v1/tickets/{ticket}/messages", json=body)
    await api.settle()
    return answer


async def test_templates_are_listed_and_remembered_for_a_while(api: Api, platform: PlazaPlatform) -> None:
    """The platform is asked once; the answer says how old the list is; whoever needs it asks anew."""
    http = api.agent("agent")
    first = await http.get(URL)
    assert first.json()["items"] == [HELLO]
    assert first.headers["age"] == "0"
    platform.templates = []
    api.clock.forward(seconds=100)
    again = await http.get(URL)
    assert (again.json()["items"], again.headers["age"]) == ([HELLO], "100")
    assert platform.calls.count("GET /templates") == 1
    assert (await http.get(URL, params={"max_age_s": 0})).json()["items"] == []


async def test_an_older_list_is_better_than_none(api: Api, platform: PlazaPlatform) -> None:
    """While the platform is away what it said last is given, with its age; before that there is nothing to give."""
    http = api.agent()
    platform.listing = 503
    assert (await http.get(URL)).status_code == 503
    platform.listing = 200
    await http.get(URL)
    platform.listing = 503
    api.clock.forward(hours=2)
    again = await api.agent().get(URL)
    assert (again.status_code, again.headers["age"]) == (200, "7200")


async def test_templates_are_their_tenants(api: Api) -> None:
    """Another tenant's account is not there (G7)."""
    real = await api.agent("admin", "other").get(URL)
    none = await api.agent("admin", "other").get("/io/v1/accounts/nobodys/templates")
    assert (real.status_code, real.text) == (404, none.text)


async def test_a_platform_without_templates_says_so(tmp_path: Path) -> None:
    """It has none to list, and takes none."""
    async with an_api(tmp_path) as api:
        await api.hook(a_note("n1"))
        assert (await api.agent().get(URL)).json()["type"].endswith("unsupported")
        refused = await _answer(api, template={"name": "hello"})
        assert refused.json()["errors"][0]["field"] == "/body/template"


async def test_a_template_goes_out_in_place_of_a_text(api: Api, platform: PlazaPlatform) -> None:
    """After the reply window too, when a text is refused; the message says which it was."""
    api.clock.forward(days=3)
    text = await _answer(api, body="late")
    assert (await api.agent().get(f"/message/v1/messages/{text.json()['id']}")).json()["status"] == "failed"

    wanted = {"name": "hello", "language": "it", "values": ["Ada", "42"]}
    sent = await _answer(api, template=wanted)
    assert sent.status_code == 201
    assert platform.answers[0]["template"] == ["hello", "it", "Ada", "42"]
    message = (await api.agent().get(f"/message/v1/messages/{sent.json()['id']}")).json()
    assert (message["status"], message["template"], message["body"]) == ("sent", wanted, "")


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ({"name": "bye"}, "there is no template 'bye'"),
        ({"name": "hello", "language": "de", "values": ["a", "b"]}, "is there in it"),
        ({"name": "hello", "values": ["Ada"]}, "takes 2 values (name, order), there are 1"),
    ],
)
async def test_a_template_that_cannot_be_is_refused_by_the_list_that_is_known(
    api: Api, platform: PlazaPlatform, template: dict[str, Any], why: str
) -> None:
    """Before anything is stored."""
    await api.agent().get(URL)
    refused = await _answer(api, template=template)
    assert refused.status_code == 422
    assert why in refused.json()["detail"]
    assert platform.answers == []


async def test_a_template_and_a_text_exclude_each_other(api: Api) -> None:
    """One takes the place of the other."""
    refused = await _answer(api, body="hi", template={"name": "hello", "values": ["a", "b"]})
    assert refused.json()["errors"][0]["field"] == "/body/body"


async def test_options_that_a_channel_declares_reach_its_connector(api: Api, platform: PlazaPlatform) -> None:
    """Others are refused with those there are."""
    assert (await _answer(api, body="hi", options={"colour": "red"})).status_code == 201
    assert platform.answers[0]["options"] == {"colour": "red"}
    refused = await _answer(api, body="hi", options={"size": 3})
    assert refused.json()["errors"][0] == {
        "field": "/body/options", "message": "the channel has no option 'size'; it takes colour",
    }  # fmt: skip


async def test_options_that_cannot_be_stored_are_refused(api: Api) -> None:
    """Such as a number that no store takes."""
    assert (await _answer(api, body="hi", options={"colour": 2**70})).status_code == 422


def test_a_language_need_not_be_named_where_there_is_but_one() -> None:
    """With several it must."""
    from chorally_core.events import Templated

    one = Offered(name="hello", language="it")
    two = Offered(name="hello", language="en")
    listed = TemplateList(id="a", tenant="acme", fetched_at=START, templates=(one,))
    assert listed.mistake_in(Templated(name="hello")) == ""
    listed = TemplateList(id="a", tenant="acme", fetched_at=START, templates=(one, two))
    assert listed.mistake_in(Templated(name="hello")) == "the template 'hello' is there in it, en; name one of them"
