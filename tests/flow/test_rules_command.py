"""``chorally rules`` at a running system: files are compared, brought in, written out, and rules explain themselves."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from chorally_core.commands.rules_files.explaining import explain
from chorally_core.commands.rules_files.exporting import export
from chorally_core.commands.rules_files.files import load
from chorally_core.commands.rules_files.importing import Plan, Refused, carry_out, planned, show, stored

from tests.architecture.checkout import ROOT
from tests.support.api import Api, a_note, an_api

EXAMPLE = ROOT / "docs/examples/drools/support.yaml"
RULE = """\
rules:
  # the first of all
  - name: Greeting # says hello
    conditions: {field: message.text, op: words, value: [hello]}
    actions: [{type: add_tags, tags: [greeted]}]
  - name: Large
    enabled: false
    conditions: {field: author.followers, op: gt, value: 5}
    actions: [{type: set_priority, priority: high}]
tests:
  - name: a greeting
    given: {message: {text: hello}}
    expected: {fires: [Greeting]}
"""


class Bridge(httpx.BaseTransport):
    """Lets a command, which waits in a thread of its own, speak to the system in the loop."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Have it answered."""
        body = request.read()
        own = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        asked = self._client.request(request.method, str(request.url), content=body, headers=own)
        answer = asyncio.run_coroutine_threadsafe(asked, self._loop).result(30)
        return httpx.Response(answer.status_code, headers={"content-type": answer.headers.get("content-type", "")},
                              content=answer.content)  # fmt: skip


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system that listens."""
    async with an_api(tmp_path / "data") as api:
        yield api


@pytest.fixture
async def http(api: Api) -> httpx.Client:
    """What the command speaks through."""
    return httpx.Client(transport=Bridge(api.agent()), base_url="http://chorally.test")


async def brought_in(http: httpx.Client, path: Path, *, prune: bool = False) -> tuple[Plan, list[str]]:
    """Import a file, and return what was planned and told."""

    def work() -> tuple[Plan, list[str]]:
        told: list[str] = []
        plan = planned(load([path]).rules, stored(http), prune=prune)
        show(plan, told.append)
        carry_out(http, plan, told.append)
        return plan, told

    return await asyncio.to_thread(work)


async def names(http: httpx.Client) -> list[str]:
    """Return the rules of the system, in their order."""
    return [rule["name"] for rule in await asyncio.to_thread(stored, http)]


def changed(path: Path, *replacements: tuple[str, str]) -> None:
    """Change a file."""
    text = path.read_text("utf-8")
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


async def test_a_file_is_brought_in_once_and_in_its_order(http: httpx.Client) -> None:
    """The same file again changes nothing."""
    plan, told = await brought_in(http, EXAMPLE)
    assert [step.what for step in plan.steps] == ["create"] * 8
    assert told[8] == "8 create, 0 change, 0 unchanged, 0 remove, 0 not in the files"
    assert await names(http) == [rule.name for rule in load([EXAMPLE]).rules]
    again, told = await brought_in(http, EXAMPLE)
    assert (again.changes, told) == (False, ["0 create, 0 change, 8 unchanged, 0 remove, 0 not in the files"])


async def test_only_what_differs_is_changed(http: httpx.Client, tmp_path: Path) -> None:
    """With the lines that do; rules that no file names stay behind the others, or go with ``prune``."""
    path, other = tmp_path / "rules.yaml", tmp_path / "other.yaml"
    path.write_text(RULE)
    other.write_text(RULE.replace("Greeting", "Farewell").replace("name: Large", "name: Small"))
    await brought_in(http, other)
    await brought_in(http, path)
    assert await names(http) == ["Greeting", "Large", "Farewell", "Small"]
    changed(path, ("value: [hello]}", "value: [hello, ciao]}"), ("enabled: false", "enabled: true"))
    plan, told = await brought_in(http, path)
    assert [(step.what, step.fields) for step in plan.steps] == [("change", ["conditions"]), ("change", ["enabled"])]
    assert "    +  - ciao" in told
    assert "changed 'Large'" in told
    plan, _ = await brought_in(http, path, prune=True)
    assert [step.what for step in plan.steps] == ["unchanged", "unchanged", "remove", "remove"]
    assert await names(http) == ["Greeting", "Large"]


async def test_the_order_of_the_file_is_the_order_of_the_system(http: httpx.Client, tmp_path: Path) -> None:
    """Also where nothing else differs."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULE)
    await brought_in(http, path)
    text = RULE.split("  - name: Large")
    last = "  - name: Large" + text[1].split("tests:")[0]
    path.write_text("rules:\n" + last + text[0].removeprefix("rules:\n"))
    plan, told = await brought_in(http, path)
    assert (plan.reorders, told[-1]) == (True, "ordered")
    assert await names(http) == ["Large", "Greeting"]


async def test_what_others_change_meanwhile_is_not_overwritten(http: httpx.Client, tmp_path: Path, api: Api) -> None:
    """It is told, and the next import sees it."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULE)
    await brought_in(http, path)
    changed(path, ("enabled: false", "enabled: true"))
    plan = await asyncio.to_thread(lambda: planned(load([path]).rules, stored(http), prune=False))
    place = f"/rule-engine/v1/rules/{(await asyncio.to_thread(stored, http))[1]['id']}"
    assert (await api.agent().patch(place, json={"description": "mine"})).status_code == 200
    with pytest.raises(Refused, match=r"change 'Large': .*changed since"):
        await asyncio.to_thread(carry_out, http, plan, len)


async def test_an_export_keeps_comments_and_tests(http: httpx.Client, tmp_path: Path, api: Api) -> None:
    """What is the same stays as it stands; what comes out is what went in."""
    path, fresh = tmp_path / "rules.yaml", tmp_path / "fresh.yaml"
    path.write_text(RULE)
    await brought_in(http, path)
    large = (await asyncio.to_thread(stored, http))[1]
    await api.agent().patch(f"/rule-engine/v1/rules/{large['id']}", json={"enabled": True})
    rules = await asyncio.to_thread(stored, http)
    export(path, rules)
    text = path.read_text()
    for kept in ("# the first of all", "# says hello", "- name: a greeting", "enabled: true"):
        assert kept in text
    export(fresh, rules)
    for each in (path, fresh):
        plan, _ = await brought_in(http, each, prune=True)
        assert not plan.changes


async def test_rules_of_one_name_are_told_apart_by_their_ids(http: httpx.Client, tmp_path: Path, api: Api) -> None:
    """An export writes them; an import without asks for them."""
    path, fresh = tmp_path / "rules.yaml", tmp_path / "fresh.yaml"
    path.write_text(RULE)
    await brought_in(http, path)
    large = (await asyncio.to_thread(stored, http))[1]
    await api.agent().patch(f"/rule-engine/v1/rules/{large['id']}", json={"name": "Greeting"})
    with pytest.raises(Refused, match="2 rules of this name"):
        await brought_in(http, path)
    export(fresh, await asyncio.to_thread(stored, http))
    assert large["id"] in fresh.read_text()
    plan, _ = await brought_in(http, fresh)
    assert not plan.changes


async def test_it_is_explained_why_a_rule_fired_or_not(http: httpx.Client, tmp_path: Path, api: Api) -> None:
    """What it met then, and what it would meet now."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULE)
    await brought_in(http, path)
    await api.hook(a_note("n1", text="hello you"))
    (ticket,) = (await api.agent().get("/message/v1/tickets")).json()["items"]

    def told(rule: str = "") -> list[str]:
        lines: list[str] = []
        explain(http, ticket["id"], "", rule, lines.append)
        return lines

    lines = await asyncio.to_thread(told)
    assert "'hello you'" in lines[0]
    assert "'Greeting' (version 1) fired" in lines
    assert "    + message.text words ['hello']   (it is 'hello you')" in lines
    assert any("add_tags asked" in line for line in lines)
    assert "'Large' (version 1) did not fire: it is disabled" in lines
    assert "    - author.followers gt 5   (it is unknown)" in lines
    with pytest.raises(Refused, match="there is no rule 'Nothing'"):
        await asyncio.to_thread(told, "Nothing")


async def test_an_import_waits_when_there_were_too_many_requests(http: httpx.Client, tmp_path: Path) -> None:
    """As long as the system says, however often; nothing is made twice."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULE, "utf-8")
    answers, slept = iter([7, 61, None, None, None, 3, None]), list[float]()

    class Busy(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            """Have it answered, unless there were too many."""
            wait = next(answers)
            if wait is not None:
                return httpx.Response(429, headers={"retry-after": str(wait)})
            path = request.url.raw_path.decode()
            answer = http.request(request.method, path, content=request.read(), headers=request.headers)
            return httpx.Response(
                answer.status_code, headers={"content-type": "application/json"}, content=answer.content
            )

    def work() -> None:
        plan = planned(load([path]).rules, stored(http), prune=False)
        busy = httpx.Client(transport=Busy(), base_url="http://chorally.test")
        carry_out(busy, plan, lambda line: None, sleep=slept.append)
        again = planned(load([path]).rules[::-1], stored(http), prune=False)
        carry_out(busy, again, lambda line: None, sleep=slept.append)

    await asyncio.to_thread(work)
    assert await names(http) == ["Large", "Greeting"]
    assert slept == [7, 60, 3]


async def test_two_imports_at_once_are_told(http: httpx.Client, tmp_path: Path) -> None:
    """Each has made the rule that both planned to make; the one that ends last says which."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULE, "utf-8")

    def work() -> None:
        first, second = (planned(load([path]).rules, stored(http), prune=False) for _ in "12")
        carry_out(http, first, lambda line: None)
        with pytest.raises(Refused, match="of these names meanwhile: 'Greeting', 'Large'; remove one of each"):
            carry_out(http, second, lambda line: None)

    await asyncio.to_thread(work)
