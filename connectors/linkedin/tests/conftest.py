"""What the tests share: a page in memory, a connector on it, and the samples of real payloads."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from chorally_linkedin import LinkedIn
from chorally_linkedin.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled

Connects = Callable[..., LinkedIn]
Pulls = Callable[..., Any]


@pytest.fixture
async def page() -> AsyncIterator[Sandbox]:
    """A page that has posted once."""
    async with Sandbox() as made:
        yield made


@pytest.fixture
def connects(page: Sandbox) -> Connects:
    """Connects the page; what is given takes the place of how it is connected."""
    known = page.connection()

    def build(**given: Any) -> LinkedIn:
        options: Mapping[str, Any] = {
            "settings": known.settings, "app_settings": known.app_settings, "external_id": known.external_id,
            "grant": known.grant, "now": page.clock,
        }  # fmt: skip
        platform = given.pop("platform", page.transport())
        return connect(LinkedIn, platform, **{**options, **given})

    return build


@pytest.fixture
def linkedin(connects: Connects) -> LinkedIn:
    """A connector for the page."""
    return connects()


@pytest.fixture
def comments(linkedin: LinkedIn) -> Pulls:
    """Pulls comments, from a cursor or from the beginning; returns messages and the last cursor."""

    async def pull(cursor: sdk.Cursor | None = None, **options: Any) -> tuple[list[Any], sdk.Cursor]:
        connector = options.pop("connector", linkedin)
        stream = options.pop("stream", "comments")
        pages = await pulled(connector.pull(stream, cursor, options.pop("since", None)), **options)
        return [event for each in pages for event in each.events], pages[-1].cursor

    return pull


@pytest.fixture
def an_answer() -> Callable[..., sdk.OutboundMessage]:
    """Builds answers to messages, with references of their own."""
    numbers = count(1)

    def build(body: str, to: sdk.Message | None = None, **fields: Any) -> sdk.OutboundMessage:
        given: dict[str, Any] = {"id": "1", "client_ref": f"{next(numbers):032x}", "channel": "linkedin_comment"}
        if to is not None:
            given |= {"channel": to.channel, "conversation_id": to.conversation_id, "in_reply_to": to.external_id}
            given |= {"route": dict(to.route)}
        return sdk.OutboundMessage.model_validate({**given, "body": body, **fields})

    return build


@pytest.fixture
def a_post() -> Callable[..., sdk.Publication]:
    """Builds posts of our own with references of their own."""
    numbers = count(1)

    def build(body: str, **fields: Any) -> sdk.Publication:
        given = {"id": "1", "client_ref": f"b{next(numbers):031x}", "channel": "linkedin_post", "body": body}
        return sdk.Publication.model_validate({**given, **fields})

    return build


@pytest.fixture
def prepared() -> Callable[..., Any]:
    """Takes the unseen steps of what goes out; returns it, and how long was waited in all."""

    async def prepare(connector: LinkedIn, outgoing: Any) -> Any:
        waited = timedelta(0)
        for _ in range(100):
            step = await connector.prepare(outgoing)
            outgoing, waited = outgoing.model_copy(update={"prepared": step.state}), waited + step.wait
            if step.ready:
                return outgoing, waited
        raise AssertionError("a hundred steps, and none is ready")

    return prepare
