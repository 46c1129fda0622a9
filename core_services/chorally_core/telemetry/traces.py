"""The spans of this process. Nothing secret enters them: no body, no query, no path of a platform, no error's text."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

Value = str | int | float | bool

_SAMPLED = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f][13579bdf](?:-.*)?")
_MOST_LINKS = 100
_NOTHING = nullcontext("")


class Traces:
    """Begins and continues traces, once it is given a tracer.

    Each context manager gives the ``traceparent`` that what it does shall carry on; empty where it is in no trace.
    """

    def __init__(self) -> None:
        self.on = False
        """Whether anything is traced; all that is looked at where nothing is."""
        self._tracer: trace.Tracer = trace.NoOpTracer()

    def start(self, tracer: trace.Tracer) -> None:
        """Trace from now on."""
        self._tracer = tracer
        self.on = True

    def stop(self) -> None:
        """Trace nothing any more."""
        self.on = False
        self._tracer = trace.NoOpTracer()

    def begin(
        self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, caller: str = "", **attributes: Value
    ) -> AbstractContextManager[str]:
        """Begin a trace with something that came from outside.

        Args:
            name: What is done.
            kind: Where the work comes from.
            caller: Trace of whoever asks; it is linked, for nobody outside decides what is traced here.
            attributes: What is told of it.
        """
        if not self.on:
            return _NOTHING
        return self._span(name, Context(), kind, (caller,), attributes)

    def follow(
        self,
        traceparent: str,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        links: Iterable[str] = (),
        **attributes: Value,
    ) -> AbstractContextManager[str]:
        """Continue the trace that something carries; nothing where it carries none."""
        if not self.on or not traceparent:
            return _NOTHING
        parent = _context_of(traceparent)
        if parent is None:
            return _NOTHING
        return self._span(name, trace.set_span_in_context(NonRecordingSpan(parent), Context()), kind, links, attributes)

    def within(
        self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: Value
    ) -> AbstractContextManager[str]:
        """Go on in the trace of what is being done; nothing where that is in none."""
        if not self.on or not trace.get_current_span().is_recording():
            return _NOTHING
        return self._span(name, None, kind, (), attributes)

    def along(self, traceparents: Iterable[str], name: str, **attributes: Value) -> AbstractContextManager[str]:
        """Go on in the trace of what is being done, else in that of the first that is traced; the others are linked."""
        traced = list(dict.fromkeys(filter(is_traced, traceparents))) if self.on else []
        if not traced:
            return _NOTHING
        if trace.get_current_span().is_recording():
            return self._span(name, None, SpanKind.PRODUCER, traced, attributes)
        return self.follow(traced[0], name, kind=SpanKind.PRODUCER, links=traced[1:], **attributes)

    def current(self) -> str:
        """Return the ``traceparent`` of what is being done; empty where it is in no trace."""
        return _traceparent(trace.get_current_span()) if self.on else ""

    def trace_id(self) -> str:
        """Return the id of the trace of what is being done, as it is searched for; empty where it is in none."""
        return self.current()[3:35]

    def note(self, *, name: str = "", **attributes: Value) -> None:
        """Tell more of what is being done, or name it anew."""
        if self.on:
            span = trace.get_current_span()
            span.set_attributes(_dotted(attributes))
            if name:
                span.update_name(name)

    def note_error(self, kind: str) -> None:
        """Say that what is being done goes wrong, and how, without an error's own words."""
        if self.on:
            _fail(trace.get_current_span(), kind)

    def link(self, traceparents: Iterable[str]) -> None:
        """Say which other traces what is being done belongs to."""
        if self.on:
            span = trace.get_current_span()
            for link in _links(traceparents):
                span.add_link(link.context)

    def open(self, traceparent: str, name: str, *, links: Iterable[str] = (), **attributes: Value) -> Span | None:
        """Continue a trace with something that is not the only thing being done; whoever opens it closes it."""
        parent = _context_of(traceparent)
        if parent is None:
            return None
        context = trace.set_span_in_context(NonRecordingSpan(parent), Context())
        return self._tracer.start_span(
            name, context, kind=SpanKind.CONSUMER, links=_links(links), attributes=_dotted(attributes)
        )

    @contextmanager
    def _span(
        self,
        name: str,
        context: Context | None,
        kind: SpanKind,
        links: Iterable[str],
        attributes: dict[str, Value],
    ) -> Iterator[str]:
        span = self._tracer.start_span(name, context, kind=kind, links=_links(links), attributes=_dotted(attributes))
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield _traceparent(span)
            except BaseException as error:
                _fail(span, type(error).__name__)
                raise


traces = Traces()
"""The traces of this process."""


def close(span: Span, error: BaseException | None = None) -> None:
    """End what was opened, badly where an error is given."""
    if error is not None:
        _fail(span, type(error).__name__)
    span.end()


def traceparent_of(span: Span) -> str:
    """Return what carries a span's trace on."""
    return _traceparent(span)


def is_traced(traceparent: str) -> bool:
    """Return whether this is the ``traceparent`` of something that is traced."""
    return bool(traceparent) and _SAMPLED.fullmatch(traceparent) is not None


def _fail(span: Span, kind: str) -> None:
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", kind)


def _traceparent(span: Span) -> str:
    context = span.get_span_context()
    if not context.trace_flags.sampled or not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def _context_of(traceparent: str) -> SpanContext | None:
    found = _SAMPLED.fullmatch(traceparent)
    if found is None:
        return None
    context = SpanContext(
        int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    return context if context.is_valid else None


def _links(traceparents: Iterable[str]) -> Sequence[Link]:
    found = []
    for traceparent in dict.fromkeys(traceparents):
        context = _context_of(traceparent)
        if context is not None:
            found.append(Link(context))
        if len(found) == _MOST_LINKS:
            break
    return found


def _dotted(attributes: dict[str, Value]) -> dict[str, Value]:
    """Attributes by the names that traces use: ``chorally.tenant``, and those that are standard as they are."""
    return {_STANDARD.get(name, f"chorally.{name}"): value for name, value in attributes.items() if value != ""}


_STANDARD = {
    "group": "messaging.consumer.group.name",
    "host": "server.address",
    "method": "http.request.method",
    "operation": "messaging.operation.type",
    "route": "http.route",
    "status": "http.response.status_code",
    "topic": "messaging.destination.name",
}
