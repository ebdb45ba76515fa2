"""The sandbox's queue: how far a task has come and how it ends, whose it is, how many are under way."""

from __future__ import annotations

import re

import pytest

from koci_proxy.sandbox.nouns import Order
from koci_proxy.sandbox.tasks import MOST, Tasks

FILM = Order("veo", "a fox", 1280, 720, seconds=8)


@pytest.mark.parametrize(("now", "percent"), [(99.0, 0.0), (100.0, 0.0), (101.0, 25.0), (104.0, 100.0), (200.0, 100.0)])
def test_progress(now: float, percent: float) -> None:
    assert Tasks(4).begin("s", "k", link="link", now=100.0).progress(now) == percent


def test_a_task_that_takes_no_time() -> None:
    task = Tasks(0).begin("s", "k", complaint="no", now=5.0)
    assert (task.progress(5.0), task.state(5.0), task.complaint, task.link) == (100.0, "good", "no", None)


@pytest.mark.parametrize(
    ("fate", "now", "state"),
    [
        ("", 0.9, "queued"),
        ("fail", 0.9, "queued"),
        ("", 1.0, "running"),
        ("fail", 3.9, "running"),
        ("", 4.0, "good"),
        ("fail", 4.0, "fail"),
        ("refuse", 9.0, "refuse"),
    ],
)
def test_a_film_waits_runs_and_ends(fate: str, now: float, state: str) -> None:
    task = Tasks(1, film_seconds=4).begin("s", "k", order=FILM, fate=fate, now=0.0)
    assert (task.state(now), task.made(now)) == (state, state == "good")


def test_a_task_may_take_its_own_time_and_be_cancelled() -> None:
    task = Tasks(1, film_seconds=4).begin("s", "k", order=FILM, seconds=40, now=0.0)
    assert task.state(39.0) == "running"
    task.cancelled = True
    assert (task.state(39.0), task.state(99.0), task.made(99.0)) == ("cancelled", "cancelled", False)


def test_ids_are_numbers_or_for_films_hex() -> None:
    tasks = Tasks(4)
    first, second = tasks.begin("s", "k"), tasks.begin("s", "k")
    film = tasks.begin("s", "k", order=FILM)
    assert int(second.id) == int(first.id) + 1
    assert re.fullmatch(r"[0-9a-f]{24}", film.id)
    assert tasks.shown(film.secret) is film
    assert tasks.shown(first.secret) is None
    with pytest.raises(TypeError):
        assert first.film


def test_a_task_is_its_shapes_and_keys_own_and_counted_while_it_runs() -> None:
    tasks = Tasks(4)
    first, second = tasks.begin("s", "k", now=0.0), tasks.begin("s", "k", now=2.0)
    tasks.begin("t", "k", now=0.0)
    assert tasks.find(first.id, "s", "k") is first
    assert tasks.find(first.id, "s", "other") is None
    assert tasks.find(first.id, "t", "k") is None
    assert [tasks.running("s", "k", now) for now in (3.0, 5.0, 7.0)] == [2, 1, 0]
    assert tasks.running("s", "other", 3.0) == 0
    assert tasks.of("s", "k") == (first, second)
    assert tasks.begun == {"s": 2, "t": 1}
    tasks.forget(first)
    assert tasks.of("s", "k") == (second,)


def test_old_tasks_are_forgotten() -> None:
    tasks = Tasks(4)
    made = [tasks.begin("s", "k", now=0.0) for _ in range(MOST + 1)]
    assert tasks.find(made[0].id, "s", "k") is None
    assert tasks.find(made[-1].id, "s", "k") is made[-1]
    assert tasks.begun["s"] == MOST + 1 > 1000
