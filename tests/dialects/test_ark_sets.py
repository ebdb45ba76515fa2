"""Sets at Ark: the model decides how many pictures they hold, so the vendor is told the most that is paid for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.engine.spoken import same_words
from koci_proxy.faults import Fault
from koci_proxy.types import Media
from koci_proxy.wire import Call

from .test_ark import JOB, LEAST, LINK, ark, parse
from .wires import asked, plain, target

AUTO = {"sequential_image_generation": "auto"}
OPTIONS = "sequential_image_generation_options"


def sent(call: Call) -> Any:
    return plain(call.body)


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        (AUTO, 15),
        (AUTO | {OPTIONS: None}, 15),
        (AUTO | {OPTIONS: {}}, 15),
        (AUTO | {OPTIONS: {"max_images": None}}, 15),
        (AUTO | {OPTIONS: {"max_images": 6}}, 6),
        (AUTO | {OPTIONS: {"max_images": 6.0}}, 6),
        (AUTO | {OPTIONS: {"max_images": 15}, "image": LINK}, 15),
        (AUTO | {"image": LINK}, 14),
        (AUTO | {"image": [LINK] * 14}, 1),
        (AUTO | {"image": [LINK] * 20}, 1),
    ],
)
def test_a_set_has_a_bound_and_the_vendor_is_told(fields: dict[str, Any], most: int) -> None:
    job = parse(**fields)
    assert (job.n, job.up_to, job.most) == (1, most, most)
    body = sent(ark.encode(job, target("ark")))
    assert body["sequential_image_generation"] == "auto"
    assert body[OPTIONS] == {"max_images": most}
    assert type(body[OPTIONS]["max_images"]) is int


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"sequential_image_generation": "disabled"},
        {OPTIONS: {"max_images": 6}},
        {"sequential_image_generation": None},
    ],
)
def test_what_is_no_set_has_none(fields: dict[str, Any]) -> None:
    job = parse(**fields)
    assert (job.n, job.up_to, job.most) == (1, None, 1)
    assert "sequential_image_generation" not in sent(ark.encode(job, target("ark")))


@pytest.mark.parametrize("most", [0, -1, 16, 1.5, True, "6", [6]])
def test_a_bound_that_is_none_names_its_field(most: Any) -> None:
    with pytest.raises(Fault) as caught:
        parse(**AUTO, **{OPTIONS: {"max_images": most}})
    assert (caught.value.kind, caught.value.field) == ("bad_request", f"{OPTIONS}.max_images")


def test_what_else_an_app_says_of_a_set_is_passed_on() -> None:
    job = parse(**AUTO, **{OPTIONS: {"max_images": 3, "style": ["same"]}})
    assert job.options == AUTO | {OPTIONS: {"max_images": 3, "style": ["same"]}}
    assert sent(ark.encode(job, target("ark")))[OPTIONS] == {"max_images": 3, "style": ["same"]}


def test_a_plugin_may_make_it_smaller() -> None:
    body = sent(ark.encode(replace(parse(**AUTO), up_to=4), target("ark")))
    assert body[OPTIONS] == {"max_images": 4}


def test_a_job_of_a_time_without_a_bound_goes_out_as_it_was_asked() -> None:
    old = replace(parse(**AUTO), up_to=None)
    assert sent(ark.encode(old, target("ark"))) == LEAST | AUTO | {"prompt": "fox"}


def test_other_doors_and_single_pictures_are_told_nothing_of_sets() -> None:
    """5.0 pro refuses to hear of them."""
    for job in (JOB, replace(JOB, dialect="openai", up_to=3, inputs=(Media(url=LINK),))):
        assert not {"sequential_image_generation", OPTIONS} & set(sent(ark.encode(job, target("ark"))))


def test_a_vendor_of_another_shape_is_not_asked_for_a_set() -> None:
    elsewhere = target("openai")
    job = same_words(parse(**AUTO), elsewhere, ark)
    assert [(note.field, note.what) for note in job.notes] == [("sequential_image_generation", "left out")]
    assert job.most == 15


def test_a_set_is_read_back_from_what_is_sent() -> None:
    job = parse(**AUTO, **{OPTIONS: {"max_images": 6}})
    again = asked("ark", ark.encode(job, target("ark")))
    assert (again.options, again.up_to) == (job.options, job.up_to)
