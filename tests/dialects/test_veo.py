"""Films in the Gemini shape as a door: what clients send, what they ask for later, and how an operation stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types as g

from koci_proxy.address import split
from koci_proxy.faults import Fault
from koci_proxy.media import from_bytes
from koci_proxy.types import Job, JobState, Lookup, Media, Result, Size, Status
from koci_proxy.wire import Call, base64

from .wires import DIALECTS, asked, captured, picture, plain, post

gemini = DIALECTS["gemini"]
VEO = "veo-3.1-generate-preview"
PATH = f"models/{VEO}:predictLongRunning"
ID = "0123456789abcdef01234567"
JOB = Job(VEO, "fox", task="video", dialect="gemini", options={"_async": True})
FOUR = from_bytes(b"\xfb\xff\xfe\xff")
FILM = from_bytes(b"\0\0\0\x18ftypmp42" + b"\xfb\xff\xfe" * 4)
A, B, C = picture(10, 10), picture(20, 20, more=20_000), picture(30, 30)
OURS = f"https://img.example/google/v1beta/files/{ID}0:download?alt=media"
GONE_ON = Media(key=f"req_{ID}")


def image(media: Media) -> dict[str, Any]:
    return {"bytesBase64Encoded": base64(media), "mimeType": "image/png"}


def parse(path: str = PATH, /, parameters: Any = None, **instance: Any) -> Job:
    instance = {"prompt": "fox", **instance}
    job = asked("gemini", post(path, {"instances": [instance], "parameters": parameters}))
    assert isinstance(job, Job)
    return job


# --- what an app sends ----------------------------------------------------------------------------------------------


def option(**more: Any) -> dict[str, Any]:
    return {"options": {"_async": True, **more}}


RECORDED: list[tuple[str, int, dict[str, Any]]] = [
    (
        "genai-py-2.34.0-veo-text",
        0,
        {"size": Size("1080p", "16:9"), "seconds": 8}
        | option(**{"parameters.personGeneration": "allow_adult", "parameters.negativePrompt": "n"}),
    ),
    ("genai-py-2.34.0-veo-first-last-frame", 0, {"inputs": (FOUR, FOUR), "roles": ("first", "last")}),
    ("genai-py-2.34.0-veo-reference-images", 0, {"inputs": (FOUR,), "roles": ("reference",)}),
    ("genai-js-2.32.0-edit-stream-video", 2, {"size": Size(ratio="16:9"), "seconds": 8}),
    (
        "genai-py-3.4.0-vertex-veo",
        0,
        {"model": "veo-3.1-generate-001", "inputs": (FOUR, FOUR), "roles": ("first", "last")}
        | {"size": Size(ratio="16:9")}
        | option(_vertex=True, **{"parameters.generateAudio": True}),
    ),
]


@pytest.mark.parametrize(("name", "at", "changes"), RECORDED)
def test_recorded_requests(name: str, at: int, changes: dict[str, Any]) -> None:
    assert asked("gemini", captured(f"gemini/{name}")[at]) == replace(JOB, prompt="p", **changes)


# (parameters, instance, what differs from JOB, notes)
PARSED: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (None, {}, {}),
    ({"sampleCount": 2, "durationSeconds": "6"}, {}, {"n": 2, "seconds": 6.0}),
    ({"sample_count": None, "duration_seconds": 5.5}, {}, {"seconds": 5.5}),
    ({"resolution": "4k"}, {}, {"size": Size("4K")}),
    ({"resolution": "720p", "aspect_ratio": "9:16"}, {}, {"size": Size("720p", "9:16")}),
    ({"seed": 3, "fps": 24}, {}, option(**{"parameters.seed": 3, "parameters.fps": 24})),
    (None, {"cameraControl": "FIXED"}, option(**{"instances[0].cameraControl": "FIXED"})),
    (None, {"image": {"inline_data": {"data": base64(A)}}}, {"inputs": (A,), "roles": ("first",)}),
    (None, {"image": {"bytes_base64_encoded": "-__-_w"}}, {"inputs": (FOUR,), "roles": ("first",)}),
    (None, {"prompt": "", "image": image(B)}, {"prompt": "", "inputs": (B,), "roles": ("first",)}),
    (None, {"prompt": None, "video": {"uri": OURS}}, {"prompt": "", "inputs": (GONE_ON,), "roles": ("video",)}),
    (
        None,
        {"image": image(A), "last_frame": image(B), "referenceImages": [{"image": image(C), "referenceType": "asset"}]},
        {"inputs": (A, B, C), "roles": ("first", "last", "reference")},
    ),
    (
        None,
        {"referenceImages": [{"image": image(A)}, {"image": image(B), "referenceType": "STYLE"}]},
        {"inputs": (A, B), "roles": ("reference", "reference")}
        | option(**{"instances[0].referenceImages[1].referenceType": "STYLE"}),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "instance", "changes"), PARSED)
def test_parse(parameters: Any, instance: dict[str, Any], changes: dict[str, Any]) -> None:
    assert parse(parameters=parameters, **instance) == replace(JOB, **changes)


@pytest.mark.parametrize(
    ("video", "media"),
    [
        ({"uri": f"files/{ID}0"}, GONE_ON),
        ({"uri": "files/abcdefghijklmnopqrstuvwxyz"}, Media(key="abcdefghijklmnopqrstuvwxyz")),
        ({"gcsUri": "https://x.example/a.mp4"}, Media(url="https://x.example/a.mp4")),
        ({"uri": "https://x.example/files/a.mp4"}, Media(url="https://x.example/files/a.mp4")),
        ({"fileData": {"fileUri": OURS}}, GONE_ON),
        ({"encodedVideo": base64(FILM), "encoding": "video/mp4"}, FILM),
        ({"bytesBase64Encoded": base64(FILM)}, FILM),
    ],
)
def test_a_film_to_go_on_with(video: dict[str, Any], media: Media) -> None:
    job = parse(video=video)
    assert (job.inputs, job.roles) == ((media,), ("video",))


def test_nobody_is_called_back() -> None:
    body = {
        "instances": [{"prompt": "fox"}],
        "parameters": {"pubsubTopic": "t"},
        "webhookConfig": {"uris": ["https://x.example"]},
        "labels": {"my_label": "x"},
    }
    job = asked("gemini", post(PATH, body))
    assert [(note.field, note.what) for note in job.notes] == [
        ("webhookConfig", "left out"),
        ("parameters.pubsubTopic", "left out"),
    ]
    assert job.options == {"_async": True, "labels": {"my_label": "x"}}


BAD: list[tuple[Any, str]] = [
    ({}, "instances"),
    ({"instances": []}, "instances"),
    ({"instances": [{"prompt": "a"}, {"prompt": "b"}]}, "instances"),
    ({"instances": [{}]}, "instances[0].prompt"),
    ({"instances": [{"prompt": " "}]}, "instances[0].prompt"),
    ({"instances": [{"referenceImages": [{"image": image(A)}]}]}, "instances[0].prompt"),
    ({"instances": [{"prompt": "a", "mask": {"image": image(A)}}]}, "instances[0].mask"),
    ({"instances": [{"prompt": "a", "lastFrame": image(A)}]}, "instances[0].lastFrame"),
    ({"instances": [{"prompt": "a", "image": {}}]}, "instances[0].image"),
    ({"instances": [{"prompt": "a", "image": {"gcsUri": "gs://b/a.png"}}]}, "instances[0].image.gcsUri"),
    ({"instances": [{"prompt": "a", "image": {"bytesBase64Encoded": "@@"}}]}, "instances[0].image.bytesBase64Encoded"),
    (
        {"instances": [{"prompt": "a", "image": {"bytesBase64Encoded": "https://x.example/a.png"}}]},
        "instances[0].image.bytesBase64Encoded",
    ),
    ({"instances": [{"prompt": "a", "video": {"uri": OURS.replace("0:", "1:")}}]}, "instances[0].video.uri"),
    ({"instances": [{"prompt": "a", "video": {"uri": "a.mp4"}}]}, "instances[0].video.uri"),
    (
        {"instances": [{"prompt": "a", "video": {"uri": "https://storage.googleapis.com/v1/files/a"}}]},
        "instances[0].video.uri",
    ),
    ({"instances": [{"prompt": "a", "referenceImages": [{}]}]}, "instances[0].referenceImages[0].image"),
    ({"instances": [{"prompt": "a"}], "parameters": {"durationSeconds": "long"}}, "parameters.durationSeconds"),
    ({"instances": [{"prompt": "a"}], "parameters": {"durationSeconds": 0}}, "parameters.durationSeconds"),
    ({"instances": [{"prompt": "a"}], "parameters": {"durationSeconds": "nan"}}, "parameters.durationSeconds"),
    ({"instances": [{"prompt": "a"}], "parameters": {"sampleCount": 11}}, "parameters.sampleCount"),
    ({"instances": [{"prompt": "a"}], "parameters": {"resolution": "999p"}}, "parameters.resolution"),
    ({"instances": [{"prompt": "a"}], "parameters": {"aspectRatio": "1.5"}}, "parameters.aspectRatio"),
    ({"instances": [{"prompt": "a"}], "parameters": {"storageUri": "gs://b"}}, "parameters.storageUri"),
]


@pytest.mark.parametrize(("body", "field"), BAD)
def test_bad_input_names_its_field(body: Any, field: str) -> None:
    with pytest.raises(Fault) as caught:
        asked("gemini", post(PATH, body))
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


# --- what it asks for later -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        f"models/{VEO}/operations/{ID}",
        f"models/a/b:c/operations/{ID}",
        f"operations/{ID}",
        f"tunedModels/m/operations/{ID}",
        f"projects/p/locations/us/publishers/google/models/m/operations/{ID}",
    ],
)
def test_an_operation_is_asked_after(path: str) -> None:
    assert asked("gemini", Call("GET", path)) == Lookup("show", f"req_{ID}")


@pytest.mark.parametrize("spelling", ["operationName", "operation_name"])
def test_vertex_clients_ask_in_a_body(spelling: str) -> None:
    call = post(f"publishers/google/models/{VEO}:fetchPredictOperation", {spelling: f"models/{VEO}/operations/{ID}"})
    assert asked("gemini", call) == Lookup("show", f"req_{ID}")


@pytest.mark.parametrize(
    ("path", "index"),
    [
        (f"/google/v1/files/{ID}0:download", 0),
        (f"/google/files/{ID}3:download", 3),
        (f"/google/v1/files/http://img.example/google/v1beta/files/{ID}1:download", 1),
        (f"/google/v1/files/http://img.example/files/v1beta/files/{ID}1:download?alt=media:download", 1),
    ],
)
def test_a_film_is_taken(path: str, index: int) -> None:
    found = split(path, ("google",))
    assert found is not None
    assert asked("gemini", Call("GET", found[1])) == Lookup("content", f"req_{ID}", index)


@pytest.mark.parametrize(
    ("method", "path", "kind", "word"),
    [
        ("GET", "models/m/operations/op123", "not_found", "operation"),
        ("GET", f"operations/{ID.upper()}", "not_found", "operation"),
        ("POST", f"models/m/operations/{ID}:cancel", "not_found", "ended"),
        ("DELETE", f"operations/{ID}", "wrong_method", "GET"),
        ("GET", "files/abc123:download", "not_found", "uri"),
        ("GET", f"files/{ID}:download", "not_found", "uri"),
        ("POST", f"files/{ID}0:download", "wrong_method", "GET"),
        ("GET", f"files/{ID}0", "not_found", "files/{id}:download"),
    ],
)
def test_what_cannot_be_asked_for(method: str, path: str, kind: str, word: str) -> None:
    with pytest.raises(Fault, match=word) as caught:
        asked("gemini", Call(method, path))
    assert caught.value.kind == kind


# --- how an operation stands ----------------------------------------------------------------------------------------

NAME = f"models/{VEO}/operations/{ID}"
LINK = "http://127.0.0.1:8080/storage/images/x.mp4"
DONE = Result((Media(url=LINK, mime="video/mp4"), Media(url=LINK)))


def state(status: Status, job: Job = JOB, **more: Any) -> JobState:
    return JobState(f"req_{ID}", job, status, 1.0, "http://127.0.0.1:8080/google", **more)


def told(status: Status, job: Job = JOB, **more: Any) -> Any:
    reply = gemini.progress(state(status, job, **more))
    assert reply.status == 200
    return plain(reply.body)


def test_a_film_is_accepted_with_the_name_of_its_operation() -> None:
    reply = gemini.accepted(state("queued"))
    assert (reply.status, plain(reply.body)) == (200, {"name": NAME})
    tuned = gemini.accepted(state("queued", replace(JOB, model="tunedModels/m")))
    assert plain(tuned.body) == {"name": f"tunedModels/m/operations/{ID}"}


def test_an_operation_under_way_is_not_done() -> None:
    assert told("queued") == {"name": NAME}
    assert told("running", progress=33.4) == {"name": NAME, "metadata": {"progressPercent": 33}}


def test_an_operation_that_is_done_names_files_that_clients_can_ask_for() -> None:
    answer = told("succeeded", result=DONE)
    assert answer.keys() == {"name", "done", "response"}
    assert answer["done"] is True
    assert answer["response"]["generateVideoResponse"] == {
        "generatedSamples": [
            {"video": {"uri": f"https://127.0.0.1:8080/google/v1beta/files/{ID}{at}:download?alt=media"}}
            for at in (0, 1)
        ]
    }


def test_a_refused_film_is_filtered_and_no_error() -> None:
    fault = Fault("refused", "why")
    filtered = {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["why"]}
    answer = told("refused", fault=fault)
    assert (answer["done"], answer["response"]["generateVideoResponse"]) == (True, filtered)
    some = told("partial", replace(JOB, n=3), result=DONE, fault=fault)["response"]["generateVideoResponse"]
    assert len(some["generatedSamples"]) == 2
    assert some.items() >= filtered.items()


@pytest.mark.parametrize(
    ("status", "fault", "code", "word"),
    [
        ("failed", Fault("down", "why"), 14, "why"),
        ("failed", Fault("slow", "why"), 4, "why"),
        ("failed", Fault("bad_request", "why", field="x"), 3, "why"),
        ("failed", Fault("no_credit", "why"), 9, "why"),
        ("failed", Fault("internal", "why"), 13, "why"),
        ("failed", None, 13, "could not"),
        ("expired", Fault("gone", "why"), 5, "why"),
        ("expired", None, 5, "expired"),
        ("cancelled", None, 1, "cancelled"),
    ],
)
def test_an_operation_that_failed_has_a_code_of_google_rpc(
    status: Status, fault: Fault | None, code: int, word: str
) -> None:
    answer = told(status, fault=fault)
    assert (answer["done"], answer["error"]["code"]) == (True, code)
    assert word in answer["error"]["message"]
    assert "response" not in answer


def test_a_vertex_client_gets_links() -> None:
    job = replace(JOB, options={"_async": True, "_vertex": True})
    body = told("succeeded", job, result=DONE)
    videos = [{"gcsUri": LINK, "mimeType": "video/mp4"}] * 2
    assert body["response"]["videos"] == videos
    made = operation(body, vertex=True).response.generated_videos
    assert [each.video.uri for each in made] == [LINK] * 2
    filtered = operation(told("refused", job, fault=Fault("refused", "why")), vertex=True)
    assert filtered.response.rai_media_filtered_reasons == ["why"]


def operation(body: Any, vertex: bool = False) -> Any:
    return g.GenerateVideosOperation.from_api_response(body, is_vertex_ai=vertex)


def client(states: list[JobState]) -> Any:
    """Google's own client over a door without a socket: each look at an operation sees the next state."""
    left = iter(states)

    def door(request: httpx.Request) -> httpx.Response:
        found = split(request.url.path, ("google",))
        assert found is not None
        lookup = asked("gemini", Call(request.method, found[1], dict(request.url.params)))
        assert (type(lookup), lookup.id) == (Lookup, f"req_{ID}")
        if lookup.verb == "content":
            return httpx.Response(200, content=f"film {lookup.index}", headers={"content-type": "video/mp4"})
        return httpx.Response(200, json=plain(gemini.progress(next(left)).body))

    http = httpx.Client(transport=httpx.MockTransport(door))
    options = g.HttpOptions(base_url="http://127.0.0.1:8080/google", httpx_client=http)
    return genai.Client(api_key="sk-koci_test", http_options=options)


def test_googles_client_waits_for_a_film_and_downloads_it() -> None:
    with client([state("running", progress=50), state("succeeded", result=DONE)]) as google:
        film = operation({"name": NAME})
        while not film.done:
            film = google.operations.get(film)
        videos = [each.video for each in film.response.generated_videos]
        assert [google.files.download(file=video) for video in videos] == [b"film 0", b"film 1"]
        assert google.files.download(file=videos[1].uri.replace("https://", "http://")) == b"film 1"


def test_googles_client_sees_refusals_and_errors() -> None:
    with client(
        [state("refused", fault=Fault("refused", "why")), state("failed", fault=Fault("down", "why"))]
    ) as google:
        refused, failed = (google.operations.get(operation({"name": NAME})) for _ in range(2))
        assert (refused.error, refused.response.generated_videos) == (None, None)
        assert (refused.response.rai_media_filtered_count, refused.response.rai_media_filtered_reasons) == (1, ["why"])
        assert (failed.done, failed.error["code"], failed.response) == (True, 14, None)
