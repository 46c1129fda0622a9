"""Logs: JSON lines, or text for people, with secrets taken out."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from chorally_core.telemetry import traces
from chorally_core.telemetry.redaction import redacted

__all__ = ["configure", "redacted", "traced"]


_QUIET_S = 10.0
_KNOWN = 1000


class Through(logging.Handler):
    """Sends what libraries log the same way, but what one says again and again only every ten seconds, and how often.

    A client of a server that is away says so hundreds of times a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record, or count it."""
        name = (record.name, str(record.msg))
        at, held_back = self._said.get(name, (float("-inf"), 0))
        if record.created - at < _QUIET_S:
            self._said[name] = (at, held_back + 1)
            return
        if len(self._said) >= _KNOWN:
            self._said.clear()
        self._said[name] = (record.created, 0)
        more = {"held_back": held_back} if held_back else {}
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info, **more)


def traced(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a log entry with the id of the trace that it belongs to, where it belongs to one."""
    if traces.on and not entry.get("trace_id") and (trace_id := traces.trace_id()):
        entry["trace_id"] = trace_id
    return entry


def configure(level: str, style: str) -> None:
    """Set up logging of this process, once."""
    renderer: Any = structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, traced, redacted, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [Through()]
    root.setLevel(logging.WARNING)
