"""Films in the Gemini shape towards a vendor: what is sent, what comes back, and the way there and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import Fault
from koci_proxy.types import Job, Media, Result, Size, Status, Target, Ticket
from koci_proxy.wire import Json, Raw, Reply, base64

from .test_nonsense import spoilt, tried
from .test_veo import DONE, FILM, ID, JOB, NAME, PATH, A, B, C, gemini, image, state
from .wires import answered, asked, picture, plain, post, target

WIRE = target("gemini", wire="tier_ratio")


def sent(job: Job, wire: Target = WIRE) -> Any:
    call = gemini.encode(job, wire)
    assert (call.method, call.path) == ("POST", f"models/{wire.model}:predictLongRunning")
    return plain(call.body)


def test_a_film_from_words_alone_has_no_parameters() -> None:
    assert sent(JOB) == {"instances": [{"prompt": "fox"}]}
    foreign = replace(JOB, dialect="openai", options={"parameters.seed": 1, "fps": 3})
    assert sent(foreign) == {"instances": [{"prompt": "fox"}]}


def test_every_word_has_its_place() -> None:
    job = replace(
        JOB,
        inputs=(A, B, C, FILM),
        roles=("first", "last", "reference", "video"),
        n=2,
        size=Size("4K", "9:16", 2160, 3840),
        seconds=8.0,
        options={
            **{"_async": True, "parameters.seed": 3, "labels": {"a": "b"}, "instances[0].cameraControl": "FIXED"},
            "instances[0].referenceImages[0].referenceType": "STYLE",
        },
    )
    short = {media: plain(Json(base64(media))) for media in (A, B, C, FILM)}
    assert sent(job) == {
        "instances": [
            {
                "prompt": "fox",
                "image": {"bytesBase64Encoded": short[A], "mimeType": "image/png"},
                "lastFrame": {"bytesBase64Encoded": short[B], "mimeType": "image/png"},
                "referenceImages": [
                    {"image": {"bytesBase64Encoded": short[C], "mimeType": "image/png"}, "referenceType": "STYLE"}
                ],
                "video": {"encodedVideo": short[FILM], "encoding": "video/mp4"},
                "cameraControl": "FIXED",
            }
        ],
        "parameters": {"sampleCount": 2, "durationSeconds": 8, "aspectRatio": "9:16", "resolution": "4k", "seed": 3},
        "labels": {"a": "b"},
    }


def test_pictures_without_a_role_are_references() -> None:
    [instance] = sent(replace(JOB, inputs=(A, B)))["instances"]
    assert [each["referenceType"] for each in instance["referenceImages"]] == ["ASSET", "ASSET"]


def test_two_pictures_for_one_frame_are_refused() -> None:
    with pytest.raises(Fault, match="more than one for image"):
        gemini.encode(replace(JOB, inputs=(A, B), roles=("first", "first")), WIRE)


def test_the_providers_file_may_name_the_model_otherwise() -> None:
    call = gemini.encode(JOB, replace(WIRE, wire={"models": {"the-model": "veo-9"}}))
    assert call.path == "models/veo-9:predictLongRunning"


OPERATION = {"name": "models/the-model/operations/op-1.x"}
FILE = {"video": {"uri": "https://x.example/v1beta/files/Ab-c_1:download?alt=media"}}


def said(*samples: Any, **more: Any) -> dict[str, Any]:
    made = {"generatedSamples": list(samples)} if samples else {}
    return {**OPERATION, "done": True, "response": {"generateVideoResponse": {**made, **more}}}


def ok(body: Any) -> Reply:
    return answered(Reply(200, {}, Json(body)))


def decode(reply: Reply, wire: Target = WIRE) -> Any:
    return gemini.decode(reply, JOB, wire)


HANDLE = {"operation": OPERATION["name"]}
OUTCOMES: list[tuple[Reply, Any]] = [
    (ok(OPERATION), Ticket(HANDLE, None, 10)),
    (ok({**OPERATION, "done": False, "metadata": {"progressPercent": 40}}), Ticket(HANDLE, 40, 10)),
    (ok({"metadata": {"progress_percent": 7}}), Ticket({}, 7, 10)),
    (ok({"done": False, "metadata": {"progressPercent": "x"}}), Ticket({}, None, 10)),
    (ok(said(FILE)), Ticket({"file": "files/Ab-c_1:download"}, 100, 0.1)),
    (ok(said(FILE, FILE)), Ticket({"file": "files/Ab-c_1:download"}, 100, 0.1)),
    (ok(said({"video": {"uri": "files/abc"}})), Ticket({"file": "files/abc:download"}, 100, 0.1)),
    (ok(said({"video": {"uri": "https://x.example/files/a.mp4"}})), Result((Media(url="https://x.example/files/a.mp4"),))),
    (ok(said({"video": {"encodedVideo": base64(FILM), "encoding": "video/mp4"}})), Result((FILM,))),
    (Reply(200, {}, Raw(FILM, "video/mp4")), Result((FILM,))),
    (Reply(302, {"location": "https://x.example/a.mp4"}, Raw(b"", "text/html")), Result((Media(url="https://x.example/a.mp4"),))),
    (Reply(307, {"location": "https://x.example/a.mp4"}), Result((Media(url="https://x.example/a.mp4"),))),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "outcome"), OUTCOMES)
def test_what_a_vendors_answer_means(reply: Reply, outcome: Any) -> None:
    assert decode(reply) == outcome
    json.dumps(getattr(outcome, "handle", None))


def test_the_providers_file_says_how_often_to_look() -> None:
    assert decode(ok(OPERATION), replace(WIRE, wire={"every": 0.5})).wait == 0.5


def test_a_ticket_is_enough_to_look_again() -> None:
    call = gemini.poll(Ticket(HANDLE), JOB, WIRE)
    assert (call.method, call.path, call.query, call.body) == ("GET", OPERATION["name"], {}, None)
    call = gemini.poll(Ticket({"file": "files/abc:download"}), JOB, WIRE)
    assert (call.method, call.path, call.query, call.body) == ("GET", "files/abc:download", {"alt": "media"}, None)


def failed(code: int, message: str = "why", **more: Any) -> Reply:
    return ok({**OPERATION, "done": True, "error": {"code": code, "message": message, **more}})


FAULTS: list[tuple[Reply, str, str]] = [
    (ok(said(raiMediaFilteredCount=1, raiMediaFilteredReasons=["why", "so"])), "refused", "answered"),
    (ok(said(raiMediaFilteredCount=1)), "refused", "answered"),
    (failed(3, "This violates our Responsible AI practices."), "refused", "answered"),
    (
        Reply(400, {}, Json({"error": {"code": 400, "message": "Words that violate our usage guidelines."}})),
        "refused",
        "answered",
    ),
    (failed(3), "bad_request", "accepted"),
    (failed(7), "key_refused", "accepted"),
    (failed(8), "key_busy", "accepted"),
    (failed(8, details=[{"violations": [{"quotaId": "RequestsPerDay"}]}]), "key_spent", "accepted"),
    (failed(4), "slow", "accepted"),
    (failed(13), "down", "accepted"),
    (failed(99), "down", "accepted"),
    (ok(said()), "empty", "accepted"),
    (ok({**OPERATION, "done": True}), "empty", "accepted"),
    (ok({**OPERATION, "done": True, "response": {"generateVideoResponse": 7}}), "empty", "accepted"),
    (ok(said({"video": {"encodedVideo": "@@"}})), "garbled", "accepted"),
    (ok(said({"video": {"uri": "gs://b/a.mp4"}})), "garbled", "accepted"),
    (ok(said({"video": {"uri": "film"}})), "garbled", "accepted"),
    (ok({}), "garbled", "accepted"),
    (ok({"name": "models/m/operations/../../x"}), "garbled", "accepted"),
    (ok({"name": "https://x.example/operations/x"}), "garbled", "accepted"),
    (ok([]), "garbled", "accepted"),
    (ok({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}), "key_busy", "answered"),
    (Reply(302, {"location": "/a"}, None), "garbled", "accepted"),
    (Reply(404, {}, Json({"error": {"code": 404, "status": "NOT_FOUND"}})), "unserved", "answered"),
    (Reply(503, {}, Raw(b"<html>", "text/html")), "down", "answered"),
    (Reply(200, {}, Raw(b"<html>", "text/html")), "garbled", "accepted"),
]


@pytest.mark.parametrize(("reply", "kind", "stage"), FAULTS)
def test_what_a_vendors_refusal_means(reply: Reply, kind: str, stage: str) -> None:
    with pytest.raises(Fault) as caught:
        decode(reply)
    assert (caught.value.kind, caught.value.stage) == (kind, stage)


def test_the_reasons_of_a_filter_are_told() -> None:
    with pytest.raises(Fault, match="no faces; no names"):
        decode(ok(said(raiMediaFilteredReasons=["no faces;", "no names"])))


# --- the way there and back -----------------------------------------------------------------------------------------

texts = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
media = st.builds(picture, st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([0, 20_000]))
images = st.builds(image, media)
instances = st.fixed_dictionaries(
    {"prompt": texts, "image": images},
    optional={
        "lastFrame": images,
        "referenceImages": st.lists(
            st.fixed_dictionaries({"image": images}, optional={"referenceType": st.sampled_from(["ASSET", "STYLE"])}),
            min_size=1,
            max_size=3,
        ),
        "video": st.sampled_from([{"uri": "https://x.example/a.mp4"}, {"encodedVideo": base64(FILM)}]),
        "cameraControl": st.just("FIXED"),
    },
)
parameters = st.fixed_dictionaries(
    {},
    optional={
        "sampleCount": st.integers(1, 4),
        "durationSeconds": st.one_of(st.integers(1, 60), st.sampled_from(["8", 5.5])),
        "aspectRatio": st.sampled_from(["16:9", "9:16"]),
        "resolution": st.sampled_from(["720p", "1080p", "4k"]),
        "seed": st.integers(0, 9),
        "personGeneration": st.just("allow_all"),
    },
)


@settings(deadline=None)
@given(instances, parameters, st.sampled_from([{}, {"labels": {"a_b": "c"}}]))
def test_parse_reads_what_encode_writes(instance: dict[str, Any], asks: dict[str, Any], more: dict[str, Any]) -> None:
    job = asked("gemini", post(PATH, {"instances": [instance], "parameters": asks, **more}))
    assert asked("gemini", gemini.encode(job, WIRE)) == replace(job, model="the-model")


ENDS: list[tuple[Status, dict[str, Any]]] = [
    ("refused", {"fault": Fault("refused", "why")}),
    ("failed", {"fault": Fault("internal", "why")}),
    ("cancelled", {}),
]


@given(st.integers(0, 100), st.integers(1, 4))
def test_decode_reads_what_progress_writes(percent: int, count: int) -> None:
    told = [
        gemini.accepted(state("queued")),
        gemini.progress(state("running", progress=percent)),
        gemini.progress(state("succeeded", result=Result(DONE.media * count))),
    ]
    assert [decode(answered(each)) for each in told] == [
        Ticket({"operation": NAME}, None, 10),
        Ticket({"operation": NAME}, percent, 10),
        Ticket({"file": f"files/{ID}0:download"}, 100, 0.1),
    ]


@pytest.mark.parametrize(("status", "more"), ENDS)
def test_decode_reads_every_end(status: Status, more: dict[str, Any]) -> None:
    with pytest.raises(Fault) as caught:
        decode(answered(gemini.progress(state(status, **more))))
    assert caught.value.kind == ("refused" if status == "refused" else "down")


WHOLE = said(FILE, {"video": {"encodedVideo": "AAAA", "encoding": "video/mp4"}}, raiMediaFilteredReasons=["x"]) | {
    "metadata": {"progressPercent": 1}
}
ERROR = {**OPERATION, "done": True, "error": {"code": 13, "message": "x", "details": [{"retryDelay": "1s"}]}}


@settings(deadline=None)
@given(st.one_of(spoilt(WHOLE), spoilt(ERROR), spoilt([WHOLE])), st.sampled_from([200, 302, 400, 429, 500]))
def test_nothing_that_a_vendor_says_fails_otherwise_than_by_a_fault(body: Any, status: int) -> None:
    outcome = tried(lambda: decode(Reply(status, {}, Json(body))))
    assert isinstance(outcome, (Fault, Result, Ticket))
    if isinstance(outcome, Ticket) and outcome.handle:
        assert gemini.poll(outcome, JOB, WIRE).path
