"""Files of providers, the shipped ones and those laid over them."""

from __future__ import annotations

import pytest

from koci_proxy.config import load

from .conftest import ACME, ENVIRON, GOOD, Write, complaints

PROVIDERS = [
    (ACME.replace("openai", "opnai"), "1:10: dialect: unknown dialect 'opnai' — did you mean 'openai'?"),
    (
        ACME.replace("https://", ""),
        "2:6: url: must be a URL like https://api.example.com/v1, not 'api.acme.example/v1'",
    ),
    (
        ACME.replace("gpt-image-2", "gpt-imag-2"),
        "3:17: models.paint: there is no card providers/cards/gpt-imag-2.yaml — did you mean 'gpt-image-2'?",
    ),
    (ACME + "auth: {heder: X-Key}\n", "4:8: auth.heder: unknown key — did you mean 'header'?"),
    (
        ACME + "faults: [{status: 402, kind: spent}]\n",
        "4:30: faults[0].kind: 'spent' is not known here — did you mean 'key_spent'?",
    ),
    (ACME + "faults: [{kind: down}]\n", "4:10: faults[0]: needs a status, a code or a path: so it fits every answer"),
    (
        ACME + "faults: [{value: 1, kind: down}]\n",
        "4:11: faults[0].value: needs a path: the place in the body where it stands",
    ),
    (ACME + "sandbox: true\n", "2:6: url: sandbox: true goes with a url that begins with sandbox:, and with no other"),
    (ACME + "timeout: soon\n", "4:10: timeout: must be seconds or a time like 500ms, 10s, 15m, 12h, 30d, not 'soon'"),
    (
        ACME + "idempotency_header: 'a key'\n",
        "4:21: idempotency_header: must be the name of a header, not 'a key'",
    ),
    (ACME + "wire: [send]\n", "4:7: wire: must be a map, not a list"),
    ("dialect: openai\nmodels: {paint: gpt-image-2}\n", "1:1: 'url' is missing"),
    (ACME + "headers: {X-Team: '${NONE}'}\n", "4:19: headers.X-Team: the variable NONE is not set"),
]


@pytest.mark.parametrize(("provider", "complaint"), PROVIDERS)
def test_a_wrong_provider(provider: str, complaint: str, write: Write) -> None:
    routes = "platforms: {openai: openai}\nkeys: {acme: sk-1}\nmodels: {pic: acme/paint}\n"
    path = write({"routes.yaml": routes, "providers/acme.yaml": provider})
    assert complaints(path) == [f"providers/acme.yaml:{complaint}"]


def test_a_file_beside_routes_yaml_wins(write: Write) -> None:
    files = {
        "routes.yaml": GOOD,
        "providers/openai.yaml": ACME.replace("paint", "gpt-image-2")
        + "auth: {header: X-Key, prefix: ''}\ntimeout: 2m\nwire: {send: {n: [1, 2]}}\n"
        + "idempotency_header: Idempotency-Key\n",
        "providers/cards/gpt-image-2.yaml": "n: 3\n",
    }
    provider = load(write(files), ENVIRON).providers["openai"]
    assert (provider.url, provider.timeout) == ("https://api.acme.example/v1", 120.0)
    assert (provider.key_header, provider.key_prefix) == ("X-Key", "")
    assert provider.wire == {"send": {"n": [1, 2]}}
    assert provider.idempotency_header == "Idempotency-Key"
    assert provider.models["gpt-image-2"].n == 3


def test_the_sandbox_has_the_facts_of_the_relay_it_plays(write: Write) -> None:
    routes = """
platforms: {openai: openai}
keys: {antigravity: sk-1}
models: {real: antigravity/gemini-3-pro-image, played: sandbox-antigravity/gemini-3-pro-image}
"""
    house = load(write({"routes.yaml": routes}), {"ANTIGRAVITY_URL": "https://relay.example/v1beta"})
    real, played = house.providers["antigravity"], house.providers["sandbox-antigravity"]
    assert (real.models, real.faults, real.dialect) == (played.models, played.faults, played.dialect)
    assert (real.key_header, real.key_prefix) == (played.key_header, played.key_prefix)
