"""Spans of the calls to platforms. They learn nothing of the trace: it is none of their affair."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind

from chorally_core.telemetry.traces import traces


@contextmanager
def called(platform: str, method: str, url: str) -> Iterator[Callable[[int], None]]:
    """Make a span of one call within what it is made for; gives what is to be told the answer's status.

    The URL's path and query are not told, as some platforms take secrets there.
    """
    host = urlsplit(url).hostname or ""
    with traces.within(f"{method} {platform}", kind=SpanKind.CLIENT, method=method, host=host, platform=platform):
        yield _answered


def _answered(status: int) -> None:
    traces.note(status=status)
    if status >= 400:
        traces.note_error(str(status))
