"""Whether a text can be an answer on a channel, by what the installed connectors declare."""

from chorally_core.events import topics
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.refusal import too_long


class Texts:
    """Knows the limits of all channels."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def limit_of(self, channel: str, body: str) -> str | None:
        """Say why a text cannot be an answer on a channel; None where it can."""
        for connector in self._directory.connectors.values():
            for declared in connector.manifest.channels:
                if declared.name != channel:
                    continue
                limits = declared.actions.get("reply")
                if limits is None:
                    return f"{channel} cannot be answered"
                measure = self._directory.bare(connector.manifest.platform).measure
                return too_long(body, (), limits, measure, files=False).replace("the platform", channel) or None
        return f"no installed connector has the channel {channel}; install it again to answer"

    def verbs_of(self, channel: str) -> tuple[str, ...]:
        """Return what can be done to messages of a channel besides answering."""
        for connector in self._directory.connectors.values():
            for declared in connector.manifest.channels:
                if declared.name == channel:
                    return tuple(verb for verb in topics.MODERATIONS if verb in declared.actions)
        return ()
