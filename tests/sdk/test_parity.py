"""What a connector declares and what it can do are the same, or it is told what to do about it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

import chorally_sdk as sdk
from chorally_sdk.connector.parity import SERVES, mismatches
from tests.sdk.parrot import Parrot

HOOKS = sdk.Hooks(scope="app")
HOUR = timedelta(hours=1)
Actions = Mapping[sdk.Verb, sdk.Limits]
VERBS: tuple[sdk.Verb, ...] = ("reply", "send", "publish", "edit", "delete", "hide", "unhide", "like", "read")


def a_connector(*abilities: type, actions: Actions | None = None, **declared: Any) -> type[sdk.Connector]:
    """Return a connector class that inherits and declares what is given."""
    channels = (sdk.Channel(name="parrot_note", actions=actions or {}),)
    manifest = sdk.Manifest.model_validate({"platform": "parrot", "channels": channels, **declared})
    return type("Made", (Parrot, *abilities), {"manifest": manifest})


def test_a_connector_that_declares_what_it_can_do_is_right() -> None:
    """Also one that can do it all, and one that only asks who it is."""
    actions = {verb: sdk.Limits(dedupe="lookup", max_media=1, media={"image/*": 1}) for verb in VERBS}
    abilities = [ability for ability in sdk.ABILITIES if ability is not sdk.Renews]

    assert mismatches(a_connector(*abilities, actions=actions, hooks=HOOKS, hosts=("*", "a.example"))) == ()
    assert mismatches(Parrot) == ()


def test_every_verb_has_an_ability_that_serves_it() -> None:
    """None can be declared that nothing could do."""
    assert tuple(SERVES) == VERBS
    assert set(SERVES.values()) <= set(sdk.ABILITIES)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_without_its_ability_is_told_of(verb: sdk.Verb) -> None:
    """With the ability to inherit."""
    (told,) = mismatches(a_connector(actions={verb: sdk.Limits()}))

    assert told == f"parrot_note declares {verb!r}; inherit {SERVES[verb].__name__}, or leave the action out"


@pytest.mark.parametrize("ability", [sdk.Replies, sdk.Publishes, sdk.Moderates])
def test_an_ability_without_a_verb_is_told_of(ability: type) -> None:
    """Nobody would ever ask for it."""
    (told,) = mismatches(a_connector(ability))

    assert told.startswith(f"it inherits {ability.__name__}, but no channel declares")


def test_hooks_and_the_ability_to_take_them_go_together() -> None:
    """Neither is of use without the other."""
    assert mismatches(a_connector(hooks=HOOKS)) == ("the manifest declares hooks; inherit Receives, or leave them out",)
    assert mismatches(a_connector(sdk.Receives)) == ("it inherits Receives; declare hooks in the manifest",)


@pytest.mark.parametrize(
    ("ability", "needs"),
    [
        (sdk.Fetches, "Pulls or Receives"),
        (sdk.Subscribes, "Receives"),
        (sdk.Downloads, "Pulls or Receives"),
        (sdk.Prepares, "Replies or Publishes"),
        (sdk.Finds, "Replies or Publishes"),
        (sdk.OffersTemplates, "Replies"),
    ],
)
def test_an_ability_of_no_use_alone_is_told_of(ability: type, needs: str) -> None:
    """With those it goes with."""
    (told,) = mismatches(a_connector(ability))

    assert f"{ability.__name__}, which is of no use without {needs};" in told


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (sdk.Limits(dedupe="lookup"), "inherit Finds"),
        (sdk.Limits(unit="own"), "override measure"),
        (sdk.Limits(media={"image/png": 1}), "say how many"),
        (sdk.Limits(agent_window=HOUR), "declare the window too"),
    ],
)
def test_limits_that_the_connector_does_not_keep_are_told_of(limits: sdk.Limits, said: str) -> None:
    """They name the channel and the verb."""
    (told,) = mismatches(a_connector(sdk.Replies, actions={"reply": limits}))

    assert told.startswith("parrot_note, reply:")
    assert said in told


@pytest.mark.parametrize("of", ["cursor", "settings"])
def test_a_version_that_was_raised_needs_a_way_up(of: str) -> None:
    """Else what older connectors stored would be taken for today's."""
    raised: dict[str, Any] = {f"{of}_version": 2}
    (told,) = mismatches(a_connector(**raised))
    assert told.startswith(f"{of}_version is 2; override upgrade")


@pytest.mark.parametrize("method", ["upgrade_settings", "upgrade_app_settings"])
def test_one_way_up_for_settings_is_enough(method: str) -> None:
    """Only one of the two may have changed."""
    able = type("Able", (a_connector(settings_version=2),), {method: classmethod(lambda kind, stored, version: stored)})
    assert mismatches(able) == ()


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"channels": (sdk.Channel(name="note"), sdk.Channel(name="note"))}, "'note' is declared twice"),
        ({"hosts": ("https://a.example",)}, "no name of a host"),
        ({"hosts": ("a.example/path",)}, "no name of a host"),
        ({"hosts": ("a.example:443",)}, "no name of a host"),
        ({"budgets": (sdk.Budget(limit=1, per=HOUR, scope="endpoint"),)}, "say which in its match"),
        (
            {"budgets": (sdk.Budget(limit=1, per=HOUR, costs={"GET /a": 2}),)},
            "costs 2, more than its whole budget of 1",
        ),
    ],
)
def test_what_can_never_be_right_is_told_of(declared: dict[str, Any], said: str) -> None:
    """Before anything is called."""
    (told,) = mismatches(a_connector(**declared))
    assert said in told


def test_all_differences_are_told_of_at_once() -> None:
    """So that they are put right at once."""
    assert len(mismatches(a_connector(sdk.Publishes, actions={"reply": sdk.Limits(unit="own")}, hooks=HOOKS))) == 4
