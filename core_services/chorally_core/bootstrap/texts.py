"""What can go out on a channel, by what the installed connectors declare."""

import re

import chorally_sdk as sdk
from chorally_core.events import topics
from chorally_core.ports.going_out import No, Shown, Wanted
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.parts import pieces
from chorally_core.services.io.refusal import CANNOT, too_long, unfit, unoffered
from chorally_sdk.text import length

_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]]")


class Texts:
    """Knows the limits of all channels."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def judge(self, wanted: Wanted) -> No | None:
        """Say why something cannot go out on a channel; None where it can."""
        found = self._declared(wanted.channel)
        if found is None:
            return No("body", f"no installed connector has the channel {wanted.channel}; install it again")
        connector, channel = found
        limits = channel.actions.get(wanted.verb)
        if limits is None:
            return No("body", f"{wanted.channel} {CANNOT[wanted.verb]}")
        measure = self._directory.bare(connector.manifest.platform).measure
        if why := too_long(wanted.body, (), limits, measure, files=False):
            return No("body", why.replace("the platform", wanted.channel))
        if wanted.attachments and (why := too_long(wanted.body, wanted.attachments, limits, measure)):
            return No("files", why.replace("the platform", wanted.channel))
        if wanted.has_template and not issubclass(connector, sdk.OffersTemplates):
            return No("template", f"{wanted.channel} has no templates; write a text")
        if why := unoffered(wanted.options, limits):
            return No("options", why)
        return None

    def preview(self, wanted: Wanted) -> Shown:
        """Return how something would look on a channel, and everything that speaks against it."""
        links = tuple(dict.fromkeys(_LINK.findall(wanted.body)))
        found = self._declared(wanted.channel)
        limits = found[1].actions.get(wanted.verb) if found is not None else None
        if found is None or limits is None:
            no = self.judge(wanted)
            return Shown(
                len(wanted.body), "code_points", None, 1, 1, len(wanted.attachments), 0, links, (no,) if no else ()
            )
        connector, channel = found
        measure = self._directory.bare(connector.manifest.platform).measure
        problems = [
            No("body", why.replace("the platform", channel.name))
            for why in [too_long(wanted.body, (), limits, measure, files=False)]
            if why
        ]
        of_files = [why for attached in wanted.attachments if (why := unfit(attached, limits))]
        if not problems and wanted.attachments and (why := too_long(wanted.body, wanted.attachments, limits, measure)):
            of_files = list(dict.fromkeys([why, *of_files]))
        problems += [No("files", why.replace("the platform", channel.name)) for why in of_files]
        if why := unoffered(wanted.options, limits):
            problems.append(No("options", why))
        return Shown(
            length(wanted.body, limits.unit, measure), limits.unit, limits.max_text,
            len(pieces(wanted.body, wanted.attachments, limits, measure)), limits.parts,
            len(wanted.attachments), limits.max_media, links, tuple(problems),
        )  # fmt: skip

    def verbs_of(self, channel: str) -> tuple[str, ...]:
        """Return what can be done to messages of a channel besides answering."""
        found = self._declared(channel)
        return () if found is None else tuple(verb for verb in topics.MODERATIONS if verb in found[1].actions)

    def platform_of(self, channel: str) -> str | None:
        """Return the platform that a channel is of; None where no connector has it."""
        found = self._declared(channel)
        return None if found is None else found[0].manifest.platform

    def _declared(self, name: str) -> tuple[type[sdk.Connector], sdk.Channel] | None:
        for connector in self._directory.connectors.values():
            for channel in connector.manifest.channels:
                if channel.name == name:
                    return connector, channel
        return None
