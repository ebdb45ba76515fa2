"""Log lines with every secret taken out."""

from __future__ import annotations

import json as json_
import logging
import re
import sys
import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import quote

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

    def update(self, secrets: Iterable[str], names: Mapping[str, str] = MappingProxyType({})) -> None:
        """These are the secrets from now on; `names` are what stands for others, such as a provider's for its host."""
        shown = {**names, **dict.fromkeys(secrets, "***")}
        self._shown = {
            form: what for text, what in shown.items() if len(text) >= _SHORTEST for form in _spellings(text)
        }
        longest_first = sorted(self._shown, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def clean(self, text: str) -> str:
        """The text without secrets, and with a long run of base64 told by its length."""
        if self._known is not None:
            text = self._known.sub(lambda found: self._shown[found[0]], text)
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


def update_secrets(secrets: frozenset[str], names: Mapping[str, str] = MappingProxyType({})) -> None:
    """After a reload: these values must not be shown from now on, and those that have names only by them."""
    _redaction.update(secrets, names)
