"""Logs: JSON lines, or text for people, with secrets taken out."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from chorally_core.telemetry import traces

HIDDEN = "[hidden]"
_SECRET_NAMES = re.compile(r"token|secret|password|authorization|credential|api_?key|cookie", re.IGNORECASE)
_SECRET_TEXTS = re.compile(
    r"(?i)\b(bearer|token|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
    r"|\b(access_token|refresh_token|client_secret|password|appsecret_proof)=[^&\s\"']+"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
)


def redacted(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a log entry without what names or looks like a secret."""
    return {key: _clean(key, value) for key, value in entry.items()}


def _clean(key: str, value: Any) -> Any:
    if key != "event" and _SECRET_NAMES.search(key) and not isinstance(value, int | float | None):
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_TEXTS.sub(HIDDEN, value)
    if isinstance(value, dict):
        return {name: _clean(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", inner) for inner in value]
    return value


class _Through(logging.Handler):
    """Sends what libraries log the same way."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


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
    root.handlers[:] = [_Through()]
    root.setLevel(logging.WARNING)
