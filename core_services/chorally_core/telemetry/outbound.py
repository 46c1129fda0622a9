"""Spans of the calls to platforms. They learn nothing of the trace: it is none of their affair."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
from opentelemetry.trace import SpanKind

from chorally_core.telemetry.traces import traces

Told = Callable[[httpx.Response], None]


def watching(platform: str) -> Callable[[str], AbstractContextManager[Told]]:
    """Return what makes a span of each call to a platform, within what the call is made for.

    Neither its path nor its query is told, as some platforms take secrets there.
    """

    @contextmanager
    def watch(method: str) -> Iterator[Told]:
        with traces.within(f"{method} {platform}", kind=SpanKind.CLIENT, method=method, platform=platform):
            yield _answered

    return watch


def _answered(answer: httpx.Response) -> None:
    if traces.on:
        traces.note(status=answer.status_code, host=answer.url.host)
        if answer.status_code >= 400:
            traces.note_error(str(answer.status_code))
