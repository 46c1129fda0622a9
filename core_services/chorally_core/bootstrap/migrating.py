"""Makes what several processes share ready for this release: documents and topics. Runs beside them, or before."""

from typing import NamedTuple

from chorally_core.bootstrap.back_ends import BackEnds
from chorally_core.bootstrap.kinds import kinds
from chorally_core.events import topics
from chorally_core.ports.bus import MakesTopics
from chorally_core.ports.schemas import Migrates
from chorally_core.settings import InvalidSettings, Settings
from chorally_sdk.plugins import discover


class Migrated(NamedTuple):
    """What became of it."""

    shared: bool
    """Whether the settings name anything that is shared; what lies in a folder is brought up to date at start."""
    told: list[str]
    """What was done, or what would be."""


async def migrate(settings: Settings, *, only_check: bool = False) -> Migrated:
    """Create what is missing on the back ends that the settings name, and rewrite what is stored as it was earlier.

    It may be run any number of times, also by several at once, and goes on where it was ended.

    Args:
        settings: Which back ends.
        only_check: Say what would be done, and change nothing.

    Raises:
        CannotMigrate: Something that is stored stands in the way.
        InvalidSettings: A back end cannot be used as it is named.
        TooNew: A later release has stored documents.
    """
    back_ends = BackEnds(settings)
    if back_ends.mistakes:
        raise InvalidSettings("\n".join(back_ends.mistakes))
    told: list[str] = []
    documents, bus = back_ends.documents, back_ends.bus
    try:
        if documents is not None and isinstance(documents, Migrates):
            told += await (documents.lacking(kinds()) if only_check else documents.migrate(kinds()))
        if bus is not None and isinstance(bus, MakesTopics):
            names = _topics()
            if only_check:
                told += [f"topic {name} is missing" for name in await bus.missing_topics(names)]
            else:
                told += [f"topic {name} made" for name in await bus.make_topics(names)]
    finally:
        await back_ends.aclose()
    return Migrated(documents is not None or bus is not None, told)


def _topics() -> list[str]:
    """Every topic of the installed services and connectors."""
    channels = [channel.name for made in discover().connectors().values() for channel in made.manifest.channels]
    return sorted({*topics.FIXED, *channels})
