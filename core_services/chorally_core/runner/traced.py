"""Traces of what runners and actions do: a span of each batch, one of each traced event in it, one of each request."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import msgspec
from opentelemetry.trace import Span

from chorally_core.events import Event
from chorally_core.ports.bus import Batch, Delivered
from chorally_core.ports.handlers import Change
from chorally_core.telemetry import traces
from chorally_core.telemetry.traces import close, is_traced, traceparent_of


def handled(group: str, batch: Batch) -> AbstractContextManager[Batch]:
    """Trace the handling of a batch; gives the batch to be handled, whose events carry the trace on.

    An event's span ends when what it changed is durable. Where none of the events is traced, nothing is.
    """
    if not traces.on:
        return nullcontext(batch)
    events = (delivered.event for delivered in batch.delivered)
    carried = [e.traceparent for e in events if isinstance(e, Event) and is_traced(e.traceparent)]
    return _handled(group, batch, carried) if carried else nullcontext(batch)


@contextmanager
def _handled(group: str, batch: Batch, carried: list[str]) -> Iterator[Batch]:
    spans: list[Span] = []
    size = len(batch.delivered)
    with traces.follow(carried[0], f"{group}: batch", links=carried[1:], group=group, size=size) as whole:
        delivered = [_opened(group, one, whole, spans) for one in batch.delivered]
        failure: BaseException | None = None
        try:
            yield batch._replace(delivered=delivered)
        except BaseException as error:
            failure = error
            raise
        finally:
            for span in spans:
                close(span, failure)


def _opened(group: str, one: Delivered, whole: str, spans: list[Span]) -> Delivered:
    event = one.event
    if not isinstance(event, Event) or not event.traceparent:
        return one
    span = traces.open(event.traceparent, _name(group, event), links=(whole,), **_about(group, event))
    if span is None:
        return one
    spans.append(span)
    return one._replace(event=_carrying(event, traceparent_of(span)))


@contextmanager
def taken_up(group: str, event: Event[Any]) -> Iterator[Event[Any]]:
    """Trace another try at an event that was parked; gives the event, which carries the trace on."""
    with traces.follow(event.traceparent, _name(group, event), **_about(group, event)) as here:
        yield _carrying(event, here) if here else event


def asked(change: Change) -> Change:
    """Return a change whose events carry on the trace of the request that asks for it.

    What continues an earlier trace, as an answer does that of what it answers, stays in that one; the two are linked.
    """
    here = traces.current()
    if not traces.on or not change.events:
        return change
    return msgspec.structs.replace(change, events=tuple(_asked(event, here) for event in change.events))


def _asked(event: Event[Any], here: str) -> Event[Any]:
    if not event.traceparent:
        return _carrying(event, here) if here else event
    traces.link([event.traceparent])
    name = f"asked: {event.topic} {event.name}"
    with traces.follow(event.traceparent, name, links=(here,), topic=event.topic, tenant=event.tenant) as traceparent:
        return _carrying(event, traceparent) if traceparent else event


def trace_of(event: Event[Any]) -> dict[str, str]:
    """Return what a log entry about an event says of its trace."""
    return {"trace_id": event.traceparent[3:35]} if is_traced(event.traceparent) else {}


def _name(group: str, event: Event[Any]) -> str:
    return f"{group}: {event.topic} {event.name}"


def _about(group: str, event: Event[Any]) -> dict[str, Any]:
    return {
        "group": group, "topic": event.topic, "operation": "process", "event": event.name, "event_id": event.id,
        "tenant": event.tenant,
    }  # fmt: skip


def _carrying(event: Event[Any], traceparent: str) -> Event[Any]:
    return msgspec.structs.replace(event, traceparent=traceparent)
