"""The page of the topics and events, with who says and who reads them."""

from collections import defaultdict

from chorally_core.events import topics
from chorally_core.events.catalogue import CHANNEL, DECLARED, Declared
from chorally_core.events.event import Data
from chorally_core.events.records import Attached, Templated
from chorally_core.services.author import handlers as author
from chorally_core.services.io.handlers import GROUP as IO
from chorally_core.services.io.handlers import TakePublication, TakeReply
from chorally_core.services.log import handlers as log
from chorally_core.services.message import handlers as message
from chorally_core.services.publishing import handlers as publishing
from chorally_core.services.rule_engine import handlers as rule_engine
from chorally_core.services.search.indexer import GROUP as SEARCH

from tools.pages.reading import attributes, code, rest, summary, table

_ENVELOPE = """\
# Topics and events

Every event on every topic is exactly `{"issuer": …, "event": …, "data": {…}}`, UTF-8 JSON. Everything else travels in
headers: `id` (deterministic: the same cause gives the same id), `tenant`, `occurred_at`, `schema`, and where they say
something `caused_by`, `depth`, `traceparent`. Events of one key are handled in order; the key of what belongs to a
conversation is `tenant/author`, or `tenant/thread:…` where the platform does not tell the author.

Readers ignore unknown fields. An event name that is not known is counted and skipped; a known event that cannot be read
becomes a dead letter. The same as AsyncAPI 3.0: `GET /asyncapi.json`.
"""


def page() -> str:
    """Return the page."""
    readers = consumers()
    rows = [
        (
            code(declared.topic),
            f"[`{declared.name}`](#{anchor(declared)})",
            ", ".join(declared.issuers),
            ", ".join(readers[declared.topic, declared.name]) or "nobody yet",
            summary(declared.data),
        )
        for declared in DECLARED
    ]
    unused = sorted(set(topics.FIXED) - {declared.topic for declared in DECLARED})
    parts = [_ENVELOPE, table(("Topic", "Event", "Said by", "Read by", "Means"), rows) + "\n"]
    parts.append(f"`{CHANNEL}` stands for the topic of any channel, such as `facebook_comment`.")
    if unused:
        parts.append(f"Declared and without an event yet: {', '.join(map(code, unused))}.\n")
    for declared in DECLARED:
        about = f"{summary(declared.data)} {rest(declared.data)}".strip()
        parts.append(f"## {title(declared)}\n\n{about}\n\n{_fields(declared.data)}\n")
    parts += [f"## {of.__name__}\n\n{summary(of)}\n\n{_fields(of)}\n" for of in (Attached, Templated)]
    return "\n".join(parts)


def title(declared: Declared) -> str:
    """Return the heading of an event."""
    return f"{declared.topic.strip('<>')}: {declared.name}"


def anchor(declared: Declared) -> str:
    """Return the anchor of an event's heading."""
    return title(declared).replace(":", "").replace(" ", "-").lower()


def consumers() -> dict[tuple[str, str], list[str]]:
    """Return the groups that read each event, by topic and name."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for module in (author, message, log, publishing):
        for handler in module.HANDLERS:
            found[handler.topic, handler.event].append(module.GROUP)
    for evaluates in rule_engine.handlers():
        found[evaluates.topic, evaluates.event].append(rule_engine.GROUP)
    found[topics.LOGS, "add"].append(SEARCH)
    for name in (TakeReply.event, TakePublication.event, *topics.MODERATIONS):
        found[CHANNEL, name].append(IO)
    return found


def _fields(of: type[Data]) -> str:
    rows = []
    for attribute in attributes(of):
        default = "required" if attribute.default is None else code(attribute.default)
        rows.append((code(attribute.name), code(attribute.annotation), default, attribute.doc))
    return table(("Field", "Type", "Default", "Means"), rows)
