"""Every request of the connector, answer of the sandbox and transaction, judged by Matrix's own description."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from chorally_matrix import Matrix
from chorally_matrix.sandbox import Homeserver
from chorally_matrix.sandbox.world import US, user

import chorally_sdk as sdk
from chorally_sdk.testing import pulled
from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification import Described, read

ELSEWHERE = "!elsewhere:matrix.example"
NOT_DESCRIBED = {"GET /_matrix/client/v3/joined_rooms"}
"""Calls whose description is not among the files that are at hand (list_joined_rooms.yaml)."""


@pytest.fixture
def description(specs: Path) -> Described:
    """The client-server and the application service API."""
    return read(specs / "matrix/data/api")


async def _all_that_it_can(
    server: Homeserver, user_of: Callable[..., Matrix], an_answer: Callable[..., object]
) -> None:
    us, service = user_of(), user_of(is_application_service=True)
    grant = await user_of(for_app=True).renew(None)
    await user_of(for_app=True).renew(grant)
    await us.check()
    await service.check()
    server.page_size(2)
    first = await server.say("Open?")
    photo = await server.attach("Look", b"photo")
    server.world.create(ELSEWHERE, user("ada"))
    server.world.member(ELSEWHERE, US, "invite", by=user("ada"))
    for number in range(5):
        await server.say(f"note {number}")
    pages = await pulled(us.pull("sync", None, None))
    server.clock.pass_(minutes=1)
    await server.edit(first, "Open today?")
    await server.remove(await server.say("Oops"))
    await pulled(us.pull("sync", pages[-1].cursor, None))
    await pulled(service.pull("rooms", None, None))
    found = [e for page in pages for e in page.events if isinstance(e, sdk.Message) and e.external_id == photo]
    _ = [piece async for piece in us.download(found[0].attachments[0])]
    await us.fetch(sdk.Ping(stream="sync", external_id=first))
    file = sdk.Attachment(kind="image", media_type="image/png", name="lamp.png")
    outgoing = an_answer("The lamp", attachments=(file,), in_reply_to=first)
    assert isinstance(outgoing, sdk.OutboundMessage)
    outgoing = outgoing.model_copy(update={"prepared": dict((await us.prepare(outgoing)).state)})
    receipt = await us.push(outgoing)
    await us.find(outgoing)
    ours = str(receipt.external_id)
    for verb, target in (("like", first), ("read", first), ("edit", first), ("delete", ours)):
        given = {"verb": verb, "external_id": target, "channel": "matrix_message", "body": "x"}
        await us.moderate(sdk.Action.model_validate(given))


async def test_all_that_is_said_is_described(
    server: Homeserver,
    user: Callable[..., Matrix],
    an_answer: Callable[..., object],
    asked: list[Exchange],
    description: Described,
) -> None:
    """Paths, parameters, bodies and answers of twelve operations."""
    await _all_that_it_can(server, user, an_answer)

    operations = {str(found.name) for each in asked if (found := description.operation(each)) is not None}
    unknown = {f"{e.method} {httpx.URL(e.url).path}" for e in asked if description.operation(e) is None}
    mistakes = [
        mistake
        for each in asked
        for judge in (description.parameters, description.request, description.answer)
        for mistake in judge(_as_described(each))
    ]
    assert unknown == NOT_DESCRIBED
    assert mistakes == []
    assert len(operations) == 12, sorted(operations)


def _as_described(exchange: Exchange) -> Exchange:
    """A request without what the specification says in prose only.

    ``user_id`` ("Identity assertion"), and that the type of an upload is that of the file.
    """
    url = httpx.URL(exchange.url)
    changes: dict[str, object] = {"url": str(url.copy_remove_param("user_id"))}
    if url.path.endswith("/upload"):
        changes["headers"] = (("content-type", "application/octet-stream"),)
    return Exchange(**{**vars(exchange), **changes})


async def test_transactions_are_described(server: Homeserver, description: Described) -> None:
    """The body that the sandbox sends, and the answer that we give."""
    first = await server.say("Open?")
    await server.edit(first, "Open today?")
    await server.remove(first)
    (hook,) = server.hooks()
    path = hook.path.partition("/matrix/v1/webhook/token")[2]
    headers = (("content-type", "application/json"),)
    exchange = Exchange("PUT", f"https://chorally.example{path}", headers, hook.body, 200, headers, b"{}")

    assert description.operation(exchange) is not None
    judges = (description.parameters, description.request, description.answer)
    assert [mistake for judge in judges for mistake in judge(exchange)] == []
