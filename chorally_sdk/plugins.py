"""Finds the installed connectors and keeps a broken one from disturbing the others.

Names and contract ranges come from package metadata, without an import. Each connector is imported
alone, on first use, in its own ``try``: one that cannot be loaded is listed with its reason.
"""

import importlib.metadata as metadata
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pluggy
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from chorally_sdk import hookspecs
from chorally_sdk.connector.abilities import abilities_of
from chorally_sdk.connector.base import Connector
from chorally_sdk.connector.parity import mismatches
from chorally_sdk.model.manifest import Manifest
from chorally_sdk.rule_plugins import RuleActions, discover_rule_actions

SDK = "chorally-sdk"
RESERVED = frozenset(
    (
        *("io", "author", "message", "log", "identity", "rule", "rule-engine", "publishing", "outbound", "package"),
        *("provision", "metadata", "search", "media", "export", "chatbot"),
        *("healthz", "readyz", "metrics", "docs", "openapi", "asyncapi"),
    )
)
"""Names of services and routes that no connector may take."""

TOPICS = frozenset(
    (
        *("authors", "messages", "tickets", "logs", "rule-triggers", "queue-triggers", "publications", "domains"),
        "dead-letters",
    )
)
"""Names of the core's topics, which no channel may take."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Plugin:
    """One installed package that claims to be a connector."""

    name: str
    """The entry point's name, which must be its platform."""
    distribution: str
    version: str
    entry: metadata.EntryPoint
    requires: str
    """The package's requirement on the SDK, empty where it states none."""
    sdk_version: str
    _loaded: "type[Connector] | str | None" = field(default=None, repr=False)

    @property
    def incompatible(self) -> str:
        """Why the package cannot work with this SDK, empty where it can; known without an import."""
        if self.name in RESERVED:
            return f"the name {self.name!r} is reserved for a service; rename the entry point"
        if not self.requires:
            return f"the package does not require {SDK}; add it to its dependencies, with a range"
        if not Requirement(self.requires).specifier.contains(self.sdk_version, prereleases=True):
            return f"needs {self.requires}, but {SDK} {self.sdk_version} is installed; upgrade one of them"
        return ""

    @property
    def loaded(self) -> "type[Connector] | str":
        """The connector class, or the reason why there is none; imported when this is first asked for."""
        if self._loaded is None:
            self._loaded = self.incompatible or self._tried()
        return self._loaded

    def refuse(self, reason: str) -> None:
        """Let the connector be known as one that cannot be used."""
        self._loaded = reason

    def _tried(self) -> "type[Connector] | str":
        try:
            return self._load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever a plugin does at import must not disturb the others
            return f"{type(error).__name__}: {error}"

    def _load(self) -> type[Connector]:
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.register(self.entry.load(), name=self.name)
        connector = manager.hook.chorally_connector()
        if not (isinstance(connector, type) and issubclass(connector, Connector)):
            raise TypeError(f"the hook chorally_connector returned {connector!r}, not a Connector class")
        manifest = getattr(connector, "manifest", None)
        if not isinstance(manifest, Manifest):
            raise TypeError(f"{connector.__name__} has no manifest")
        if manifest.platform != self.name:
            raise ValueError(f"the manifest says {manifest.platform!r}, the entry point {self.name!r}; use one name")
        if taken := sorted({channel.name for channel in manifest.channels} & TOPICS):
            raise ValueError(f"its channel {taken[0]!r} has the name of a topic of the core; rename it")
        if missing := sorted(getattr(connector, "__abstractmethods__", ())):
            raise TypeError(f"{connector.__name__} does not implement {', '.join(missing)}")
        if wrong := mismatches(connector):
            raise ValueError(f"its manifest and its abilities differ: {'; '.join(wrong)}")
        return connector

    @property
    def abilities(self) -> tuple[str, ...]:
        """Names of what the connector can do; empty where it could not be loaded."""
        return () if isinstance(self.loaded, str) else abilities_of(self.loaded)


@dataclass
class Registry:
    """The installed connectors by platform."""

    plugins: dict[str, Plugin] = field(default_factory=dict)
    duplicates: list[Plugin] = field(default_factory=list)
    """Packages that claim a name already taken: ``chorally-NAME`` keeps it, or else the first by package name."""

    @cached_property
    def rule_actions(self) -> RuleActions:
        """The actions that installed packages add to those of rules; imported when they are first asked for."""
        return discover_rule_actions()

    def __iter__(self) -> Iterator[Plugin]:
        return iter(self.plugins.values())

    def connectors(self) -> dict[str, type[Connector]]:
        """Return every connector that loads, by platform.

        A channel claimed twice belongs to the platform it is named after, or else to the first by name; who
        claims another's channel is listed with that reason, and keeps none of its own.
        """
        found = {n: c for n in sorted(self.plugins) if not isinstance(c := self.plugins[n].loaded, str)}
        owners = _namesakes(found)
        for name, connector in list(found.items()):
            channels = [channel.name for channel in connector.manifest.channels]
            foreign = next((channel for channel in sorted(channels) if owners.get(channel, name) != name), None)
            if foreign is None:
                owners.update(dict.fromkeys(channels, name))
            else:
                self.plugins[name].refuse(f"its channel {foreign!r} belongs to another connector, {owners[foreign]!r}")
                del found[name]
        return found

    def get(self, platform: str) -> type[Connector]:
        """Return the connector of a platform, importing no other; whose its channels are is not asked.

        Raises:
            LookupError: None is installed, or it cannot be loaded; the message says why.
        """
        plugin = self.plugins.get(platform)
        if plugin is None:
            names = ", ".join(sorted(self.plugins)) or "none"
            raise LookupError(
                f"no connector {platform!r} is installed (installed: {names}); pip install chorally-{platform}"
            )
        if isinstance(plugin.loaded, str):
            raise LookupError(f"the connector {platform!r} cannot be used: {plugin.loaded}")
        return plugin.loaded


def discover(distributions: Iterable[metadata.Distribution] | None = None) -> Registry:
    """Return what is installed, without importing any of it.

    Args:
        distributions: Packages to look at, the first of a name counts; those of the running interpreter where None.
    """
    sdk_version = metadata.version(SDK)
    found: dict[str, list[Plugin]] = {}
    for dist in metadata.distributions() if distributions is None else distributions:
        if plugins := _plugins(dist, sdk_version):
            found.setdefault(canonicalize_name(plugins[0].distribution), plugins)
    registry = Registry()
    for plugin in sorted((each for plugins in found.values() for each in plugins), key=_precedence):
        if plugin.name in registry.plugins:
            registry.duplicates.append(plugin)
        else:
            registry.plugins[plugin.name] = plugin
    return registry


def _plugins(dist: metadata.Distribution, sdk_version: str) -> list[Plugin]:
    """The plugins of a package; metadata that cannot be read is told of, and is nobody else's trouble."""
    try:
        if hookspecs.ENTRY_POINTS not in (dist.read_text("entry_points.txt") or ""):
            return []
        about = dist.metadata
        name, version = (about[key] if key in about else "" for key in ("Name", "Version"))  # noqa: SIM401  # no get in 3.11
        needs = _requirement(dist)
        entries = [entry for entry in dist.entry_points if entry.group == hookspecs.ENTRY_POINTS]
        return [Plugin(entry.name, name, version, entry, needs, sdk_version) for entry in entries]
    except Exception as error:
        _log.warning("a package says that it has a connector, but its metadata cannot be read (%r)", error)
        return []


def _precedence(plugin: Plugin) -> tuple[str, bool, str]:
    package = canonicalize_name(plugin.distribution)
    return plugin.name, package != canonicalize_name(f"chorally-{plugin.name}"), package


def _namesakes(connectors: Mapping[str, type[Connector]]) -> dict[str, str]:
    """Platforms by channels that are named after them; the longer name wins."""
    return {
        channel.name: name
        for name in sorted(connectors)
        for channel in connectors[name].manifest.channels
        if channel.name == name or channel.name.startswith(f"{name}_")
    }


def _requirement(dist: metadata.Distribution) -> str:
    """What a package requires of the SDK here, whatever extras may be asked for."""
    wanted: list[SpecifierSet] = []
    for text in dist.requires or ():
        try:
            needs = Requirement(text)
        except InvalidRequirement:
            continue
        here = needs.marker is None or needs.marker.evaluate({"extra": ""})
        if canonicalize_name(needs.name) == SDK and here:
            wanted.append(needs.specifier)
    if not wanted:
        return ""
    together = wanted[0]
    for specifier in wanted[1:]:
        together &= specifier
    return f"{SDK}{together}"
