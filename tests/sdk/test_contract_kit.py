"""Every check that connectors inherit finds a connector that is wrong in that way, and lets a right one pass."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, Field, SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import ConnectorContract, contract
from tests.sdk.parrot import Parrot


class Good(Parrot, sdk.Pulls, sdk.Receives, sdk.Replies, sdk.Finds):
    """Does all that is checked as it should."""

    class Secrets(BaseModel):
        """Its app."""

        secret: SecretStr = Field(title="Secret", description="Signs webhooks.")

    manifest = Parrot.manifest.model_copy(
        update={
            "hooks": sdk.Hooks(scope="app"),
            "app_settings": Secrets,
            "channels": (sdk.Channel(name="parrot_note", actions={"reply": sdk.Limits(dedupe="lookup")}),),
        }
    )

    def streams(self) -> Sequence[sdk.Stream]:
        """One."""
        return [sdk.Stream(name="notes")]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Nothing."""
        yield sdk.Page(events=(), cursor={}, done=True)

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Look at the signature."""
        signature = hook.headers.get("x-signature", "")
        return sdk.accept() if sdk.signed(hook.body, signature, keys.secrets.get("secret", ())) else sdk.reject()

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Nothing."""
        return []

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Say it."""
        return sdk.Receipt(external_id="1")

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Nothing."""
        return None


def declared(base: type[sdk.Connector] = Good, **changes: Any) -> type[sdk.Connector]:
    """Return a connector with another manifest."""
    return type("Declared", (base,), {"manifest": base.manifest.model_copy(update=changes)})


def channels(name: str = "parrot_note", **actions: sdk.Limits) -> dict[str, Any]:
    """Return one channel."""
    return {"channels": (sdk.Channel.model_validate({"name": name, "actions": actions}),)}


def verifying(verify: Callable[[sdk.RawHook, sdk.Keys], sdk.Verdict]) -> type[sdk.Connector]:
    """Return a connector that judges hooks in another way."""
    return type("Verifying", (Good,), {"verify": lambda self, hook, keys: verify(hook, keys)})


class Untitled(BaseModel):
    """Settings without a title."""

    secret: str = Field(description="Signs.")


class Undescribed(BaseModel):
    """Settings without a description."""

    secret: str = Field(title="Secret")


class Shared(Good):
    """Keeps its account where all of its class see it."""

    kept: ClassVar[dict[str, sdk.Account]] = {}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.kept["account"] = args[2]

    @property
    def account(self) -> sdk.Account:
        """That of whoever came last."""
        return self.kept["account"]


class OnlyReplies(Parrot, sdk.Replies):
    """Can push and does not say so."""

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Say it."""
        return sdk.Receipt(external_id="1")


def streaming(*names: str) -> type[sdk.Connector]:
    """Return a connector with streams of these names."""
    return type("Streaming", (Good,), {"streams": lambda self: [sdk.Stream(name=name) for name in names]})


def unsigned_is_empty(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Accept a hook without a signature where no secret is set."""
    return sdk.reject() if keys.secrets.get("secret") else sdk.accept()


def empty_is_a_secret(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Compare what is missing with an empty secret."""
    same = any(hook.headers.get("x-secret", "") == s.get_secret_value() for s in keys.secrets.get("secret", ()))
    return sdk.accept() if same else sdk.reject()


def one_secret(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Fail where there are not as many secrets as were thought of."""
    (secret,) = keys.secrets["secret"]
    return sdk.accept() if sdk.signed(hook.body, hook.headers.get("x-signature", ""), (secret,)) else sdk.reject()


CHECKS: dict[str, list[type[sdk.Connector]]] = {
    "test_it_is_found_through_its_entry_point": [Good],
    "test_its_names_are_free": [
        declared(platform="search"),
        declared(**channels("logs", reply=sdk.Limits())),
        declared(**channels("media", reply=sdk.Limits())),
        declared(channels=Good.manifest.channels * 2),
    ],
    "test_what_it_declares_it_can_do": [
        declared(Parrot, **channels(reply=sdk.Limits())),
        declared(Parrot, **channels(send=sdk.Limits())),
        declared(OnlyReplies, **channels(like=sdk.Limits())),
        declared(OnlyReplies, **channels(reply=sdk.Limits(dedupe="lookup"))),
        declared(hooks=None),
        declared(Parrot, hooks=sdk.Hooks(scope="app")),
    ],
    "test_settings_are_described": [
        declared(app_settings=Untitled),
        declared(app_settings=Undescribed),
        declared(account_settings=Untitled),
        declared(account_settings=Undescribed),
    ],
    "test_an_unsigned_hook_is_rejected": [
        verifying(lambda hook, keys: sdk.accept()),
        verifying(lambda hook, keys: sdk.handshake(hook.body)),
        verifying(lambda hook, keys: sdk.reject(200)),
        verifying(unsigned_is_empty),
        verifying(empty_is_a_secret),
        verifying(one_secret),
    ],
    "test_it_needs_no_state_between_calls": [Shared],
    "test_streams_have_names_of_their_own": [streaming("notes", "notes"), streaming()],
}
FOUND_WRONG = [(name, bad) for name, connectors in CHECKS.items() for bad in connectors]
FOUND_THROUGH = "test_it_is_found_through_its_entry_point"


def check(name: str, connector: type[sdk.Connector]) -> None:
    """Make one check of a connector."""
    of = type("TestIt", (ConnectorContract,), {"connector": connector})
    getattr(of(), name)()


def test_every_check_has_a_connector_that_it_finds_wrong() -> None:
    """A check that is added without one is missed."""
    assert set(CHECKS) == {name for name in vars(ConnectorContract) if name.startswith("test_")}


@pytest.mark.parametrize(("name", "bad"), FOUND_WRONG, ids=[f"{n}-{i}" for i, (n, _) in enumerate(FOUND_WRONG)])
def test_a_wrong_connector_is_found(name: str, bad: type[sdk.Connector]) -> None:
    """By the check that is about it."""
    with pytest.raises((AssertionError, LookupError, ValueError, KeyError)):
        check(name, bad)


@pytest.mark.parametrize("name", sorted(set(CHECKS) - {FOUND_THROUGH}))
def test_a_right_connector_passes(name: str) -> None:
    """Also one that can do little, whose checks of what it cannot do are skipped."""
    check(name, Good)
    try:
        check(name, Parrot)
    except pytest.skip.Exception as skipped:
        assert "the connector" in str(skipped)  # noqa: PT017  # it says why


def test_an_installed_connector_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's own class, and no other of that name."""

    class Found:
        def get(self, platform: str) -> type[sdk.Connector]:
            assert platform == "parrot"
            return Good

    monkeypatch.setattr(contract, "discover", Found)
    check(FOUND_THROUGH, Good)
    with pytest.raises(AssertionError):
        check(FOUND_THROUGH, declared())
