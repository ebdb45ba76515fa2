"""What operators see of a running house: numbers for Prometheus, traces, and log lines with every secret taken out."""

from .logs import Redaction, configure_logging, update_secrets
from .metrics import Telemetry
from .traces import wanted

__all__ = ["Redaction", "Telemetry", "configure_logging", "update_secrets", "wanted"]
