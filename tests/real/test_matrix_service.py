"""The Matrix connector as an application service of a real Synapse, which tells it by transactions."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from chorally_matrix import Matrix

import chorally_sdk as sdk
from chorally_sdk.testing import pulled
from tests.real import matrix_server
from tests.real.matrix_receiver import Receiver, receiving
from tests.real.matrix_server import Person, Server, answer, messages_of, shared_room

pytestmark = pytest.mark.real


@pytest.fixture
def server() -> Server:
    """Synapse."""
    return matrix_server.server()


@pytest.fixture
async def receiver(server: Server) -> AsyncIterator[Receiver]:
    """Where transactions arrive."""
    async with receiving(server) as listening:
        yield listening


@pytest.fixture
async def customer(server: Server) -> AsyncIterator[Person]:
    """A customer."""
    async with matrix_server.person(server) as signed_in:
        yield signed_in


def is_said(room: str, event: str) -> Any:
    """Whether something is that message, or about it."""
    return lambda told: getattr(told, "external_id", None) == f"{room}/{event}"


async def _invited(service: Matrix, receiver: Receiver, customer: Person) -> str:
    room = await customer.room(receiver.server.as_id)
    ping = await receiver.until(lambda told: getattr(told, "external_id", None) == f"{room}/join")
    assert isinstance(ping, sdk.Ping)
    assert await service.fetch(ping) == []
    return room


async def test_a_transaction_tells_all_that_was_said(server: Server, receiver: Receiver, customer: Person) -> None:
    """Invited, we join; messages, edits and redactions come, and our answer comes back as ours."""
    service = server.service()
    assert (await service.check()).external_id == server.as_id
    room = await _invited(service, receiver, customer)
    assert await customer.member(room, server.as_id) == "join"

    first = await customer.say(room, "No. 17")
    message = await receiver.until(is_said(room, first))
    assert isinstance(message, sdk.Message)
    assert (message.body, message.ours, message.conversation_id) == ("No. 17", False, room)
    outgoing = answer(message, "Until six.")
    receipt = await service.push(outgoing)
    assert await service.push(outgoing) == receipt == await service.find(outgoing)
    echo = await receiver.until(lambda told: getattr(told, "external_id", None) == receipt.external_id)
    assert isinstance(echo, sdk.Message)
    assert (echo.ours, echo.client_ref) == (True, outgoing.client_ref)

    await customer.edit(room, first, "No. 18")
    ping = await receiver.until(lambda told: isinstance(told, sdk.Ping) and is_said(room, first)(told))
    assert isinstance(ping, sdk.Ping)
    (edited,) = await service.fetch(ping)
    assert isinstance(edited, sdk.Message)
    assert (edited.body, edited.sent_at, edited.external_id) == ("No. 18", message.sent_at, message.external_id)

    await customer.redact(room, first)
    mark = await receiver.until(lambda told: isinstance(told, sdk.Mark) and told.state == "deleted")
    assert isinstance(mark, sdk.Mark)
    assert mark.external_id == f"{room}/{first}"
    with pytest.raises(sdk.Rejected) as caught:
        await service.fetch(ping)
    assert caught.value.reason is sdk.Reason.GONE
    assert {verdict.kind for verdict in receiver.verdicts} == {"accept"}
    assert len({verdict.delivery_id for verdict in receiver.verdicts}) == len(receiver.verdicts)

    said = [m.external_id for m in messages_of(await pulled(service.pull("rooms", None, None)))]
    assert receipt.external_id in said


async def test_what_was_not_taken_is_told_again(server: Server, receiver: Receiver, customer: Person) -> None:
    """Under the same transaction id, after which nothing is missing."""
    service = server.service()
    room = await shared_room(service, customer)
    receiver.refuses = 1
    events = [await customer.say(room, f"note {number}") for number in range(3)]

    for event in events:
        await receiver.until(is_said(room, event))
    assert receiver.refuses == 0


async def test_a_stranger_is_not_believed(server: Server, receiver: Receiver, customer: Person) -> None:
    """Whoever does not know the token of the registration tells us nothing."""
    answered = await customer.http.put(
        f"{server.as_url}/_matrix/app/v1/transactions/1",
        json={"events": []},
        headers={"Authorization": "Bearer chorally-as-token"},
    )

    assert answered.status_code == 403
    assert receiver.events == []


async def test_history_is_read_room_by_room(server: Server, receiver: Receiver, customer: Person) -> None:
    """More than a page of it; then only what is new."""
    service = server.service()
    room = await shared_room(service, customer)
    said = {f"{room}/{await customer.say(room, f'note {number}')}" for number in range(120)}

    pages = await pulled(service.pull("rooms", None, None))
    assert said <= {message.external_id for message in messages_of(pages)}
    event = await customer.say(room, "one more")
    (new,) = messages_of(await pulled(service.pull("rooms", pages[-1].cursor, None)))
    assert new.external_id == f"{room}/{event}"
    for last in range(1, len(pages)):
        rest = await pulled(service.pull("rooms", pages[last - 1].cursor, None))
        came = {message.external_id for message in messages_of([*pages[:last], *rest])}
        assert said <= came
    await receiver.until(is_said(room, event))
