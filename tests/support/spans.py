"""Spans as a test sees them: by name, and who follows whom."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chorally_core.telemetry.exporting import tracing
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Spans:
    """What was traced so far."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[ReadableSpan]:
        """Return the spans that have ended, in the order in which they did."""
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        """Return the one span of that name."""
        (span,) = [span for span in self.all() if span.name == name]
        return span

    def way_to(self, span: ReadableSpan) -> list[str]:
        """Return the names on the way from where the trace begins to a span."""
        by_id = {_id(other.context): other for other in self.all()}
        names: list[str] = []
        here: ReadableSpan | None = span
        while here is not None:
            names.insert(0, here.name)
            here = by_id.get(_id(here.parent)) if here.parent else None
        return names

    def text(self) -> str:
        """Return everything that is told of anything."""
        return "\n".join(span.to_json() for span in self.all())


def _id(context: Any) -> int:
    return int(context.span_id)


@contextmanager
def spans(ratio: float = 1.0) -> Iterator[Spans]:
    """Trace for as long as the context lasts."""
    exporter = InMemorySpanExporter()
    with tracing(SimpleSpanProcessor(exporter), ratio=ratio, service="test"):
        yield Spans(exporter)
