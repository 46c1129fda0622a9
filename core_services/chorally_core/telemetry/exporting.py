"""Sends the spans of this process to a collector, by OTLP over HTTP, for as long as the process lives."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chorally_core.telemetry.traces import traces

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor


_SEND_S = 3.0
"""Seconds that a collector may take; at its end a process waits for it once more."""


class NoExporter(Exception):
    """Traces are asked for, and what sends them is not installed or cannot be used so."""


@contextmanager
def exported(endpoint: str, *, ratio: float, service: str, instance: str = "") -> Iterator[None]:
    """Trace, and send what is traced, for as long as the context lasts; do nothing where there is no endpoint.

    Args:
        endpoint: The collector's base URL, such as ``http://collector:4318``, or the full URL of its traces.
        ratio: Share of what comes from outside that is traced, 0 to 1.
        service: Name of this process's services.
        instance: What tells this process apart from others of the same services.

    Raises:
        NoExporter: The packages are missing.
    """
    if not endpoint:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        detail = f"{error.name} is missing; pip install 'chorally-core[otel]' (CHORALLY_OTLP_ENDPOINT)"
        raise NoExporter(detail) from error
    processor = BatchSpanProcessor(OTLPSpanExporter(_traces_at(endpoint), timeout=_SEND_S))
    with tracing(processor, ratio=ratio, service=service, instance=instance):
        yield


@contextmanager
def tracing(processor: "SpanProcessor", *, ratio: float = 1.0, service: str = "", instance: str = "") -> Iterator[None]:
    """Trace into a processor for as long as the context lasts; what was traced is handed on at its end."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    about = {"service.namespace": "chorally", "service.name": service or "chorally"}
    if instance:
        about["service.instance.id"] = instance
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(ratio)), resource=Resource.create(about), shutdown_on_exit=False
    )
    provider.add_span_processor(processor)
    traces.start(provider.get_tracer("chorally"))
    try:
        yield
    finally:
        traces.stop()
        provider.shutdown()


def _traces_at(endpoint: str) -> str:
    """The URL of a collector's traces."""
    base = endpoint.rstrip("/")
    return base if base.endswith("/v1/traces") else f"{base}/v1/traces"
