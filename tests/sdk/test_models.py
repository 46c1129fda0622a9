"""The values of the contract: they do not change, take nothing unknown, and keep secrets to themselves."""

import inspect
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

import chorally_sdk as sdk

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NAIVE = datetime(2026, 11, 23, 9, 0)  # noqa: DTZ001  # that it is naive is the point
VALUES: list[sdk.Model] = [
    sdk.Manifest(platform="parrot", channels=(sdk.Channel(name="parrot_note", actions={"reply": sdk.Limits()}),)),
    sdk.Channel(name="parrot_note"),
    sdk.Limits(),
    sdk.Budget(limit=1, per=timedelta(hours=1)),
    sdk.Hooks(scope="app"),
    sdk.Stream(name="notes"),
    sdk.Account(id="1", tenant="acme"),
    sdk.AccountInfo(external_id="1", name="one"),
    sdk.App(id="1"),
    sdk.Grant(access=SecretStr("a")),
    sdk.Consent(url="https://parrot.example/consent"),
    sdk.Callback(params={"code": "c"}, verifier=SecretStr("v"), redirect_uri="https://ours.example/back"),
    sdk.Author(external_id="1"),
    sdk.Attachment(kind="image"),
    sdk.Message(external_id="1", channel="parrot_note", conversation_id="1", sent_at=NOW),
    sdk.Mark(state="read", at=NOW),
    sdk.Ping(stream="notes"),
    sdk.Notice(kind="revoked"),
    sdk.Page(events=(), cursor={}),
    sdk.RawHook(method="POST", received_at=NOW),
    sdk.Keys(),
    sdk.Verdict(kind="accept"),
    sdk.Outgoing(id="1", client_ref="0" * 32, channel="parrot_note"),
    sdk.OutboundMessage(id="1", client_ref="0" * 32, channel="parrot_note"),
    sdk.Publication(id="1", client_ref="0" * 32, channel="parrot_note"),
    sdk.Prepared(state={}),
    sdk.Receipt(external_id=None),
    sdk.Action(verb="hide", external_id="1", channel="parrot_note"),
    sdk.Template(name="welcome"),
    sdk.Subscription(external_id="1"),
    sdk.Usage(used=0.5),
]
NAMES = [type(value).__name__ for value in VALUES]


def test_every_value_is_looked_at_here() -> None:
    """One that is added is missed."""
    public = {name for name in sdk.__all__ if inspect.isclass(kind := getattr(sdk, name)) and _is_value(kind)}
    assert public == set(NAMES)


def _is_value(kind: type) -> bool:
    return issubclass(kind, sdk.Model) and kind is not sdk.Model


@pytest.mark.parametrize("value", VALUES, ids=NAMES)
def test_a_value_does_not_change(value: sdk.Model) -> None:
    """None of its fields can be set."""
    for name in type(value).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(value, name, getattr(value, name))


@pytest.mark.parametrize("value", VALUES, ids=NAMES)
def test_a_value_takes_no_unknown_field(value: sdk.Model) -> None:
    """A misspelled one is told of."""
    given = {name: getattr(value, name) for name in type(value).model_fields}
    assert type(value).model_validate(given) == value
    with pytest.raises(ValidationError, match="extra_forbidden"):
        type(value).model_validate({**given, "nonsense": 1})


@pytest.mark.parametrize("value", VALUES, ids=NAMES)
def test_a_value_can_be_copied_and_pickled(value: sdk.Model) -> None:
    """It may travel to another process."""
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  # our own
    assert value.model_copy(deep=True) == value


def test_a_grant_keeps_its_secrets_to_itself() -> None:
    """In whatever it is shown, also within another value."""
    hidden = ("access-me", "refresh-me", "proof-of-me")
    grant = sdk.Grant(
        access=SecretStr(hidden[0]), refresh=SecretStr(hidden[1]), keep={"key": SecretStr(hidden[2])}, expires_at=NOW
    )
    info = sdk.AccountInfo(external_id="1", name="one", grant=grant)
    keys = sdk.Keys(secrets={"secret": (SecretStr(hidden[0]), SecretStr(hidden[1]))})
    consent = sdk.Consent(url="https://parrot.example", keep={"key": SecretStr(hidden[2])})
    back = sdk.Callback(params={}, verifier=SecretStr(hidden[0]), redirect_uri="", keep={"key": SecretStr(hidden[2])})
    for value in (grant, info, keys, consent, back):
        shown = f"{value!r} {value} {value.model_dump_json()} {value.model_dump()} {list(value)} {vars(value)}"
        assert not [secret for secret in hidden if secret in shown]


def test_a_mistake_in_a_grant_does_not_show_its_secrets() -> None:
    """What is wrong with one field is told without the others."""
    wrong: list[tuple[type[sdk.Model], dict[str, Any]]] = [
        (sdk.Grant, {"refresh": "a-secret"}),
        (sdk.Grant, {"access": "a-secret", "expires_at": NAIVE}),
        (sdk.Grant, {"access": "other", "acess": "a-secret"}),
        (sdk.AccountInfo, {"external_id": "1", "name": "one", "grant": {"refresh": "a-secret"}}),
        (sdk.Keys, {"secrets": {"secret": "a-secret"}}),
        (sdk.Consent, {"keep": {"key": "a-secret"}}),
        (sdk.Callback, {"params": {"code": "a-secret"}, "verifier": "a-secret"}),
    ]
    for kind, fields in wrong:
        with pytest.raises(ValidationError) as told:
            kind.model_validate(fields)
        assert "a-secret" not in str(told.value)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (sdk.Message, "sent_at"),
        (sdk.Message, "edited_at"),
        (sdk.Mark, "at"),
        (sdk.RawHook, "received_at"),
        (sdk.Subscription, "expires_at"),
        (sdk.Publication, "publish_at"),
        (sdk.Publication, "tried_at"),
    ],
)
def test_every_instant_has_its_zone(kind: type[sdk.Model], field: str) -> None:
    """A naive one could be any hour."""
    (value,) = (each for each in VALUES if type(each) is kind)
    given: dict[str, Any] = {name: getattr(value, name) for name in kind.model_fields}
    with pytest.raises(ValidationError, match="timezone"):
        kind.model_validate({**given, field: NAIVE})


@pytest.mark.parametrize(
    "name", ["", "Parrot", "1parrot", "par-rot", "par.rot", "par rot", "pärrot", "p" * 65, "parrot\n"]
)
def test_names_of_platforms_and_channels_are_plain(name: str) -> None:
    """They are parts of URLs, and topics."""
    with pytest.raises(ValidationError):
        sdk.Channel(name=name)
    with pytest.raises(ValidationError):
        sdk.Manifest(platform=name, channels=())


def test_nobody_and_nothing_has_an_empty_id() -> None:
    """Two of them would be the same."""
    named: dict[type[sdk.Model], str] = {
        **dict.fromkeys((sdk.Message, sdk.Author, sdk.Action), "external_id"),
        sdk.Template: "name",
    }
    for kind, field in named.items():
        (value,) = (each for each in VALUES if type(each) is kind)
        given = {name: getattr(value, name) for name in kind.model_fields}
        with pytest.raises(ValidationError):
            kind.model_validate({**given, field: ""})


def test_the_accounts_of_an_app_are_a_live_view() -> None:
    """A connection that serves them all sees those that come and go."""
    connected = {"one"}
    app = sdk.App(id="1", accounts=connected)

    connected.add("two")

    assert app.accounts == {"one", "two"}


def test_what_stands_for_an_answer_keeps_what_was_prepared() -> None:
    """Messages and publications alike carry the state of the steps before, and nothing at first."""
    message = sdk.OutboundMessage(id="1", client_ref="0" * 32, channel="parrot_note")
    step = sdk.Prepared(state={"uploads": ["7"]}, ready=False)

    again = message.model_copy(update={"prepared": step.state})

    assert (message.prepared, again.prepared) == ({}, {"uploads": ["7"]})
    assert not step.wait
    assert sdk.Prepared(state={}).ready


def test_a_channel_is_found_by_its_name() -> None:
    """Or the error says which there are."""
    manifest = VALUES[0]
    assert isinstance(manifest, sdk.Manifest)
    assert manifest.channel("parrot_note") is manifest.channels[0]
    with pytest.raises(LookupError, match="no channel 'other'; it has parrot_note"):
        manifest.channel("other")


def test_defaults_are_not_shared() -> None:
    """What one connector puts into an empty mapping is in no other's."""
    first, second = (sdk.Account(id="1", tenant="acme") for _ in range(2))
    assert first.data is not second.data
