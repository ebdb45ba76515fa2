"""What operators see of a running house: numbers for Prometheus, traces, and log lines with every secret taken out."""

from __future__ import annotations

import json as json_
import logging
import os
import re
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from .tracing import Traces

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, Observation

# Seconds: a picture takes from one to hundreds.
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0)


class Telemetry:
    """The counts of one process. Each instance counts for itself; nothing is global.

    Label values must come from a bounded set: give a model the house knows, not what an app typed.
    """

    def __init__(self) -> None:
        # Imported here: most commands count nothing, and it takes a tenth of a second.
        from opentelemetry.exporter.prometheus import PrometheusMetricReader
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.resources import Resource
        from prometheus_client import CollectorRegistry

        self.traces = Traces(os.environ)
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=self._registry)
        provider = MeterProvider([reader], Resource.get_empty(), shutdown_on_exit=False)
        meter = provider.get_meter("koci_proxy")
        self._requests = Count(meter, "koci_requests", "Requests of apps, by HTTP status.")
        self._request_seconds = meter.create_histogram(
            "koci_request_seconds",
            description="Seconds from a request's first byte to the last of its answer.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._pictures = Count(meter, "koci_pictures", "Pictures and films delivered.")
        self._calls = Count(meter, "koci_vendor_calls", "Calls to vendors; the outcome is ok or a kind of fault.")
        self._call_seconds = meter.create_histogram(
            "koci_vendor_seconds",
            description="Seconds a vendor took to answer.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._reloads = Count(meter, "koci_reloads", "Loads of the configuration, ok or bad.")
        self._good = meter.create_gauge("koci_config_good", description="1 while the configuration on file is in use.")

    def request(self, platform: str, model: str, status: int, seconds: float, pictures: int = 0) -> None:
        """One request of an app has been answered."""
        self._requests.add(1, platform=platform, model=model, status=str(status))
        self._request_seconds.record(seconds, {"platform": platform, "model": model})
        if pictures:
            self._pictures.add(pictures, model=model)

    def vendor_call(self, provider: str, outcome: str, seconds: float) -> None:
        """One call to a vendor has ended: `ok`, or the kind of its fault."""
        self.traces.call(provider, outcome, seconds)
        self._calls.add(1, provider=provider, outcome=outcome)
        self._call_seconds.record(seconds, {"provider": provider})

    def reload(self, ok: bool) -> None:
        """The configuration has been read, and taken up or not."""
        self._reloads.add(1, outcome="ok" if ok else "bad")
        self._good.set(int(ok))

    def render(self) -> tuple[bytes, str]:
        """All counts as Prometheus reads them, and their content type."""
        from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4


class Count:
    """A counter that is asked for its value when somebody looks: to count costs a tenth of a measurement."""

    def __init__(self, meter: Meter, name: str, description: str) -> None:
        self._values: dict[tuple[tuple[str, str], ...], int] = {}
        meter.create_observable_counter(name, [self._observed], description=description)

    def add(self, amount: int, **labels: str) -> None:
        """Labels are given in the same order each time."""
        key = tuple(labels.items())
        self._values[key] = self._values.get(key, 0) + amount

    def _observed(self, options: object) -> Iterable[Observation]:
        from opentelemetry.metrics import Observation

        return [Observation(value, dict(labels)) for labels, value in list(self._values.items())]


_PATTERNS = (
    (re.compile(r"\b(sk-)[A-Za-z0-9_-]{8,}"), r"\1***"),
    (re.compile(r"\b(AIza)[A-Za-z0-9_-]{16,}"), r"\1***"),
    (re.compile(r"(?i)(\b(?:bearer|basic)\s+)[^\s\"',;]{6,}"), r"\1***"),
    (re.compile(r"(?i)([?&](?:[a-z_-]*key|signature|(?:access_)?token)=)[^&\s\"']+"), r"\1***"),
)
# Base64 as long as this is a picture or a key, and no word.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{100,}={0,2}")
# A shorter secret would black out half of every line.
_SHORTEST = 4


class Redaction(logging.Filter):
    """The last net: takes secrets and pictures out of a record, whatever part of it they stand in."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self.update(secrets)

    def update(self, secrets: Iterable[str]) -> None:
        """These are the secrets from now on."""
        spellings = {form for secret in secrets if len(secret) >= _SHORTEST for form in _spellings(secret)}
        longest_first = sorted(spellings, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def clean(self, text: str) -> str:
        """The text without secrets, and with a long run of base64 told by its length."""
        if self._known is not None:
            text = self._known.sub("***", text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return _BASE64.sub(lambda found: f"<{len(found[0])} characters>", text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean a record in place, so that every handler after this one gets it clean. Nothing is ever held back."""
        record.msg, record.args = self.clean(_message(record)), ()
        if record.exc_info:
            record.exc_text = self.clean(logging.Formatter().formatException(record.exc_info))
        if record.stack_info:
            record.stack_info = self.clean(record.stack_info)
        return True


def _message(record: logging.LogRecord) -> str:
    """A record's message; one whose arguments do not fit it is still worth reading."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"


def _spellings(secret: str) -> set[str]:
    """A secret as it may stand in a log: plain, in a URL, in JSON or a repr."""
    return {secret, quote(secret, safe=""), json_.dumps(secret)[1:-1], repr(secret)[1:-1]}


class Lines(logging.Formatter):
    """`2026-11-21T03:10:00Z INFO koci_proxy.app: message`, in one line; only a traceback takes more, each indented."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:
        # A line break in a message would let an app write lines of its own into our log.
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\n  ")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the traceback if there is one."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = record.exc_text or self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json_.dumps(line, ensure_ascii=False)


_redaction = Redaction()


def configure_logging(secrets: frozenset[str], json: bool = False) -> None:
    """Send every log line of this process through the redaction to standard error, as text or as JSON."""
    _redaction.update(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_redaction)
    handler.setFormatter(JsonLines() if json else Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Some have whole URLs in their INFO lines, with whatever stands in the query; others a line for each file touched.
    for name in ("httpx", "httpcore", "watchfiles", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).setLevel(logging.NOTSET)
        logging.getLogger(name).propagate = name != "uvicorn.access"


def update_secrets(secrets: frozenset[str]) -> None:
    """After a reload: these values must not be shown from now on."""
    _redaction.update(secrets)
