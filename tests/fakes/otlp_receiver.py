"""An OpenTelemetry collector of our own: takes spans over OTLP/HTTP and keeps them.

What lives here: `receiving()`.
When to add here: another signal that the product sends.
What to keep out: laws.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    """What has come in.

    Args:
        address: for `OTEL_EXPORTER_OTLP_ENDPOINT`.
        bodies: as sent, one protobuf message each.
    """

    address: str
    bodies: list[bytes] = field(default_factory=list)

    def spans(self) -> list[dict[str, object]]:
        """All spans: name, ids as hex, attributes, whether they failed."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        found = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += [_span(span) for span in scope.spans]
        return found


def _span(span) -> dict[str, object]:
    return {
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        "failed": span.status.code == 2,
        "status": span.status.message,
        **{item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes},
    }


@contextmanager
def receiving() -> Iterator[Received]:
    """A collector on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Received(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
