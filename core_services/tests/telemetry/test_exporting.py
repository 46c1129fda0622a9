"""What is traced reaches a collector; where nothing is asked for, nothing happens."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from gzip import decompress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import structlog
from chorally_core import logs
from chorally_core.telemetry import traces
from chorally_core.telemetry.exporting import NoExporter, exported
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@contextmanager
def a_collector() -> Iterator[tuple[str, list[tuple[str, ExportTraceServiceRequest]]]]:
    """A collector of its own: its base URL, and what it got at which path."""
    got: list[tuple[str, ExportTraceServiceRequest]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = decompress(body)
            got.append((self.path, ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(server.serve_forever, 0.05)
        try:
            yield f"http://127.0.0.1:{server.server_port}", got
        finally:
            server.shutdown()
            serving.result()


@pytest.mark.parametrize("tail", ["", "/", "/v1/traces"])
def test_what_was_traced_is_sent_before_the_process_ends(tail: str) -> None:
    """By OTLP over HTTP, under the process's own name, at the collector's path for traces."""
    with (
        a_collector() as (url, got),
        exported(url + tail, ratio=1.0, service="message", instance="pod-1"),
        traces.begin("webhook"),
    ):
        pass

    ((path, request),) = got
    (spans,) = request.resource_spans
    about = {attribute.key: attribute.value.string_value for attribute in spans.resource.attributes}
    assert path == "/v1/traces"
    assert (about["service.name"], about["service.instance.id"]) == ("message", "pod-1")
    assert [span.name for span in spans.scope_spans[0].spans] == ["webhook"]


def test_a_collector_that_is_away_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The work goes on, and ends, without it."""
    caplog.set_level(logging.CRITICAL)
    with exported("http://127.0.0.1:9", ratio=1.0, service="message"), traces.begin("webhook") as here:
        assert here

    assert not traces.on


def test_without_an_endpoint_nothing_is_traced() -> None:
    """The usual case."""
    with exported("", ratio=1.0, service="message"):
        assert not traces.on
        with traces.begin("webhook") as here:
            assert here == ""


def test_without_the_packages_it_is_said_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(NoExporter, match=r"chorally-core\[otel\]"), exported("http://x", ratio=1.0, service=""):
        pass


def test_a_log_line_names_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a trace by its id; in none, not at all."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure("info", "json")
    try:
        with a_collector() as (url, _), exported(url, ratio=1.0, service=""):
            with traces.begin("webhook") as here:
                structlog.get_logger("test").info("within")
            structlog.get_logger("test").info("without")
    finally:
        structlog.configure(**before)
        root.handlers[:], root.level = handlers, level

    within, without = (json.loads(line) for line in written.getvalue().splitlines())
    assert within["trace_id"] == here[3:35]
    assert "trace_id" not in without
