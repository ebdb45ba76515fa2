"""Traces, where the environment asks for them: a span for each request, and in it one for each call to a vendor.

They are set up by OpenTelemetry's own variables: `OTEL_EXPORTER_OTLP_ENDPOINT` turns them on, `OTEL_TRACES_SAMPLER`
says how many, `OTEL_SERVICE_NAME` what this process is called. A span holds names that the house knows and numbers,
never a URL, a prompt or a key.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NAME = "koci-proxy"


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment names somebody to send spans to, by OTLP over HTTP, and does not forbid it."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in ENDPOINTS)


class Traces:
    """The spans of one process; nothing at all where they are not wanted."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._tracer: Tracer | None = None
        if not wanted(environ):
            return
        # Imported here: they take a while, and most houses want none.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = {} if environ.get("OTEL_SERVICE_NAME") else {"service.name": NAME}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("koci_proxy")

    @property
    def wanted(self) -> bool:
        """Whether spans are sent to anybody."""
        return self._tracer is not None

    def request(self, headers: Mapping[str, str]) -> AbstractContextManager[Span]:
        """The span of a request, below the one that its `traceparent` names; calls made meanwhile belong to it."""
        assert self._tracer is not None, "nobody wants spans"
        return _request(self._tracer, headers)

    def call(self, provider: str, outcome: str, seconds: float) -> None:
        """A call to a vendor that ends now and took so long."""
        if self._tracer is None:
            return
        from opentelemetry.trace import SpanKind

        end = time.time_ns()
        span = self._tracer.start_span(
            f"call {provider}",
            kind=SpanKind.CLIENT,
            attributes={"koci.provider": provider, "koci.outcome": outcome},
            start_time=end - int(seconds * 1e9),
        )
        span.end(end)

    def close(self) -> None:
        """Send what has not been sent yet. Blocks."""
        if self._tracer is not None:
            self._provider.shutdown()


@contextmanager
def _request(tracer: Tracer, headers: Mapping[str, str]) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind, use_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    above = TraceContextTextMapPropagator().extract(headers)
    span = tracer.start_span("request", context=above, kind=SpanKind.SERVER)
    with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        yield span
