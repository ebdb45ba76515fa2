"""The picture a generationConfig asks for, in the spellings of the Developer API and of Vertex AI."""

from __future__ import annotations

from typing import Any

import pytest

from koci_proxy.faults import Fault
from koci_proxy.types import Job, Size

from .wires import asked, post

FOX = [{"role": "user", "parts": [{"text": "fox"}]}]


def parse(**config: Any) -> Job:
    job = asked("gemini", post("models/m:generateContent", {"contents": FOX, "generationConfig": config}))
    assert isinstance(job, Job)
    return job


def new(**image: Any) -> dict[str, Any]:
    return {"responseFormat": {"image": image}}


SIZES: list[tuple[dict[str, Any], Size]] = [
    (new(aspectRatio="ASPECT_RATIO_SIXTEEN_BY_NINE", imageSize="IMAGE_SIZE_TWO_K"), Size("2K", "16:9")),
    (new(aspectRatio="ASPECT_RATIO_TWENTY_ONE_BY_NINE", imageSize="IMAGE_SIZE_FOUR_K"), Size("4K", "21:9")),
    (new(aspect_ratio="ASPECT_RATIO_ONE_BY_EIGHT", image_size="IMAGE_SIZE_FIVE_TWELVE"), Size("512", "1:8")),
    (new(aspectRatio="ASPECT_RATIO_UNSPECIFIED", imageSize="IMAGE_SIZE_UNSPECIFIED"), Size()),
    ({"imageConfig": {"imageSize": "1K"}, **new(imageSize="2K")}, Size("2K")),
]


@pytest.mark.parametrize(("config", "size"), SIZES)
def test_sizes(config: dict[str, Any], size: Size) -> None:
    job = parse(**config)
    assert (job.size, job.options, job.notes) == (size, {}, ())


# (config, format, compression, options left)
FORMS: list[tuple[dict[str, Any], str | None, int | None, dict[str, Any]]] = [
    (new(mimeType="IMAGE_JPEG"), "jpeg", None, {}),
    (new(mime_type="image/png"), "png", None, {}),
    (new(mimeType="MIME_TYPE_UNSPECIFIED"), None, None, {}),
    ({"imageConfig": {"imageOutputOptions": {"mimeType": "image/jpg", "compressionQuality": 80}}}, "jpeg", 80, {}),
    (
        {"imageConfig": {"imageOutputOptions": {"mimeType": "image/png"}}, **new(mimeType="IMAGE_WEBP")},
        "webp",
        None,
        {},
    ),
    (
        {"image_config": {"image_output_options": {"other": 1}, "prominent_people": "x"}},
        None,
        None,
        {"generationConfig.imageConfig": {"imageOutputOptions": {"other": 1}, "prominentPeople": "x"}},
    ),
    (new(y=1), None, None, {"generationConfig.responseFormat": {"image": {"y": 1}}}),
]


@pytest.mark.parametrize(("config", "form", "compression", "options"), FORMS)
def test_forms(config: dict[str, Any], form: str | None, compression: int | None, options: dict[str, Any]) -> None:
    job = parse(**config)
    assert (job.format, job.compression, job.options) == (form, compression, options)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (new(mimeType="image/tiff"), "generationConfig.responseFormat.image.mimeType"),
        (new(aspectRatio="ASPECT_RATIO_WIDE"), "generationConfig.responseFormat.image.aspectRatio"),
        (
            {"imageConfig": {"imageOutputOptions": {"compressionQuality": 101}}},
            "generationConfig.imageConfig.imageOutputOptions.compressionQuality",
        ),
        ({"imageConfig": {"imageOutputOptions": 7}}, "generationConfig.imageConfig.imageOutputOptions"),
    ],
)
def test_bad_input_names_its_field(config: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(**config)
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)
