"""Connectors are found by what their packages say of themselves, and a broken one disturbs no other."""

import logging
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from chorally_sdk import plugins
from chorally_sdk.plugins import discover
from tests.sdk.packages import Site, hooked, working

BROKEN = {
    "raises": ("raise RuntimeError('no such device')", "RuntimeError: no such device"),
    "misses": ("import a_library_that_is_not_here", "No module named 'a_library_that_is_not_here'"),
    "unparsable": ("def :", "SyntaxError"),
    "exits": ("import sys; sys.exit('bye')", "SystemExit: bye"),
    "gives_up": ("import asyncio; raise asyncio.CancelledError('over')", "CancelledError: over"),
    "other_base": ("class Odd(BaseException): pass\nraise Odd('odd')", "Odd: odd"),
    "closes": ("raise GeneratorExit('closed')", "GeneratorExit: closed"),
    "skips": ("import pytest; pytest.skip('not here', allow_module_level=True)", "Skipped: not here"),
    "hook_raises": (hooked("raise ValueError('not today')"), "ValueError: not today"),
    "hook_exits": (hooked("raise SystemExit(3)"), "SystemExit: 3"),
    "rubbish": (hooked("return 'rubbish'"), "returned 'rubbish', not a Connector class"),
    "instance": (hooked("return object()"), "not a Connector class"),
    "foreign_class": (hooked("return dict"), "returned <class 'dict'>, not a Connector class"),
    "nothing": (hooked("return None"), "returned None, not a Connector class"),
    "no_hook": ("", "returned None, not a Connector class"),
    "unmarked": ("def chorally_connector(): return 1", "returned None, not a Connector class"),
    "asks": ("import chorally_sdk as sdk\n@sdk.hookimpl\ndef chorally_connector(account): pass", "PluginValidation"),
    "bare": (hooked("return sdk.Connector"), "Connector has no manifest"),
    "undeclared": (hooked("return type('Mine', (sdk.Connector,), {'manifest': 'later'})"), "Mine has no manifest"),
    "called_otherwise": (
        working("other"),
        "the manifest says 'other', the entry point 'called_otherwise'; use one name",
    ),
    "no_check": (working("no_check").replace("check(", "look("), "Working does not implement check"),
    "no_pull": (working("no_pull").replace("(sdk.Connector)", "(sdk.Connector, sdk.Pulls)"), "implement pull, streams"),
    "takes_topic": (working("takes_topic", "takes_topic_note", "logs"), "its channel 'logs' has the name of a topic"),
}
NEEDED = {
    "chorally-sdk": True,
    "Chorally_SDK >=0.1": True,
    "chorally-sdk[dev]>=0.1": True,
    "chorally-sdk>=0.1.dev0,<2": True,
    "chorally-sdk>=0.2.0rc1": True,
    "chorally-sdk==0.2.0rc1": True,
    "chorally-sdk @ https://files.example/chorally_sdk.whl": True,
    "chorally-sdk>=0.1; python_version>='3'": True,
    "chorally-sdk>=0.2": False,
    "chorally-sdk<0.2": False,
    "chorally-sdk==0.1.*": False,
    "chorally-sdk>=99": False,
}
"""Whether the requirement is met by version 0.2.0rc1."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder from which modules can be imported, until the test ends."""
    monkeypatch.syspath_prepend(str(tmp_path))
    site = Site(tmp_path)
    yield site
    for name in site.modules:
        sys.modules.pop(name, None)


def test_a_foreign_connector_is_found(site: Site) -> None:
    """By its entry point alone, with what its package says."""
    site.install("their-guestbook", working("guestbook"))
    registry = site.discover()
    (plugin,) = registry
    assert (plugin.name, plugin.distribution, plugin.version) == ("guestbook", "their-guestbook", "1.0")
    assert plugin.requires == "chorally-sdk<1,>=0.1"
    assert list(registry.connectors()) == ["guestbook"]
    assert registry.get("guestbook") is registry.connectors()["guestbook"] is plugin.loaded
    assert (plugin.abilities, registry.duplicates) == ((), [])


def test_abilities_are_what_a_connector_inherits(site: Site) -> None:
    """In the order of the contract."""
    source = working("guestbook").replace("(sdk.Connector)", "(sdk.Connector, sdk.Finds, sdk.Replies)")
    more = "push = find = None\n\n            async def check"
    source = source.replace("'guestbook_note'", "'guestbook_note', actions={'reply': sdk.Limits()}")
    site.install("chorally-guestbook", source.replace("async def check", more))
    (plugin,) = site.discover()
    assert plugin.abilities == ("Replies", "Finds")


def test_who_declares_what_it_cannot_do_is_broken(site: Site) -> None:
    """The reason names every difference, and what to do about each."""
    declared = "'guestbook_note', actions={'reply': sdk.Limits(), 'publish': sdk.Limits()}"
    site.install("chorally-guestbook", working("guestbook").replace("'guestbook_note'", declared))

    reason = site.reason("guestbook")

    assert "guestbook_note declares 'reply'; inherit Replies, or leave the action out" in reason
    assert "inherit Publishes" in reason


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ("limit=1, per='PT1H', match='get /me'", "no pattern of calls; write \\* or METHOD /path"),
        ("limit=1, per='PT0S'", "greater than 0"),
        ("limit=1, per='P1D', resets='midnight'", "no clock time"),
    ],
)
def test_a_budget_that_means_nothing_breaks_its_plugin(site: Site, budget: str, said: str) -> None:
    """It is told of where the plugin is listed, not when the quota is used up."""
    source = working("guestbook").replace("channels=", f"budgets=(sdk.Budget({budget}),), channels=")
    site.install("chorally-guestbook", source)

    assert re.search(said, site.reason("guestbook"))


def test_discovery_imports_nothing(site: Site) -> None:
    """Neither good plugins, nor bad ones, nor those that cannot work; asked for one, it imports that."""
    site.install("chorally-good", working("good"))
    site.install("chorally-bad", "raise RuntimeError")
    site.install("chorally-new", working("new"), requires=["chorally-sdk>=99"])
    registry = site.discover()
    assert {plugin.name: bool(plugin.incompatible) for plugin in registry} == {"bad": False, "good": False, "new": True}
    assert not site.modules & set(sys.modules)
    assert registry.get("good")
    assert site.modules & set(sys.modules) == {"made_up_chorally_good"}
    registry.connectors()
    assert "made_up_chorally_new" not in sys.modules


def test_a_plugin_is_imported_once(site: Site) -> None:
    """Also one that fails."""
    site.install("chorally-bad", "import builtins; builtins.imported_here += 1; raise RuntimeError")
    vars(sys.modules["builtins"])["imported_here"] = 0
    registry = site.discover()
    for _ in range(3):
        assert registry.connectors() == {}
    assert vars(sys.modules["builtins"]).pop("imported_here") == 1


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_with_its_reason(name: str, site: Site) -> None:
    """And cannot be had."""
    source, reason = BROKEN[name]
    site.install(f"their-{name}", source, name)
    site.install("chorally-good", working("good"))
    registry = site.discover()
    plugin = registry.plugins[name]
    assert isinstance(plugin.loaded, str)
    assert reason in plugin.loaded
    assert (plugin.incompatible, plugin.abilities) == ("", ())
    with pytest.raises(LookupError, match="cannot be used"):
        registry.get(name)
    assert list(registry.connectors()) == ["good"]


def test_all_broken_plugins_at_once_disturb_no_other(site: Site) -> None:
    """What works, works."""
    for name, (source, _) in BROKEN.items():
        site.install(f"their-{name.replace('_', '-')}", source, name)
    site.install("chorally-good", working("good"))
    registry = site.discover()
    assert list(registry.connectors()) == ["good"]
    assert {plugin.name for plugin in registry} == {*BROKEN, "good"}


def test_a_person_can_interrupt_an_import(site: Site) -> None:
    """That is no fault of the plugin."""
    site.install("chorally-slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.discover().connectors()


@pytest.mark.parametrize("name", sorted(plugins.RESERVED))
def test_the_name_of_a_service_is_reserved(name: str, site: Site) -> None:
    """Such a plugin is not imported."""
    site.install("their-plugin", "raise RuntimeError('imported')", name)
    assert site.reason(name) == f"the name {name!r} is reserved for a service; rename the entry point"


@pytest.mark.parametrize("requires", NEEDED)
def test_a_plugin_says_which_sdk_it_works_with(requires: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A range in the metadata decides, before an import; a release before a release counts as one."""
    monkeypatch.setattr(metadata, "version", {"chorally-sdk": "0.2.0rc1"}.__getitem__)
    site.install("chorally-guestbook", working("guestbook"), requires=["other>=1", requires])
    (plugin,) = site.discover()
    assert (plugin.incompatible == "") == NEEDED[requires]
    if not NEEDED[requires]:
        assert plugin.incompatible.startswith(f"needs {requires}, but chorally-sdk 0.2.0rc1 is installed")
        assert plugin.loaded == plugin.incompatible


@pytest.mark.parametrize(
    "requires",
    [
        [],
        ["chorally-sdk-extras>=1"],
        ["chorally-sdk>=0.1; extra == 'dev'"],
        ["chorally-sdk>=0.1; python_version < '3'"],
        ["chorally-sdk>=nonsense"],
        ["!!!", ">=1"],
    ],
    ids=str,
)
def test_a_plugin_must_require_the_sdk(requires: list[str], site: Site) -> None:
    """Not only for an extra, nor for another Python, nor in words that nobody can read."""
    site.install("chorally-guestbook", working("guestbook"), requires=requires)
    assert "the package does not require chorally-sdk" in site.reason("guestbook")


def test_all_that_a_plugin_requires_of_the_sdk_counts(site: Site) -> None:
    """Over several lines, whatever comes first."""
    site.install("chorally-a", working("a"), requires=["chorally-sdk>=0.1", "chorally-sdk<0.1"])
    site.install("chorally-b", working("b"), requires=["chorally-sdk>=99; extra == 'x'", "chorally-sdk>=0.1"])
    registry = site.discover()
    assert registry.plugins["a"].requires == "chorally-sdk<0.1,>=0.1"
    assert registry.plugins["a"].incompatible
    assert list(registry.connectors()) == ["b"]


def test_a_name_belongs_to_the_package_called_after_it(site: Site) -> None:
    """Or else to the first by name; who comes too late is listed apart, and not imported."""
    site.install("aaa-guestbook", "raise RuntimeError", "guestbook", "wall")
    site.install("chorally.Guestbook", working("guestbook"), "guestbook")
    site.install("zzz-wall", "raise RuntimeError", "wall")
    registry = site.discover()
    assert {plugin.name: plugin.distribution for plugin in registry} == {
        "guestbook": "chorally.Guestbook",
        "wall": "aaa-guestbook",
    }
    assert [(plugin.name, plugin.distribution) for plugin in registry.duplicates] == [
        ("guestbook", "aaa-guestbook"),
        ("wall", "zzz-wall"),
    ]
    assert list(registry.connectors()) == ["guestbook"]
    assert "made_up_zzz_wall" not in sys.modules


def test_a_package_found_twice_is_there_once(site: Site, tmp_path: Path) -> None:
    """As where an older copy lies behind it on the path: the first counts."""
    site.install("chorally-guestbook", working("guestbook"))
    (tmp_path / "behind").mkdir()
    behind = Site(tmp_path / "behind")
    behind.install("Chorally_Guestbook", "raise RuntimeError", "guestbook")
    registry = discover(metadata.distributions(path=[str(site.folder), str(behind.folder)]))
    assert [plugin.distribution for plugin in registry] == ["chorally-guestbook"]
    assert registry.duplicates == []


def test_a_channel_belongs_to_the_platform_it_is_named_after(site: Site) -> None:
    """Whichever name comes first, and the longer name before the shorter."""
    site.install("chorally-aaa", working("aaa", "wall_note"))
    site.install("chorally-wall", working("wall", "wall_note", "wall"))
    site.install("chorally-wall_pro", working("wall_pro", "wall_pro_note"))
    site.install("chorally-walls", working("walls", "wall_pro_note"))
    site.install("chorally-zzz", working("zzz", "wall"))
    registry = site.discover()
    assert list(registry.connectors()) == ["wall", "wall_pro"]
    assert registry.plugins["aaa"].loaded == "its channel 'wall_note' belongs to another connector, 'wall'"
    assert registry.plugins["walls"].loaded == "its channel 'wall_pro_note' belongs to another connector, 'wall_pro'"
    assert registry.plugins["zzz"].loaded == "its channel 'wall' belongs to another connector, 'wall'"
    assert list(registry.connectors()) == ["wall", "wall_pro"]


def test_a_channel_is_named_after_the_longer_name(site: Site) -> None:
    """Of two platforms that it could be named after."""
    site.install("chorally-wall", working("wall", "wall_pro_note"))
    site.install("chorally-wall_pro", working("wall_pro", "wall_pro_note"))
    assert list(site.discover().connectors()) == ["wall_pro"]


def test_a_channel_named_after_nobody_belongs_to_the_first(site: Site) -> None:
    """And not to one that is refused itself."""
    site.install("chorally-aaa", working("aaa", "note", "wall_note"))
    site.install("chorally-bbb", working("bbb", "note"))
    site.install("chorally-ccc", working("ccc", "note"))
    site.install("chorally-wall", working("wall", "wall_note"))
    registry = site.discover()
    assert list(registry.connectors()) == ["bbb", "wall"]
    assert registry.plugins["ccc"].loaded == "its channel 'note' belongs to another connector, 'bbb'"


def test_a_list_of_entry_points_that_cannot_be_read_disturbs_no_other(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning names the package's fault; a package that has nothing to do with us is not even looked at."""
    site.install("their-broken", "", entries="[chorally.connectors]\nno equals sign\n")
    site.install("their-other", "", entries="[console_scripts]\nno equals sign\n")
    site.install("their-name", "", entries="chorally.connectors\n")
    site.install("chorally-good", working("good"))
    with caplog.at_level(logging.WARNING):
        assert list(site.discover().connectors()) == ["good"]
    assert len(caplog.messages) == 1


def test_metadata_that_is_no_text_disturbs_no_other(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A warning is all."""
    site.install("their-broken", "")
    site.install("chorally-good", working("good"))
    (site.folder / "their_broken-1.0.dist-info" / "entry_points.txt").write_bytes(b"[chorally.connectors]\n\xff = x\n")
    with caplog.at_level(logging.WARNING):
        assert list(site.discover().connectors()) == ["good"]
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("about", ["", "rubbish", "Metadata-Version: 2.1\n"])
def test_a_package_that_says_nothing_of_itself_is_listed(about: str, site: Site) -> None:
    """As what is left of a removal; it names no SDK."""
    site.install("their-broken", "", about=about)
    site.install("chorally-good", working("good"))
    assert list(site.discover().connectors()) == ["good"]
    assert "does not require chorally-sdk" in site.reason("broken")


@pytest.mark.parametrize("value", ["!!!", "", "a_module_that_is_not_here", "os:nothing", "os.path:"])
def test_an_entry_point_that_leads_nowhere_is_listed(value: str, site: Site) -> None:
    """With the reason."""
    site.install("their-lost", "", entries=f"[chorally.connectors]\nlost = {value}\n")
    site.install("chorally-good", working("good"))
    assert list(site.discover().connectors()) == ["good"]
    assert site.reason("lost")


def test_an_entry_point_may_name_an_object(site: Site) -> None:
    """Whatever holds the hook."""
    source = working("guestbook").replace(
        "@sdk.hookimpl", "class Hooks:\n          @staticmethod\n          @sdk.hookimpl"
    )
    site.install(
        "chorally-guestbook",
        source.replace("def chorally_connector", "  def chorally_connector").replace(
            "return Working", "  return Working"
        ),
        entries="[chorally.connectors]\nguestbook = made_up_chorally_guestbook:Hooks\n",
    )
    assert list(site.discover().connectors()) == ["guestbook"]


def test_a_connector_that_is_not_there_is_missed_with_advice() -> None:
    """What is installed, and how to install it."""
    with pytest.raises(LookupError, match=r"\(installed: none\); pip install chorally-parrot"):
        discover([]).get("parrot")


def test_a_refused_plugin_stays_refused(site: Site) -> None:
    """Whoever refuses it says why."""
    site.install("chorally-guestbook", working("guestbook"))
    registry = site.discover()
    assert registry.get("guestbook")
    registry.plugins["guestbook"].refuse("it is not wanted here")
    with pytest.raises(LookupError, match="cannot be used: it is not wanted here"):
        registry.get("guestbook")
    assert registry.connectors() == {}
