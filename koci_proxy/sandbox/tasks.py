"""The sandbox's queue: work that was answered with an id, and how far it has come when somebody asks."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .nouns import Order, Seen

MOST = 5_000  # tasks remembered
QUEUED = 0.25  # the share of its time that a task waits before it runs


@dataclass(slots=True)
class Task:
    """One piece of work: whose it is, what it makes and how it ends, how often it was looked at after that.

    `began` and `ends` are monotonic seconds, `created` Unix ones. What is drawn at once ends with a `link` or a
    `complaint`; a film is drawn from its `order` and `seen` when it is fetched. `fate` is the fault it ends with, empty
    for none. `secret` names its film where no key is asked for.
    """

    id: str
    shape: str
    key: str
    began: float
    ends: float
    created: int
    secret: str
    link: str | None = None
    complaint: str | None = None
    order: Order | None = None
    seen: tuple[Seen, ...] = ()
    fate: str = ""
    asked: int = 0
    cancelled: bool = False

    @property
    def film(self) -> Order:
        """What is filmed. Only a film's task has it."""
        if self.order is None:
            raise TypeError(f"task {self.id} makes no film")
        return self.order

    def progress(self, now: float | None = None) -> float:
        """Percent, 100 once it has ended."""
        now = time.monotonic() if now is None else now
        length = self.ends - self.began
        return 100.0 if now >= self.ends else max(0.0, (now - self.began) / length * 100)

    def state(self, now: float | None = None) -> str:
        """queued, running, cancelled, the fault that it ended with, or good."""
        if self.cancelled:
            return "cancelled"
        done = self.progress(now)
        return (self.fate or "good") if done >= 100 else "running" if done >= QUEUED * 100 else "queued"

    def made(self, now: float | None = None) -> bool:
        """Whether it has ended with a film."""
        return self.state(now) in ("good", "partial", "not-image")

    @property
    def updated(self) -> int:
        """When it last changed its state, Unix seconds."""
        passed = max(0.0, min(time.monotonic(), self.ends) - self.began)
        waited = (self.ends - self.began) * QUEUED
        return self.created + int(passed if self.progress() >= 100 else waited if passed >= waited else 0)


class Tasks:
    """Tasks take `seconds`, those of films `film_seconds`, unless they are told otherwise.

    `begun` counts by shape what was begun since it was last cleared.
    """

    def __init__(self, seconds: float, film_seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._film_seconds = film_seconds
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._numbers = itertools.count(176)
        self.begun: Counter[str] = Counter()

    def begin(
        self,
        shape: str,
        key: str,
        *,
        order: Order | None = None,
        seen: tuple[Seen, ...] = (),
        fate: str = "",
        link: str | None = None,
        complaint: str | None = None,
        seconds: float | None = None,
        now: float | None = None,
    ) -> Task:
        """A task: its id is 24 hex digits for the film of an `order`, else a number."""
        now = time.monotonic() if now is None else now
        if seconds is None:
            seconds = self._film_seconds if order else self._seconds
        task = Task(
            id=secrets.token_hex(12) if order else str(next(self._numbers)),
            shape=shape,
            key=key,
            began=now,
            ends=now + seconds,
            created=int(time.time()),
            secret=secrets.token_hex(8),
            link=link,
            complaint=complaint,
            order=order,
            seen=seen,
            fate=fate,
        )
        self._tasks[task.id] = task
        self.begun[shape] += 1
        while len(self._tasks) > MOST:
            self._tasks.popitem(last=False)
        return task

    def find(self, name: str, shape: str, key: str) -> Task | None:
        """A task of that shape and key, None for one that is not its own."""
        task = self._tasks.get(name)
        return task if task and (task.shape, task.key) == (shape, key) else None

    def shown(self, secret: str) -> Task | None:
        """The task whose film has this public name."""
        return next((task for task in self._tasks.values() if task.order and task.secret == secret), None)

    def of(self, shape: str, key: str) -> tuple[Task, ...]:
        """All tasks of a key, oldest first."""
        return tuple(task for task in self._tasks.values() if (task.shape, task.key) == (shape, key))

    def forget(self, task: Task) -> None:
        """Forget a task: its id and its film lead nowhere any more."""
        self._tasks.pop(task.id, None)

    def running(self, shape: str, key: str, now: float | None = None) -> int:
        """How many tasks of a key have not ended."""
        now = time.monotonic() if now is None else now
        return sum(task.ends > now and not task.cancelled for task in self.of(shape, key))
