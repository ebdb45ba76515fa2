"""Ark's shape: what its SDK sends, what goes to a vendor, what its codes mean, and the way there and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy import address
from koci_proxy.faults import KINDS, Fault
from koci_proxy.types import AUTO, Job, Listing, Media, Note, Result, Size
from koci_proxy.wire import Call, Json, Raw, Reply, base64, data_uri

from .wires import CAPTURES, DIALECTS, answered, asked, picture, plain, post, read, target

ark = DIALECTS["ark"]
PATH = "api/v3/images/generations"
GOOD: dict[str, Any] = {"model": "seedream-4.5", "prompt": "fox"}
JOB = Job("seedream-4.5", "fox", dialect="ark")
WIRE = target("ark", {"format": ("jpeg", "png")})
LINK = "https://cdn.example/a.png"
FAILED = {"code": "OutputImageSensitiveContentDetected", "message": "no"}


def parse(**fields: Any) -> Job:
    job = asked("ark", post(PATH, GOOD | fields))
    assert isinstance(job, Job)
    return job


# --- what its SDK sends ---------------------------------------------------------------------------------------------


def captured(name: str) -> Call:
    (request,) = json.loads((CAPTURES / "ark" / f"ark-py-5.0.54-{name}.json").read_text("utf-8"))["requests"]
    found = address.split(f"/ark{request['target']}", ("ark",))
    assert found is not None
    return Call(request["method"], found[1], body=Json(read(request["body_text"].encode())))


SENT = Job("doubao-seedream-4-5-251128", "p", dialect="ark")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("minimal", {}),
        ("stream", {"size": Size("2K"), "stream": True}),
        (
            "full",
            {
                "task": "edit",
                "size": Size(width=2848, height=1600),
                "deliver": "base64",
                "up_to": 3,
                "options": {
                    "sequential_image_generation": "auto",
                    "sequential_image_generation_options": {"max_images": 3},
                },
            },
        ),
    ],
)
def test_recorded_requests_where_every_unset_field_is_null(name: str, changes: dict[str, Any]) -> None:
    job = asked("ark", captured(name))
    assert replace(job, inputs=()) == replace(SENT, **changes)
    assert [media.url or media.pixels for media in job.inputs] == ([LINK, (1, 1)] if name == "full" else [])


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"image": LINK}, {"inputs": (Media(url=LINK),), "task": "edit"}),
        ({"image": [data_uri(picture()), LINK]}, {"inputs": (picture(), Media(url=LINK)), "task": "edit"}),
        ({"image": [data_uri(picture(more=20_000))]}, {"inputs": (picture(more=20_000),), "task": "edit"}),
        ({"image": []}, {}),
        ({"size": "1.5K"}, {"size": Size("1.5K")}),
        ({"size": "2048x1152"}, {"size": Size(width=2048, height=1152)}),
        ({"output_format": "png"}, {"format": "png"}),
        ({"response_format": "b64_json"}, {"deliver": "base64"}),
        ({"watermark": False, "sequential_image_generation": "disabled"}, {}),
        ({"watermark": True}, {"options": {"watermark": True}}),
        ({"seed": 3, "_mark": 1}, {"options": {"seed": 3}}),
    ],
)
def test_parse(fields: dict[str, Any], changes: dict[str, Any]) -> None:
    assert parse(**fields) == replace(JOB, **changes)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": " "}, "prompt"),
        ({"model": None}, "model"),
        ({"size": "2x"}, "size"),
        ({"image": ["@@@@"]}, "image[0]"),
        ({"image": {"url": LINK}}, "image"),
        ({"response_format": "png"}, "response_format"),
        ({"watermark": "no"}, "watermark"),
        ({"sequential_image_generation": "always"}, "sequential_image_generation"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_bad_input_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(**fields)
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


@pytest.mark.parametrize("path", [PATH, "images/generations", "api/plan/v3/images/generations"])
def test_paths(path: str) -> None:
    assert ark.schema(Call("POST", path)) == "ark-generations"


@pytest.mark.parametrize(
    ("method", "path", "kind", "word"),
    [
        ("POST", "api/v3/chat/completions", "not_found", "images/generations"),
        ("GET", PATH, "wrong_method", "POST"),
        ("DELETE", "api/v3/models/x", "wrong_method", "GET"),
    ],
)
def test_no_such_call(method: str, path: str, kind: str, word: str) -> None:
    for verb in (ark.schema, ark.parse):
        with pytest.raises(Fault, match=word) as caught:
            verb(Call(method, path))
        assert caught.value.kind == kind


# --- the way there and back -----------------------------------------------------------------------------------------

media = st.builds(picture, st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([0, 20_000]))
inputs = st.lists(media | st.just(Media(url=LINK)), max_size=3)
pixels = st.builds(Size, st.none(), st.none(), st.integers(512, 4096), st.integers(512, 4096))
values = st.recursive(
    st.booleans() | st.integers(0, 9) | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2)
)


@settings(deadline=None)
@given(
    st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip())),
    inputs,
    st.just(AUTO) | pixels | st.builds(Size, st.sampled_from(["1K", "1.5K", "3K"])),
    st.sampled_from([None, "jpeg", "png"]),
    st.sampled_from(["url", "base64"]),
    st.dictionaries(st.from_regex(r"x_[a-z]{1,5}", fullmatch=True), values, max_size=3),
)
def test_parse_reads_what_encode_writes(
    prompt: str, made: list[Media], size: Size, form: str | None, deliver: Any, options: dict[str, Any]
) -> None:
    job = Job(
        "the-model",
        prompt,
        task="edit" if made else "generate",
        inputs=tuple(made),
        size=size,
        format=form,
        deliver=deliver,
        dialect="ark",
        options=options,
    )
    assert asked("ark", ark.encode(job, WIRE)) == job


@settings(deadline=None)
@given(st.lists(media, min_size=1, max_size=3), st.integers(1, 2**31), st.integers(0, 9), st.booleans())
def test_decode_reads_what_render_writes(made: list[Media], created: int, read_in: int, failed: bool) -> None:
    usage = {"generated_images": len(made), "input_tokens": read_in, "output_tokens": 5, "total_tokens": 5 + read_in}
    result = Result(tuple(made), usage=usage, created=created)
    if failed:
        note = Note("n", "left out", f"a picture failed: {FAILED['code']}: no")
        result = replace(result, notes=(note,), extras={"failures": (FAILED,)})
    job = replace(JOB, deliver="base64")
    assert ark.decode(answered(ark.render(result, job)), job, WIRE) == result
    linked = replace(result, media=(Media(url=LINK),), usage=usage | {"generated_images": 1})
    assert ark.decode(answered(ark.render(linked, JOB)), JOB, WIRE) == linked


# --- towards a vendor -----------------------------------------------------------------------------------------------

LEAST = {"model": "the-model", "prompt": "fox", "response_format": "url", "watermark": False}


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, {}),
        ({"deliver": "base64"}, {"response_format": "b64_json"}),
        ({"size": Size(width=2848, height=1600)}, {"size": "2848x1600"}),
        ({"size": Size("2K", "16:9", 2848, 1600)}, {"size": "2848x1600"}),
        ({"size": Size("2K")}, {"size": "2K"}),
        ({"size": Size("2K", "16:9")}, {}),
        ({"size": Size(None, "16:9")}, {}),
        ({"inputs": (Media(url=LINK),)}, {"image": LINK}),
        ({"inputs": (Media(url=LINK), Media(url=LINK))}, {"image": [LINK, LINK]}),
        ({"quality": "high", "n": 4, "format": "png"}, {}),
        ({"options": {"watermark": True, "_mark": 1}}, {"watermark": True}),
        ({"options": {"x": [base64(picture()).media]}, "dialect": "openai"}, {}),
        ({"stream": True, "partials": 2}, {}),
    ],
)
def test_encode(changes: dict[str, Any], more: dict[str, Any]) -> None:
    call = ark.encode(replace(JOB, **changes), target("ark"))
    assert (call.method, call.path, plain(call.body)) == ("POST", "images/generations", LEAST | more)


def test_a_friendly_name_goes_out_as_its_id_and_a_data_uri_has_a_small_type() -> None:
    vendor = replace(WIRE, model="seedream-4.5", wire={"models": {"seedream-4.5": "doubao-seedream-4-5-251128"}})
    body = plain(ark.encode(replace(JOB, inputs=(picture(),), format="png"), vendor).body)
    assert (body["model"], body["output_format"]) == ("doubao-seedream-4-5-251128", "png")
    assert body["image"].startswith("data:image/png;base64,")
    assert plain(ark.encode(JOB, replace(WIRE, model="ep-1")).body)["model"] == "ep-1"


def test_a_set_of_which_one_failed() -> None:
    sample = Json(read((CAPTURES / "answers" / "ark_ok.json").read_bytes()))
    made = ark.decode(Reply(200, {}, sample), JOB, WIRE)
    assert made.media == (Media(url="https://cdn.example/seedream/1.jpeg"),)
    assert made.usage == {"generated_images": 1, "input_tokens": 0, "output_tokens": 17800, "total_tokens": 17800}
    assert made.created == 1757321139
    [note] = made.notes
    assert str(note).startswith("n: left out (a picture failed: OutputImageSensitiveContentDetected: The request")
    assert plain(ark.render(made, JOB).body)["data"][1]["error"]["code"] == "OutputImageSensitiveContentDetected"


def error(status: int, code: str, param: str = "") -> Reply:
    body = {"error": {"code": code, "message": "why. Request id: 02", "param": param, "type": "x"}}
    return Reply(status, {}, Json(body))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(400, "MissingParameter.prompt"), "bad_request"),
        (error(400, "InvalidParameter", "size"), "bad_request"),
        (error(400, "InvalidParameter.OversizedImage", "image"), "bad_request"),
        (error(400, "InvalidArgumentError.InvalidImageDetail"), "bad_request"),
        (error(400, "InvalidImageURL.EmptyURL"), "bad_request"),
        (error(400, "InvalidParameter", "model"), "unserved"),
        (error(400, "InvalidParameter.UnsupportedModel"), "unserved"),
        (error(400, "SensitiveContentDetected.SevereViolation"), "refused"),
        (error(400, "InputTextSensitiveContentDetected"), "refused"),
        (error(400, "InputImageSensitiveContentDetected.PrivacyInformation"), "refused"),
        (error(400, "OutputImageRiskDetection"), "refused"),
        (error(400, "InvalidEndpoint.ClosedEndpoint"), "unserved"),
        (error(400, "ContentSecurityDetectionError"), "down"),
        (error(401, "AuthenticationError"), "key_refused"),
        (error(403, "AccountOverdueError"), "key_spent"),
        (error(403, "OperationDenied.ServiceOverdue"), "key_spent"),
        (error(403, "AccessDenied"), "key_refused"),
        (error(404, "InvalidEndpointOrModel.NotFound"), "unserved"),
        (error(404, "ModelNotOpen"), "unserved"),
        (error(429, "RateLimitExceeded.EndpointRPMExceeded"), "key_busy"),
        (error(429, "ModelAccountIpmRateLimitExceeded"), "key_busy"),
        (error(429, "QuotaExceeded"), "key_spent"),
        (error(429, "SetLimitExceeded"), "key_spent"),
        (error(429, "ServerOverloaded"), "down"),
        (error(500, "InternalServiceError"), "down"),
        (error(200, "OutputImageSensitiveContentDetected"), "refused"),
        (error(200, "Unheard"), "empty"),
        (Reply(200, {}, Json({"data": [{"error": FAILED}]})), "refused"),
        (Reply(200, {}, Json({"data": [{"url": ""}, 7]})), "empty"),
        (Reply(200, {}, Json({"data": [{"b64_json": "@@"}]})), "garbled"),
        (Reply(200, {}, Json([])), "garbled"),
        (Reply(200, {}, Raw(b"<html>", "text/html")), "garbled"),
        (Reply(502, {}, Raw(b"<html>", "text/html")), "down"),
    ],
)
def test_what_a_vendors_refusal_means(reply: Reply, kind: str) -> None:
    with pytest.raises(Fault) as caught:
        ark.decode(reply, JOB, WIRE)
    assert caught.value.kind == kind
    said = reply.body.value if isinstance(reply.body, Json) else None
    if kind == "bad_request" and isinstance(said, dict):
        assert caught.value.field == (said["error"]["param"] or None)


# --- towards an app -------------------------------------------------------------------------------------------------


def test_render() -> None:
    result = Result((picture(2848, 1600),), created=5)
    assert plain(ark.render(result, replace(JOB, deliver="base64")).body) == {
        "model": "seedream-4.5",
        "created": 5,
        "data": [{"b64_json": plain(Json(base64(picture(2848, 1600)))), "size": "2848x1600"}],
        "usage": {"generated_images": 1, "output_tokens": 0, "total_tokens": 0},
    }
    counted = replace(result, usage={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_images": 1})
    assert plain(ark.render(replace(counted, media=(Media(url=LINK),)), JOB).body)["usage"] == {
        "generated_images": 1,
        "output_tokens": 4,
        "total_tokens": 7,
        "input_images": 1,
    }


FAILS = {
    "bad_request": (400, "BadRequest", "InvalidParameter"),
    "unauthorized": (401, "Unauthorized", "AuthenticationError"),
    "no_credit": (403, "Forbidden", "AccountOverdueError"),
    "forbidden": (403, "Forbidden", "AccessDenied"),
    "not_found": (404, "NotFound", "NotFound"),
    "refused": (400, "BadRequest", "SensitiveContentDetected"),
    "too_fast": (429, "TooManyRequests", "RateLimitExceeded.EndpointRPMExceeded"),
    "key_busy": (429, "TooManyRequests", "RateLimitExceeded.EndpointRPMExceeded"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_an_error_in_arks_form(kind: str) -> None:
    reply = ark.fail(Fault(kind, "why", code="AccountOverdueError"))
    said = plain(reply.body)["error"]
    assert (said["message"], said["param"]) == ("why", "")
    status = KINDS[kind].status
    other = ("InternalServerError", "InternalServiceError") if status >= 500 else ("BadRequest", "InvalidParameter")
    assert (reply.status, said["type"], said["code"]) == FAILS.get(kind, (status, *other))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("refused", "no", code="InputTextSensitiveContentDetected"), "InputTextSensitiveContentDetected"),
        (Fault("refused", "no", code="moderation_blocked"), "SensitiveContentDetected"),
        (Fault("bad_request", "no", code="InvalidParameter.OversizedImage"), "InvalidParameter.OversizedImage"),
        (Fault("bad_request", "no", code="missing_required_parameter"), "MissingParameter"),
        (Fault("bad_request", "no", code="invalid_value"), "InvalidParameter"),
        (Fault("not_found", "no", field="model"), "InvalidEndpointOrModel.NotFound"),
    ],
)
def test_codes_of_its_own(fault: Fault, code: str) -> None:
    assert plain(ark.fail(fault).body)["error"]["code"] == code


def test_a_refusal_is_not_sent_again() -> None:
    assert ark.fail(Fault("refused", "no")).headers == {"x-should-retry": "false"}


def test_catalogue() -> None:
    assert [model["id"] for model in plain(ark.catalogue(["a", "b"], Listing()).body)["data"]] == ["a", "b"]
    assert plain(ark.catalogue(["a", "b"], Listing("b")).body)["id"] == "b"
    with pytest.raises(Fault, match=r"did you mean 'seedream-4\.5'") as caught:
        ark.catalogue(["seedream-4.5"], Listing("seedream-4"))
    assert ark.fail(caught.value).status == 404
    assert asked("ark", Call("GET", "api/v3/models/b")) == Listing("b")
