"""Traces as a collector gets them, by OTLP over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from koci_proxy.telemetry import wanted

from .processes import Sandbox, proxy

ROUTES = "platforms: {openai: openai}\nmodels: {picture: {to: sandbox-openai/gpt-image-2}}\n"
TRACE, ABOVE = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(HTTPServer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list[tuple[str, Any]]:
        """Every span with the name of its service."""
        found = []
        for body in self.bodies:
            for of in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = next(one.value.string_value for one in of.resource.attributes if one.key == "service.name")
                found += [(service, span) for scope in of.scope_spans for span in scope.spans]
        return found


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/traces":
            self.server.bodies.append(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_request_and_its_call_stand_below_the_app_s_own_span(
    tmp_path: Path, vendor: Sandbox, collector: Collector
) -> None:
    body = {"model": "picture", "prompt": "a secret lighthouse", "size": "1024x1024"}
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    with proxy(tmp_path, vendor, ROUTES, env=env) as house:
        headers = {"authorization": f"Bearer {house.key}", "traceparent": f"00-{TRACE}-{ABOVE}-01"}
        answer = httpx.post(f"{house.url}/openai/v1/images/generations", json=body, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
    spans = {span.name: (service, span) for service, span in collector.spans()}
    service, request = spans["POST openai"]
    _, call = spans["call sandbox-openai"]
    assert service == "koci-proxy"
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, ABOVE)
    assert (call.trace_id.hex(), call.parent_span_id) == (TRACE, request.span_id)
    assert request.start_time_unix_nano <= call.start_time_unix_nano < call.end_time_unix_nano
    assert attributes(call) == {"koci.provider": "sandbox-openai", "koci.outcome": "ok"}
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "koci.request": answer.headers["x-request-id"],
        "koci.platform": "openai",
        "koci.app": "first",
        "koci.model": "picture",
        "koci.target": "sandbox-openai/gpt-image-2",
        "koci.outcome": "ok",
        "koci.pictures": 1,
    }
    said = b"".join(collector.bodies)
    for secret in (house.key, "a secret lighthouse", vendor.url.removeprefix("http://"), json.dumps(body)):
        assert secret.encode() not in said


@pytest.mark.parametrize(
    ("environ", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_made_where_the_environment_asks_for_them(environ: dict[str, str], on: bool) -> None:
    assert wanted(environ) is on
