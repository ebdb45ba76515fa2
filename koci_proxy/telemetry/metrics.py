"""Numbers for Prometheus, and with each call that is counted its span."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .traces import Traces

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter, Observation

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
        self._request_seconds = _seconds(
            meter, "koci_request_seconds", "Seconds from a request's first byte to the last of its answer."
        )
        self._pictures = Count(meter, "koci_pictures", "Pictures and films delivered.")
        self._calls = Count(meter, "koci_vendor_calls", "Calls to vendors; the outcome is ok or a kind of fault.")
        self._call_seconds = _seconds(meter, "koci_vendor_seconds", "Seconds a vendor took to answer.")
        self._reloads = Count(meter, "koci_reloads", "Loads of the configuration, ok or bad.")
        self._good = meter.create_gauge("koci_config_good", description="1 while the configuration on file is in use.")

    def request(self, platform: str, model: str, status: int, seconds: float, pictures: int = 0) -> None:
        """One request of an app has been answered."""
        self._requests.add(1, platform=platform, model=model, status=str(status))
        self._request_seconds.record(seconds, {"platform": platform, "model": model})
        self.pictures(model, pictures)

    def pictures(self, model: str, count: int) -> None:
        """So many pictures or films have come; those of a job that no request waits for are told by themselves."""
        if count:
            self._pictures.add(count, model=model)

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


def _seconds(meter: Meter, name: str, description: str) -> Histogram:
    return meter.create_histogram(name, description=description, explicit_bucket_boundaries_advisory=BUCKETS)


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
