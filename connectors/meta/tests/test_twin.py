"""The Graph API in memory, as far as all platforms share it, and what the library makes of it."""

import json
from typing import Any

import httpx
import pytest
from chorally_meta import hooks
from chorally_meta.listing import Reader
from chorally_meta.sandbox import GraphTwin, Told
from chorally_meta.shapes import Listing, Reference
from chorally_meta.subscribing import subscribe, unsubscribe

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook

PAGE = "100000000000001"


async def _listed(probe: Any, where: str = f"/{PAGE}/numbers") -> list[str]:
    return [each.id async for each in Reader(probe.http).all(Listing[Reference], where, {"limit": 2})]


async def test_a_listing_is_read_to_its_end(probe: Any) -> None:
    """By the links, with and without the version in the path."""
    assert await _listed(probe) == ["1", "2", "3", "4", "5"]


async def test_a_listing_that_goes_in_circles_is_malformed(twin: GraphTwin, probe: Any) -> None:
    """It would never end."""
    twin.inject("repeated_cursor", "read", times=9)
    with pytest.raises(sdk.Malformed, match="read before"):
        await _listed(probe)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("rate_limit", sdk.RateLimited), ("expired_token", sdk.Reauthorize), ("gone", sdk.Rejected)],
)
async def test_a_fault_is_told_in_metas_codes(
    twin: GraphTwin, probe: Any, kind: str, error: type[sdk.ConnectorError]
) -> None:
    """And a wait in minutes."""
    twin.inject(kind, "read", times=9, wait_s=120)
    with pytest.raises(error) as caught:
        await _listed(probe)
    assert getattr(caught.value, "wait", None) is None or caught.value.wait.total_seconds() == 120  # type: ignore[attr-defined]


async def test_a_token_or_a_proof_that_is_wrong_is_refused(twin: GraphTwin, probe_of: Any) -> None:
    """Each in its own way."""
    with pytest.raises(sdk.Reauthorize):
        await _listed(probe_of(twin, None))
    grant = twin.person()
    with pytest.raises(sdk.Rejected, match="appsecret_proof"):
        await _listed(probe_of(twin, grant, app_secret="wrong"))
    assert await _listed(probe_of(twin, grant))


async def test_what_is_not_known_is_an_error_of_the_graph(twin: GraphTwin, probe: Any) -> None:
    """Also a path that no route has, and a cursor of nobody's."""
    with pytest.raises(sdk.Rejected) as caught:
        await _listed(probe, "/nobody/numbers")
    assert caught.value.reason is sdk.Reason.GONE
    for url in ("/dances/with/wolves", f"/{PAGE}/numbers?after=zz"):
        with pytest.raises(sdk.Rejected, match="code 100"):
            await probe.http.get(url)


async def test_answers_tell_the_usage(probe: Any) -> None:
    """In both headers."""
    answer = await probe.http.get(f"/{PAGE}/numbers")
    assert json.loads(answer.headers["x-app-usage"])["call_count"] == 1
    assert PAGE in json.loads(answer.headers["x-business-use-case-usage"])


async def test_an_object_is_subscribed_once_and_ended_twice(twin: GraphTwin, probe: Any) -> None:
    """Meeting one that exists, or none, is success."""
    for _ in range(2):
        made = await subscribe(probe.http, PAGE, ("feed", "messages"))
    assert (made.external_id, twin.subscribed) == (PAGE, {PAGE: ("feed", "messages")})
    for _ in range(2):
        await unsubscribe(probe.http, PAGE)
    await unsubscribe(probe.http, "nobody")
    assert twin.subscriptions() == []


async def test_hooks_are_signed_and_batched(twin: GraphTwin) -> None:
    """Changes and events of conversations of one account and second share an entry; times differ in their unit."""
    twin.courier.callback_url, twin.courier.deliver = "https://chorally.example", "manual"
    for told in (Told(PAGE, {"item": 1}, "feed"), Told(PAGE, {"mid": "m"}), Told("2", {"item": 2}, "feed")):
        twin.courier.add(told)
    [hook] = twin.hooks()
    assert hooks.judge(hook, twin.keys()).kind == "accept"
    assert hooks.judge(hook, sdk.Keys()).kind == "reject"
    first, second, third = hooks.entries(hook, "page")
    assert (first.all_changes[0].value, second.messaging, third.id) == ({"item": 1}, [{"mid": "m"}], "2")
    assert first.time == second.time == twin.clock()
    assert hooks.entries(hook, "instagram") == ()


async def test_the_handshake_wants_our_token(twin: GraphTwin) -> None:
    """Answered by the bare challenge."""
    asked, challenge = twin.handshake()
    assert hooks.judge(asked, twin.keys()).body == challenge
    assert hooks.judge(twin.handshake(is_forged=True)[0], twin.keys()).status == 403


def test_a_change_may_stand_in_the_entry_itself() -> None:
    """As Instagram Login documents it; what nobody documents is kept beside."""
    entry = {"id": 17, "time": 1, "field": "comments", "value": {"id": "c"}, "weather": "fair"}
    [read] = hooks.entries(a_hook(json.dumps({"object": "instagram", "entry": [entry]})), "instagram")
    assert [(change.field, change.value) for change in read.all_changes] == [("comments", {"id": "c"})]
    assert (read.id, read.others) == ("17", {"weather": "fair"})


async def test_a_server_is_asked_as_curl_does(twin: GraphTwin) -> None:
    """The token in the query, in the body, or in the header."""
    client = httpx.AsyncClient(transport=twin.transport(), base_url="http://graph.example/v25.0")
    async with client:
        asked: dict[str, Any] = {"access_token": "sandbox-token", "subscribed_fields": "feed"}
        assert (await client.post(f"/{PAGE}/subscribed_apps", data=asked)).json() == {"success": True}
        shown = (await client.get(f"/{PAGE}/subscribed_apps?access_token=sandbox-token")).json()
        assert shown["data"][0]["subscribed_fields"] == ["feed"]
        assert (await client.get(f"/{PAGE}/subscribed_apps")).status_code == 401
