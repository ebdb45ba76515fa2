"""The sandbox's queue: how far a task has come, whose it is, how many are under way."""

from __future__ import annotations

import pytest

from koci_proxy.sandbox.tasks import MOST, Tasks


@pytest.mark.parametrize(("now", "percent"), [(99.0, 0.0), (100.0, 0.0), (101.0, 25.0), (104.0, 100.0), (200.0, 100.0)])
def test_progress(now: float, percent: float) -> None:
    tasks = Tasks(4)
    task = tasks.find(tasks.begin("k", "link", now=100.0), "k")
    assert task is not None
    assert task.progress(now) == percent


def test_a_task_that_takes_no_time() -> None:
    tasks = Tasks(0)
    task = tasks.find(tasks.begin("k", None, "no", now=5.0), "k")
    assert task is not None
    assert (task.progress(5.0), task.complaint, task.link) == (100.0, "no", None)


def test_a_task_is_its_keys_own_and_counted_while_it_runs() -> None:
    tasks = Tasks(4)
    first, second = tasks.begin("k", "a", now=0.0), tasks.begin("k", "b", now=2.0)
    assert tasks.find(first, "other") is None
    assert [tasks.running("k", now) for now in (3.0, 5.0, 7.0)] == [2, 1, 0]
    assert tasks.running("other", 3.0) == 0
    assert second == first + 1


def test_old_tasks_are_forgotten() -> None:
    tasks = Tasks(4)
    numbers = [tasks.begin("k", "a", now=0.0) for _ in range(MOST + 1)]
    assert tasks.find(numbers[0], "k") is None
    assert tasks.find(numbers[-1], "k") is not None
