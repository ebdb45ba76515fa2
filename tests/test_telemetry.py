"""What operators see: counts as Prometheus reads them, and log lines that keep secrets."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from koci_proxy.telemetry import Redaction, Telemetry, configure_logging, update_secrets

LONG = "iVBORw0KGgo" * 20


def counts(telemetry: Telemetry) -> dict[str, float]:
    text = telemetry.render()[0].decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_requests() -> None:
    telemetry = Telemetry()
    telemetry.request("front", "image-2", 200, 3.0, pictures=2)
    telemetry.request("front", "image-2", 200, 0.2)
    telemetry.request("front", "-", 401, 0.001)
    seen = counts(telemetry)
    assert seen['koci_requests_total{model="image-2",platform="front",status="200"}'] == 2
    assert seen['koci_requests_total{model="-",platform="front",status="401"}'] == 1
    assert seen['koci_request_seconds_count{model="image-2",platform="front"}'] == 2
    assert seen['koci_request_seconds_sum{model="image-2",platform="front"}'] == 3.2
    assert seen['koci_request_seconds_bucket{le="2.5",model="image-2",platform="front"}'] == 1
    assert seen['koci_request_seconds_bucket{le="600.0",model="image-2",platform="front"}'] == 2
    assert seen['koci_pictures_total{model="image-2"}'] == 2


def test_vendor_calls() -> None:
    telemetry = Telemetry()
    telemetry.vendor_call("one", "ok", 12.0)
    telemetry.vendor_call("one", "key_busy", 0.1)
    seen = counts(telemetry)
    assert seen['koci_vendor_calls_total{outcome="ok",provider="one"}'] == 1
    assert seen['koci_vendor_calls_total{outcome="key_busy",provider="one"}'] == 1
    assert seen['koci_vendor_seconds_count{provider="one"}'] == 2


def test_reloads() -> None:
    telemetry = Telemetry()
    telemetry.reload(True)
    assert counts(telemetry)["koci_config_good"] == 1
    telemetry.reload(False)
    seen = counts(telemetry)
    assert seen["koci_config_good"] == 0
    assert seen['koci_reloads_total{outcome="ok"}'] == seen['koci_reloads_total{outcome="bad"}'] == 1


def test_each_counts_for_itself() -> None:
    one, other = Telemetry(), Telemetry()
    one.reload(True)
    content, mime = other.render()
    assert b"koci_reloads_total" not in content
    assert b"target_info" not in one.render()[0]
    assert mime.startswith("text/plain; version=0.0.4")


def test_nothing_of_it_is_loaded_before_it_is_wanted() -> None:
    program = (
        "import sys, koci_proxy.telemetry, koci_proxy.store\n"
        "heavy = {'opentelemetry', 'prometheus_client'}\n"
        "print(*(heavy & sys.modules.keys()), end='')"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("the pass-word is here", "the *** is here"),
        ("url /?x=a%2Fb%26c%3D1", "url /?x=***"),
        ("raw a/b&c=1 and a/b&c=1", "raw *** and ***"),
        ("pass-word-longer", "***"),
        ("ab is too short", "ab is too short"),
        ("key sk-koci_abcdefghijklmnop0123456789ABCDEFGHIJKL-_abcdef", "key sk-***"),
        ("key sk-proj-abcdefghijklmnop", "key sk-***"),
        ("a task-force, a risk-free one", "a task-force, a risk-free one"),
        ("AIzaSyA1234567890abcdefghijklmnop!", "AIza***!"),
        ("GET /v1beta/models?key=hunter2&alt=sse", "GET /v1beta/models?key=***&alt=sse"),
        ("GET /x?a=1&api_key=hunter2 HTTP/1.1", "GET /x?a=1&api_key=*** HTTP/1.1"),
        ("/storage/images/a.png?expires=1&signature=00ff", "/storage/images/a.png?expires=1&signature=***"),
        ("{'authorization': 'Bearer hunter2hunter2'}", "{'authorization': 'Bearer ***'}"),
        (f"data:image/png;base64,{LONG}== end", "data:image/png;base64,<222 characters> end"),
        ("monkey=banana", "monkey=banana"),
        ("", ""),
    ],
)
def test_redaction(text: str, clean: str) -> None:
    assert Redaction(["pass-word", "pass-word-longer", "a/b&c=1", "ab", ""]).clean(text) == clean


def test_a_long_line_is_cleaned_in_no_time() -> None:
    text = "x" * 2_000_000 + " " + "sk-" * 200_000 + "?key=" * 200_000
    assert len(Redaction(["secret"]).clean(text)) < len(text)


def test_what_has_a_name_is_told_by_it() -> None:
    redaction = Redaction()
    redaction.update(
        ["secret"], {"api.x.example": "relay", "secret": "a name for a secret", "api.x.example:8443": "b, c, …"}
    )
    assert redaction.clean("https://api.x.example:8443/a secret api.x.example") == "https://b, c, …/a *** relay"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], io.StringIO]]:
    """Configures logging onto a stream, and puts everything back."""
    root = logging.getLogger()
    names = ("httpx", "httpcore", "uvicorn", "uvicorn.error", "uvicorn.access")
    before = root.handlers[:], root.level
    others = [(log := logging.getLogger(name), log.level, log.propagate, log.handlers[:]) for name in names]
    stream = io.StringIO()

    def configure(as_json: bool) -> io.StringIO:
        monkeypatch.setattr(sys, "stderr", stream)  # pytest puts its own there between set-up and test
        configure_logging(frozenset({"s3cret"}), json=as_json)
        return stream

    yield configure
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    for log, level, propagate, handlers in others:
        log.setLevel(level)
        log.propagate = propagate
        log.handlers[:] = handlers
    update_secrets(frozenset())


def fail(words: str) -> None:
    raise ValueError(words)


def log_everything() -> None:
    log = logging.getLogger("koci_proxy.test")
    log.info("message s3cret")
    log.info("args %s %r", "s3cret", {"key": "s3cret"})
    log.info("two\nlines\r s3cret")
    log.info("wrong %d", "s3cret")
    log.info("stack", stack_info=True)
    try:
        fail("s3cret in a traceback")
    except ValueError:
        log.exception("it failed")


@pytest.mark.parametrize("as_json", [False, True])
def test_no_secret_in_any_part_of_a_record(lines: Callable[[bool], io.StringIO], as_json: bool) -> None:
    stream = lines(as_json)
    log_everything()
    text = stream.getvalue()
    assert "s3cret" not in text
    assert "*** in a traceback" in text
    assert "fail(" in text


def test_lines(lines: Callable[[bool], io.StringIO]) -> None:
    stream = lines(False)
    logging.getLogger("koci_proxy.test").info("two\nlines\r")
    logging.getLogger("koci_proxy.test").warning("next")
    first, second = stream.getvalue().splitlines()
    assert first.endswith(r"Z INFO koci_proxy.test: two\nlines" + r"\r")
    assert second.endswith("Z WARNING koci_proxy.test: next")


def test_only_a_traceback_takes_more_than_a_line(lines: Callable[[bool], io.StringIO]) -> None:
    stream = lines(False)
    log_everything()
    starts = [line for line in stream.getvalue().splitlines() if not line.startswith("  ")]
    assert len(starts) == 6


def test_json_lines(lines: Callable[[bool], io.StringIO]) -> None:
    stream = lines(True)
    log_everything()
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(rows) == 6
    assert rows[0].keys() == {"time", "level", "logger", "message"}
    assert (rows[0]["level"], rows[0]["logger"], rows[0]["message"]) == ("INFO", "koci_proxy.test", "message ***")
    assert rows[2]["message"] == "two\nlines\r ***"
    assert rows[5]["exception"].endswith("ValueError: *** in a traceback")


def test_secrets_of_a_reload(lines: Callable[[bool], io.StringIO]) -> None:
    stream = lines(False)
    update_secrets(frozenset({"newer"}))
    logging.getLogger("koci_proxy.test").info("newer")
    assert stream.getvalue().endswith(": ***\n")


def test_a_later_handler_gets_it_clean(lines: Callable[[bool], io.StringIO]) -> None:
    lines(False)
    other = io.StringIO()
    logging.getLogger().addHandler(logging.StreamHandler(other))
    log_everything()
    assert "s3cret" not in other.getvalue()


def test_loggers_that_tell_urls_are_quiet(lines: Callable[[bool], io.StringIO]) -> None:
    stream = lines(False)
    for name in ("httpx", "httpcore.connection", "uvicorn.access"):
        logging.getLogger(name).info("GET /?key=1")
    assert stream.getvalue() == ""
    logging.getLogger("uvicorn.error").info("started")
    assert stream.getvalue().endswith("INFO uvicorn.error: started\n")


def test_configured_twice_is_said_once(lines: Callable[[bool], io.StringIO]) -> None:
    lines(False)
    stream = lines(False)
    logging.getLogger("koci_proxy.test").info("once")
    assert stream.getvalue().count("once") == 1
