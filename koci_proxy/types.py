"""The nouns that no wire knows: what an app wants, what a vendor made, and the pictures between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .facts import Card
from .faults import Fault

Task = Literal["generate", "edit", "cutout", "video"]
Delivery = Literal["url", "base64"]
# What a picture or film that an app sends is to a film that it asks for.
Role = Literal["reference", "first", "last", "video"]
# A job's life. It begins queued or running; all others are ends.
Status = Literal["queued", "running", "succeeded", "partial", "refused", "failed", "expired", "cancelled"]
UNDER_WAY: frozenset[Status] = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True)
class Size:
    """How large: a tier ("2K") and a ratio ("16:9"), or width × height in pixels, or both once resolved.

    Nothing set is `auto`.
    """

    tier: str | None = None
    ratio: str | None = None
    width: int | None = None
    height: int | None = None

    @property
    def is_auto(self) -> bool:
        return self.tier is None and self.ratio is None and self.width is None

    @property
    def pixels(self) -> tuple[int, int] | None:
        """(width, height), or None when only a tier or a ratio is known."""
        return (self.width, self.height) if self.width is not None and self.height is not None else None

    def __str__(self) -> str:
        words = [self.tier, self.ratio] if self.tier or self.ratio else []
        if self.pixels and not words:
            words = [f"{self.width}x{self.height}"]
        return " ".join(word for word in words if word) or "auto"


AUTO = Size()

# Bytes that are handed on at once. From 128 KiB on each piece would be memory fresh from the system, page by page,
# which costs more than what is done with it.
PIECE = 65_536


class Spool(Protocol):
    """Bytes we hold, raw (never base64), in memory or in a file; read as often as wanted."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def pieces(self, length: int = PIECE, start: int = 0) -> Iterator[bytes]:
        """The bytes from `start` on, in pieces of at most `length`."""


@dataclass(frozen=True, slots=True)
class Media:
    """One picture or film, wherever it is: exactly one of bytes we hold, a foreign URL, or a key of our store; one that
    was delivered has its link beside its key.

    `mime`, `width`, `height`, `size` (bytes) and `seconds` (of a film) are what the bytes say, None while nobody has
    looked.
    """

    data: Spool | None = None
    url: str | None = None
    key: str | None = None
    mime: str | None = None
    width: int | None = None
    height: int | None = None
    size: int | None = None
    seconds: float | None = None

    @property
    def pixels(self) -> tuple[int, int] | None:
        return (self.width, self.height) if self.width is not None and self.height is not None else None


class Sink(Protocol):
    """Takes a picture's raw bytes as they arrive and gives back the `Media` that holds them."""

    def write(self, piece: bytes | bytearray | memoryview) -> object: ...

    def finish(self) -> Media: ...

    def abort(self) -> None: ...


Sinks = Callable[[], Sink]


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was not simply passed on: `field` as the app named it, what happened, and how."""

    field: str
    what: Literal["renamed", "bent", "defaulted", "emulated", "left out", "skipped"]
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.what}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Job:
    """What the app wants, in no dialect.

    `roles` says what each of the `inputs` is to a film, in the same order; empty, all are references. `options` are the
    app's extra words in its own `dialect`; they reach a vendor that speaks it, else they are noted as left out.
    `up_to` is the most pictures that one call may come to where the model decides how many; None where it makes what it
    is asked for. `partials` is how many previews a stream asks for. `thumbnails` asks for a small copy of each picture.
    `notes` grow on the way to the vendor: what was renamed, bent, defaulted or left out. Options whose name begins with
    `_` are a dialect's notes to itself: how to render the answer, what a conversation was; `_lost` lists what of that a
    vendor that does not speak it never hears, as [field, what it is]. `places` are the app's own names of the `inputs`,
    in the same order, where they stand in several places of a body.
    """

    model: str
    prompt: str
    task: Task = "generate"
    inputs: tuple[Media, ...] = ()
    roles: tuple[Role, ...] = ()
    mask: Media | None = None
    n: int = 1
    up_to: int | None = None
    size: Size = AUTO
    quality: str | None = None
    format: str | None = None
    compression: int | None = None
    background: str | None = None
    seconds: float | None = None
    strength: float | None = None
    style: str | None = None
    deliver: Delivery = "url"
    stream: bool = False
    partials: int = 0
    dialect: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    thumbnails: bool = False
    notes: tuple[Note, ...] = ()
    places: tuple[str, ...] = field(default=(), compare=False)

    @property
    def most(self) -> int:
        """How many pictures may come of it, and are to be paid for: `n`, or a set for each of them."""
        return self.n * (self.up_to or 1)


@dataclass(frozen=True, slots=True)
class Listing:
    """The app asks which models there are; `model` names the one it asks for, None means all.

    `page` is what it says of the page it wants, in the words of its dialect. `tasks` is what each model can do, as the
    house has it.
    """

    model: str | None = None
    page: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Balance:
    """The app asks how many credits it has left."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """The app asks about jobs of its own: shows one, follows it to its end, takes its film or picture, ends or deletes
    it, or lists them all.

    `id` is a job's ("req_" and 24 hex digits, or the 15 digits of `JobState.number`), `task` what it must be. `content`
    wants picture `index` of the job, in the `variant` that the app names. `list` gives jobs from the newest on (or, not
    `newest`, from the oldest), `limit` of them, behind the one named `after`; `variant` is then the dialect's own.
    """

    verb: Literal["show", "follow", "content", "delete", "list"] = "show"
    id: str = ""
    index: int = 0
    variant: str = ""
    task: Task | None = None
    after: str | None = None
    limit: int = 20
    newest: bool = True


@dataclass(frozen=True, slots=True)
class Talk:
    """The app makes a conversation, lists its conversations, or shows one with its pictures."""

    verb: Literal["make", "list", "show"]
    id: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """The app hands in a file for later use: it begins with a name and a type, and finishes with the bytes.

    `token` is what the address of the second step carries in place of a key.
    """

    step: Literal["begin", "finish"]
    token: str = ""
    name: str = ""
    mime: str = ""
    media: Media | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One way to serve a job: a provider, its name for the model, the dialect it speaks, its card. Holds no key.

    `wire` is what the provider's file says to the dialect alone: the templates of a vendor without code.
    """

    provider: str
    model: str
    dialect: str
    card: Card
    wire: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came: pictures in order, words, the usage the vendor counted, and notes of what was changed.

    `usage` has one spelling in every dialect: input_tokens, output_tokens, total_tokens and their `…_details`.

    `extras` are further answers of the vendor in its own dialect (a revised prompt, a thought signature).
    """

    media: tuple[Media, ...]
    text: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    created: int | None = None
    thumbnails: tuple[Media, ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ticket:
    """The vendor is still at work: a JSON handle that can be written down, progress in percent, seconds to wait."""

    handle: Mapping[str, Any]
    progress: float | None = None
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The job is under way; `percent` is 0-100, None when the vendor does not say."""

    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """A preview of picture `index`."""

    media: Media
    index: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """Picture `index` is done while others are still under way; `created` in Unix seconds, None if nobody says."""

    media: Media
    index: int = 0
    created: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The job ended well. `shown` are those of its pictures that the listener was shown before, as `Made`.

    From a vendor's stream also the end of one picture of a set: `fault` is why it was not made.
    """

    result: Result
    shown: frozenset[int] = frozenset()
    fault: Fault | None = None


Event = Progress | Partial | Done
# What listeners of a job are told; of these a door that has no word for a `Made` never hears one.
Told = Event | Made


@dataclass(frozen=True, slots=True)
class JobState:
    """A job as it stands: what was asked, how far it is, and what came of it.

    `job` is as it was asked, its pictures without bytes. `number` names it where a wire wants 15 digits. `progress` is
    0-100, None when nobody says; times are Unix seconds. `links` is the URL of the platform that was asked
    ("https://img.example.com/name"), without a slash at its end. An end is a `result`, whose media are links, or a
    `fault`, or nothing where it was cancelled. `expires_at` is when the result goes, None for never.
    """

    id: str
    job: Job
    status: Status
    created_at: float
    links: str = ""
    number: str = ""
    progress: float | None = None
    ended_at: float | None = None
    expires_at: float | None = None
    result: Result | None = None
    fault: Fault | None = None

    @property
    def ended(self) -> bool:
        return self.status not in UNDER_WAY


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the id and name of an app key, whom it belongs to, and what it may do.

    `limits` are `per_minute`, `pictures_per_minute`, `at_once` and `credits_per_day` (in thousandths of a credit), each
    only where it binds. `models` and `platforms` are all that it may use, None for any.
    """

    id: str
    name: str
    limits: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    models: tuple[str, ...] | None = None
    platforms: tuple[str, ...] | None = None
