"""The sandbox's queue: work that was answered with a number, and how far it has come when somebody asks."""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict
from dataclasses import dataclass

MOST = 1_000  # tasks remembered


@dataclass(slots=True)
class Task:
    """One piece of work: whose it is, the link or the complaint it ends with, how often it was looked at after that."""

    key: str
    link: str | None
    complaint: str | None
    began: float
    ends: float
    asked: int = 0

    def progress(self, now: float) -> float:
        """Percent, 100 once it has ended."""
        length = self.ends - self.began
        return 100.0 if now >= self.ends else max(0.0, (now - self.began) / length * 100)


class Tasks:
    """Every task takes `seconds`. What it makes is made already: only the telling is put off."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._tasks: OrderedDict[int, Task] = OrderedDict()
        self._numbers = itertools.count(176)

    def begin(self, key: str, link: str | None, complaint: str | None = None, now: float | None = None) -> int:
        now = time.monotonic() if now is None else now
        number = next(self._numbers)
        self._tasks[number] = Task(key, link, complaint, now, now + self._seconds)
        while len(self._tasks) > MOST:
            self._tasks.popitem(last=False)
        return number

    def find(self, number: int, key: str) -> Task | None:
        """A task of that key, None for one that is not its own."""
        task = self._tasks.get(number)
        return task if task and task.key == key else None

    def running(self, key: str, now: float | None = None) -> int:
        """How many tasks of a key have not ended."""
        now = time.monotonic() if now is None else now
        return sum(task.key == key and task.ends > now for task in self._tasks.values())
