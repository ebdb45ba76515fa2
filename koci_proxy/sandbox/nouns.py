"""The sandbox's own nouns: what was asked, what is to be drawn or filmed, what is answered, and what a shape can do."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from .tasks import Task, Tasks

PIECE = 192 * 1024  # a multiple of 3, so that the pieces' base64 joins without padding: 256 KiB of text each


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a multipart body, as it was declared."""

    name: str
    filename: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, read whole. `origin` is the address it came to; `broken` says why the body can't be read.

    `tasks` is the queue of the sandbox that was asked, `at_once` how many calls of this key it is busy with.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    origin: str
    body_size: int = 0
    form: bool = False
    fields: Any = None
    uploads: tuple[Upload, ...] = ()
    broken: str | None = None
    tasks: Tasks = field(default_factory=lambda: Tasks(0))
    at_once: int = 0

    @property
    def bearer(self) -> str:
        """The token of a Bearer; empty where there is none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True)
class Picture:
    """A finished picture or film file, in pieces of PIECE bytes, and the same as base64 (made once, on first use).

    `previews` are what a stream shows of it before it is done, in order.
    """

    mime: str
    pieces: tuple[bytes, ...]
    previews: tuple[Picture, ...] = ()

    @cached_property
    def base64(self) -> tuple[bytes, ...]:
        return tuple(base64.b64encode(piece) for piece in self.pieces)

    @cached_property
    def size(self) -> int:
        """Length of the file in bytes."""
        return sum(map(len, self.pieces))


def picture(mime: str, data: bytes) -> Picture:
    return Picture(mime, tuple(data[at : at + PIECE] for at in range(0, len(data), PIECE)))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a decoded reference showed: its format as Pillow names it, pixels, alpha, a small copy, and its bytes.

    A film's format is MP4 and its small copy the first frame; `seconds` is its length, 0 for a picture.
    """

    format: str
    width: int
    height: int
    alpha: bool
    thumb: Any
    data: bytes = b""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to draw or, with `seconds`, to film. Width 0 means that the size hangs on the references: `settle` fills it
    in.

    `references` and `mask` are bytes, or URLs still to be fetched. `stamp` is a mark for all to see, in the lower right
    corner. With `cut` the first reference itself is cut out, and nothing drawn. `seconds` is the length of a film.
    `take` is how many seconds the task for it takes, None for as long as usual; `task` is that task once it was begun.
    `words` are the shape's own effective values.
    """

    model: str
    prompt: str
    width: int = 0
    height: int = 0
    mime: str = "image/png"
    n: int = 1
    references: tuple[bytes | str, ...] = ()
    mask: bytes | str | None = None
    transparent: bool = False
    cut: bool = False
    stream: bool = False
    partials: int = 0
    stamp: str = ""
    seconds: float = 0.0
    take: float | None = None
    task: Task | None = None
    words: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Showing:
    """What is to be sent: a task's film, or a picture of it as `films.poster` makes them."""

    task: Task
    what: str = "film"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `chunked` leaves out its length, as a stream does."""

    status: int
    pieces: tuple[bytes, ...]
    mime: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    chunked: bool = False

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))


class Refusal(Exception):
    """The vendor says no, in its own words."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Broken(Exception):
    """A reference that is no picture, or cannot be had. `index` counts from 0, -1 is the mask."""

    def __init__(self, index: int, why: str) -> None:
        super().__init__(why)
        self.index = index
        self.why = why


class Shape(Protocol):
    """One vendor's way to be asked and to answer; a module of these functions is a shape."""

    NAME: str

    def owns(self, path: str) -> bool:
        """Whether this shape answers under that path."""

    def key(self, ask: Ask) -> str | None:
        """The key as this vendor expects it, None when there is none."""

    def words(self, ask: Ask) -> tuple[str, str]:
        """(model, prompt) as far as they can be found; judges nothing."""

    def read(self, ask: Ask) -> Order | Answer | Showing:
        """The order, or the answer where nothing is to be drawn, or the film to be sent. Raises Refusal for whatever
        the vendor would refuse before it looks at pictures."""

    def settle(self, order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
        """The order with its size, now that the references are known. Raises Refusal."""

    def answer(self, order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
        """The good answer: the pictures, or that `order.task` was begun."""

    def empty(self, order: Order, way: int) -> Answer:
        """A 200 without a picture; some shapes have several ways."""

    def refuse(self, order: Order, how: str) -> Answer:
        """Content refused; `how` is "output" when it is refused only after drawing. For a task that draws at once it
        may also be "fail": the task fails, and content is not why."""

    def trouble(self, what: str, arg: str) -> Answer:
        """A bad answer: no_key, bad_key, bad_body, too_large, reference, or a fault the vendor words itself."""
