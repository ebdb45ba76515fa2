"""What is written down in YAML, as values: cards of model families, providers, and the models of this house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Pixels = tuple[int, int]

DATABASES = ("sqlite", "postgresql", "postgres")
"""The kinds of databases that keep the state of a house, as its URL names them."""

ESCAPED = "in a password write @ as %40, : as %3A, / as %2F"
"""What may be wrong with a database's URL whose host or port makes no sense."""


@dataclass(frozen=True, slots=True)
class SizeRules:
    """Which sizes a model family makes, and how its wire spells one.

    `wire` is `pixels` (WxH), `tier_ratio` (a tier and a ratio), `ratio` (a ratio alone) or `none`. `table` maps a tier
    to its ratios to pixels. Edges, areas and step bind free pixel sizes; `tiers` and `ratios` are what is offered.
    """

    wire: Literal["pixels", "tier_ratio", "ratio", "none"] = "pixels"
    tiers: tuple[str, ...] = ()
    ratios: tuple[str, ...] = ()
    table: Mapping[str, Mapping[str, Pixels]] = field(default_factory=dict)
    step: int = 1
    min_edge: int | None = None
    max_edge: int | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    max_ratio: float | None = None
    default_tier: str | None = None
    default_ratio: str | None = None


@dataclass(frozen=True, slots=True)
class InputRules:
    """Reference pictures a family takes: how many, how large (bytes, longest edge), which types, a mask or not.

    `mask_edits` is the part of a mask that stands for what is to change: where it is transparent (`alpha`), white or
    black. `policy` says what becomes of a picture that does not fit: it is refused, or shrunk, or shrunk and converted.
    `roles` is what an input may be to a film (reference, first, last, video), of which `max` counts the references;
    `mixed`, whether references, frames and a film may come together.
    """

    max: int = 0
    max_bytes: int | None = None
    max_edge: int | None = None
    mimes: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp")
    mask: bool = False
    mask_edits: Literal["alpha", "white", "black"] = "alpha"
    policy: Literal["refuse", "shrink", "convert"] = "convert"
    roles: tuple[str, ...] = ("reference",)
    mixed: bool = True


@dataclass(frozen=True, slots=True)
class Card:
    """Facts about one model family.

    `n` is how many pictures one vendor call makes at most, `stream` whether it can send previews or pictures one by
    one. `takes` maps a field of a `Job` to the values the family takes, None for any; a field that is not named there
    is not taken. `renames` maps a field to old value -> new value. `omits` are words of its own wire that it refuses:
    they are left out, with a note. `seconds` is how long a film is that nobody asked a length of. `lengths` maps a
    tier, or the role of an input, to the seconds it makes with that, where those are fewer than it takes.
    """

    name: str
    tasks: frozenset[str] = frozenset({"generate"})
    size: SizeRules = field(default_factory=SizeRules)
    inputs: InputRules = field(default_factory=InputRules)
    n: int = 1
    prompt_chars: int | None = None
    stream: bool = False
    takes: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    renames: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    omits: frozenset[str] = frozenset()
    seconds: float | None = None
    lengths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaultRule:
    """What one answer of a vendor means: every condition that is set must hold. First rule that fits wins."""

    kind: str
    status: int | None = None
    code: str | None = None
    path: str | None = None
    value: Any = None


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor: where it is, how it takes a key, what its refusals mean, and the card of each of its models.

    `url` is the base under which the dialect's paths lie. `timeout` is the longest wait for an answer, in seconds.
    `idempotency_header` is the header by which it knows a call that is sent again and does the work only once; None for
    a vendor that has none. `wire` is for the dialect alone.
    """

    name: str
    dialect: str
    url: str
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, Card] = field(default_factory=dict)
    faults: tuple[FaultRule, ...] = ()
    timeout: float = 600.0
    sandbox: bool = False
    idempotency_header: str | None = None
    wire: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyPool:
    """The vendor keys of one provider, in the order written, and how hard each may be used.

    `names` are what logs and `explain` show in place of a key ("vendor#1"). `at_once` and `per_minute` bind each key.
    """

    provider: str
    names: tuple[str, ...]
    secrets: tuple[str, ...] = field(repr=False)
    weights: tuple[float, ...] = ()
    at_once: int | None = None
    per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Targets that split the load of one step, each with its weight. A fallback list is a tuple of shares."""

    targets: tuple[tuple[str, str, float], ...]  # provider, vendor model, weight


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be asked for: requests and pictures a minute, requests at once, thousandths of a credit a day.

    None is no bound. What is asked again by an SDK's own retry is asked once.
    """

    per_minute: int | None = None
    pictures_per_minute: int | None = None
    at_once: int | None = None
    credits_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A name apps ask for: its steps in order of fallback, its price as written, what the house sets on each job.

    `limits` bind all keys together. With `strict` a job that would be changed on the way is refused instead.
    """

    name: str
    to: tuple[Share, ...]
    price: Any = 0
    set: Mapping[str, Any] = field(default_factory=dict)
    size_policy: Literal["exact", "nearest", "cover"] | None = None
    strict: bool = False
    platforms: tuple[str, ...] = ()
    limits: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True, slots=True)
class Retry:
    """`tries` per target, first `wait` in seconds (doubled each time), repeats that may cost money, total seconds."""

    tries: int = 2
    wait: float = 0.5
    maybe_paid: int = 0
    give_up: float = 600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of each app key that has none of its own, of the whole house, and of a body, in bytes."""

    key: Bounds = field(default_factory=Bounds)
    house: Bounds = field(default_factory=Bounds)
    body: int = 60 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LogFacts:
    """How long the request log is kept, in seconds (None: for ever), and whether it holds prompts."""

    keep: float | None = 30 * 86_400.0
    prompts: bool = False


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """Where delivered pictures are kept, for how long (seconds, None: for ever), whether their links are signed."""

    folder: str = "data/media"
    keep: float | None = None
    signed: bool = False


@dataclass(frozen=True, slots=True)
class JobFacts:
    """How long the answer of a call that an app waited for is kept for its retries, and a job it did not wait for, in
    seconds (None: for ever); and what becomes of a call whose app hangs up.
    """

    keep_answers: float = 900.0
    keep: float | None = 30 * 86_400.0
    hang_up: Literal["finish", "cancel"] = "finish"


@dataclass(frozen=True, slots=True)
class House:
    """`routes.yaml` and all it names, checked whole: what one request sees from its beginning to its end.

    `platforms` maps the first word of a path to a dialect, `defaults` to what a picture is where an app does not say.
    `pace` is the URL of the Redis that counts for all
    processes, `admin` an admin token beside those in the database. `secrets` are all values that must never be shown.
    """

    platforms: Mapping[str, str]
    models: Mapping[str, Model]
    providers: Mapping[str, Provider]
    keys: Mapping[str, KeyPool]
    aliases: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    public_url: str | None = None
    size_policy: Literal["exact", "nearest", "cover"] = "nearest"
    balance: Literal["least_busy", "round_robin", "weighted", "fastest"] = "least_busy"
    retry: Retry = field(default_factory=Retry)
    limits: Limits = field(default_factory=Limits)
    store: StoreFacts = field(default_factory=StoreFacts)
    jobs: JobFacts = field(default_factory=JobFacts)
    log: LogFacts = field(default_factory=LogFacts)
    pace: str | None = None
    state: str = "sqlite:///data/koci.db"
    plugins: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    admin: str | None = field(default=None, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
