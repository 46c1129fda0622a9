"""What a connector can do is what it inherits, and nothing that it leaves undone."""

import inspect
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

import chorally_sdk as sdk
from chorally_sdk.testing.host import connect
from tests.sdk.parrot import Parrot

METHODS = {
    "Renews": {"renew": ["grant"]},
    "Authorizes": {
        "authorize": ["state", "challenge", "redirect_uri", "hint"],
        "exchange": ["callback"],
        "renew": ["grant"],
    },
    "Revokes": {"revoke": ["grant"]},
    "Discovers": {"accounts": []},
    "Pulls": {"streams": [], "pull": ["stream", "cursor", "since"]},
    "Receives": {"verify": ["hook", "keys"], "parse": ["hook"]},
    "Fetches": {"fetch": ["ping"]},
    "Subscribes": {"subscribe": ["callback", "secret", "current"], "unsubscribe": ["current"]},
    "Downloads": {"download": ["attachment"]},
    "Prepares": {"prepare": ["outgoing"]},
    "Replies": {"push": ["message"]},
    "Publishes": {"publish": ["publication"]},
    "Finds": {"find": ["outgoing"]},
    "Moderates": {"moderate": ["action"]},
    "OffersTemplates": {"templates": []},
    "Sandboxes": {"sandbox": []},
}
PLAIN = {"streams", "pull", "verify", "parse", "download", "sandbox"}


def test_every_ability_has_the_methods_of_the_contract() -> None:
    """With their arguments, none more, and none that may be left out."""
    assert tuple(METHODS) == tuple(ability.__name__ for ability in sdk.ABILITIES)
    for ability in sdk.ABILITIES:
        methods = {name: getattr(ability, name) for name in ability.__abstractmethods__}  # type: ignore[attr-defined]
        taken = {name: [*inspect.signature(method).parameters] for name, method in methods.items()}
        assert {name: [each for each in given if each != "self"] for name, given in taken.items()} == METHODS[
            ability.__name__
        ]
        assert all(inspect.getdoc(method) for method in methods.values())
        assert {name for name, method in methods.items() if not inspect.iscoroutinefunction(method)} <= PLAIN


@pytest.mark.parametrize("ability", sdk.ABILITIES, ids=METHODS)
def test_an_ability_that_is_not_implemented_is_told_of_at_once(ability: type) -> None:
    """The connector cannot be made, rather than fail when it is asked."""
    unable = type("Unable", (Parrot, ability), {})

    with pytest.raises(TypeError, match="abstract"):
        connect(unable)


def test_who_authorizes_renews() -> None:
    """A grant that was asked for can be issued anew."""

    class Asking(Parrot, sdk.Authorizes):
        pass

    assert sdk.abilities_of(Asking) == ("Renews", "Authorizes")


async def test_a_connector_reads_files_that_go_out_through_its_host() -> None:
    """It need not know where they are kept."""
    asked: list[str | None] = []

    async def media(attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        asked.append(attachment.name)
        yield b"a pho"
        yield b"to"

    parrot = Parrot(
        sdk.App(id="1"),
        sdk.Http(base_url="https://parrot.example", hosts=()),
        None,
        now=lambda: datetime.min,  # noqa: DTZ901  # never asked
        media=media,
    )
    photo = sdk.Attachment(kind="image", name="photo.jpg")

    assert b"".join([piece async for piece in parrot.media(photo)]) == b"a photo"
    assert asked == ["photo.jpg"]


def test_a_host_without_files_says_so() -> None:
    """And what to do instead."""
    with pytest.raises(LookupError, match="send the attachment's url"):
        connect(Parrot).media(sdk.Attachment(kind="image"))
