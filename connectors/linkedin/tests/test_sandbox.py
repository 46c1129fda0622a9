"""The sandbox: it refuses what LinkedIn refuses, tests a URL before it uses it, and can be served years later."""

import hmac
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from chorally_linkedin import LinkedIn
from chorally_linkedin.sandbox import Sandbox
from chorally_linkedin.sandbox.world import OURS
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

BASE = "https://api.linkedin.com"
GOOD = {"LinkedIn-Version": "202608", "X-Restli-Protocol-Version": "2.0.0"}


async def asked(page: Sandbox, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
    """What the sandbox answers."""
    async with httpx.AsyncClient(transport=page.transport(), base_url=BASE) as http:
        token = {"Authorization": f"Bearer {page.grant.access.get_secret_value()}"}
        return await http.request(method, path, headers={**token, **headers}, **more)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, "VERSION_MISSING"),
        ({**GOOD, "LinkedIn-Version": "202401"}, 426, "NONEXISTENT_VERSION"),
        ({"LinkedIn-Version": "202608"}, 400, "INVALID_PARAMETER"),
        ({**GOOD, "Authorization": ""}, 401, "EMPTY_ACCESS_TOKEN"),
        ({**GOOD, "Authorization": "Bearer nobody"}, 401, "INVALID_ACCESS_TOKEN"),
        (GOOD, 400, "INVALID_PARAMETER"),  # the finder is not named
    ],
)
async def test_a_call_without_what_linkedin_wants_is_refused(
    page: Sandbox, headers: dict[str, str], status: int, code: str
) -> None:
    """Each by its code."""
    answer = await asked(page, "GET", "/rest/posts?q=author&author=urn", headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    "body",
    [
        {"actor": OURS, "object": "", "message": {"text": "x"}, "content": []},
        {"actor": OURS, "object": "", "message": {"text": "x" * 1251}},
        {"actor": OURS, "object": "", "message": {"text": ""}},
        {"actor": "urn:li:organization:5", "object": "", "message": {"text": "x"}},
        {"actor": OURS, "object": "urn:li:share:5", "message": {"text": "x"}},
    ],
)
async def test_a_comment_that_linkedin_does_not_take_is_refused(page: Sandbox, body: dict[str, Any]) -> None:
    """Pictures, too much, nothing, another page's, under nothing."""
    sent = {**body, "object": body["object"] or page.news.urn}
    answer = await asked(page, "POST", f"/rest/socialActions/{page.news.urn}/comments", GOOD, json=sent)

    assert answer.status_code in (400, 403, 404)
    assert page.made() == []


async def test_a_url_is_tested_and_then_called(page: Sandbox) -> None:
    """Where the sandbox is served: by the connector's own answers, and with a signature that it accepts."""
    page.clock.run()
    known = page.connection()
    connector = connect(LinkedIn, for_app=True, app_settings=known.app_settings)
    accepted: list[bytes] = []

    def host(request: httpx.Request) -> httpx.Response:
        hook = a_hook(
            request.content, method=request.method, headers=dict(request.headers), query=dict(request.url.params)
        )
        verdict = connector.verify(hook, page.keys())
        if verdict.kind == "accept":
            accepted.append(hook.body)
        return httpx.Response(verdict.status, content=verdict.body, headers={"content-type": verdict.media_type})

    page.courier.transport = httpx.MockTransport(host)
    linkedin = connect(
        LinkedIn, page.transport(), external_id=OURS, grant=known.grant, app_settings=known.app_settings, now=page.clock
    )
    await linkedin.subscribe("https://chorally.test/hooks", SecretStr("unused"), None)
    await page.say("Open?")
    await page.courier.settled()
    await page.courier.aclose()

    assert len(accepted) == 1
    page.courier.transport = httpx.MockTransport(lambda _: httpx.Response(200, text="hello"))
    with pytest.raises(sdk.Rejected):
        await linkedin.subscribe("https://chorally.test/elsewhere", SecretStr("unused"), None)
    await page.courier.aclose()


def test_a_forged_hook_is_signed_by_nobody(page: Sandbox) -> None:
    """So that a host can be seen to refuse it."""
    true, forged = (page.courier.headers(b"{}", is_forged=each)["X-LI-Signature"] for each in (False, True))

    assert true == hmac.digest(page.courier.secret.encode(), b"hmacsha256={}", "sha256").hex() != forged


async def test_a_sandbox_that_is_served_later_is_connected_and_fresh(page: Sandbox) -> None:
    """Its grant has begun then, and its post is recent."""
    page.clock.at = datetime(2031, 5, 1, tzinfo=UTC)
    page.clock.run()
    page.clock.at = datetime(2031, 5, 1, tzinfo=UTC)
    grant = page.connection().grant

    assert grant is not None
    assert page.oauth.live(grant.access.get_secret_value()) is not None
    assert page.news.changed_at.year == 2031
