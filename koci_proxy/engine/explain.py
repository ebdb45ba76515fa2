"""What would happen: the targets of a wish in order, the sizes, the price, and the exact vendor request."""

from __future__ import annotations

import base64 as b64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import fit, prices, sizes
from ..facts import Card, Model
from ..faults import Fault
from ..media import from_bytes
from ..types import Caller, Job, Media, Role, Target
from ..wire import Form, Json, Raw, Spelled
from . import exchange
from .conduct import Engine

# One white pixel: stands for each reference picture of an explained edit.
_PIXEL = b64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg=="
)

# The fields of a question by their types, and the bounds of those that are numbers; a film lasts up to an hour.
_KNOWN: Mapping[str, type] = {
    **dict.fromkeys(("model", "size", "ratio", "quality", "prompt"), str),
    **{"n": int, "images": int, "mask": bool, "seconds": float},
}
_BOUNDS: Mapping[str, tuple[float, float]] = {"n": (1, 100), "images": (0, 100), "seconds": (0.001, 3600)}


@dataclass(frozen=True, slots=True)
class Question:
    """A wish to explain: a model, a size as text or a ratio, how many pictures, references and a mask, and how many
    seconds of film.
    """

    model: str
    size: str = ""
    ratio: str = ""
    n: int = 1
    quality: str | None = None
    images: int = 0
    mask: bool = False
    prompt: str = "a fox"
    seconds: float | None = None

    @staticmethod
    def read(body: Any) -> Question:
        """From JSON; `Fault` bad_request with the field."""
        if not isinstance(body, Mapping):
            raise Fault("bad_request", "the body must be an object")
        for name, value in body.items():
            if name not in _KNOWN:
                raise Fault("bad_request", f"unknown field {name!r}; known are {', '.join(_KNOWN)}", field=name)
            kind = _KNOWN[name]
            number = isinstance(value, (float, int)) and not isinstance(value, bool)
            if not (number if kind is float else isinstance(value, kind) and (kind is not int or number)):
                raise Fault("bad_request", f"{name} must be {kind.__name__}", field=name)
            if name in _BOUNDS and not _BOUNDS[name][0] <= value <= _BOUNDS[name][1]:
                least, most = _BOUNDS[name]
                raise Fault("bad_request", f"{name} must be from {least} to {most}", field=name)
        if "model" not in body:
            raise Fault("bad_request", "model is required", field="model")
        return Question(**body)

    def job(self, cards: Sequence[Card] = ()) -> Job:
        """The job, of a film where all the `cards` of the model's targets make films alone."""
        asked = sizes.tier_and_ratio(self.size, self.ratio, "size", "ratio")
        picture = from_bytes(_PIXEL)
        edit = self.images > 0 or self.mask
        film = bool(cards) and all(card.tasks == fit.FILMS for card in cards)
        return Job(
            model=self.model,
            prompt=self.prompt,
            task="video" if film else "edit" if edit else "generate",
            inputs=(picture,) * max(self.images, 1 if edit else 0),
            roles=_frames(self.images, cards) if film else (),
            mask=picture if self.mask else None,
            n=self.n,
            size=asked,
            quality=self.quality,
            seconds=self.seconds,
        )


def _frames(count: int, cards: Sequence[Card]) -> tuple[Role, ...]:
    """The roles of so many pictures: the first and the last frame where one of the cards takes no references."""
    frames: tuple[Role, ...] = ("first", "last")
    return frames[:count] if any("reference" not in card.inputs.roles for card in cards) else ()


async def explain(engine: Engine, question: Question) -> dict[str, Any]:
    """Everything but the call itself, as JSON; keys by name, never by value."""
    asked = question.job(engine.cards(engine.model(question.model)))
    planned = await engine.plan(asked, Caller("explain", "explain"))
    job, model = planned.job, planned.model
    price = prices.parse(model.price)
    return {
        "model": model.name,
        "asked": str(asked.size),
        "policy": engine.policy(model),
        "notes": [str(note) for note in job.notes],
        "targets": [await _target(engine, job, model, target, price) for target in planned.targets],
    }


async def _target(engine: Engine, job: Job, model: Model, target: Target, price: prices.Price) -> dict[str, Any]:
    provider = engine.house.providers[target.provider]
    keys = engine.keys[target.provider].pool.facts
    row: dict[str, Any] = {"target": str(target), "dialect": target.dialect, "keys": list(keys.names)}
    each = min(job.n, max(target.card.n, 1))
    try:
        sent, call = await engine.prepare(replace(job, n=each), model, target)
    except Fault as fault:
        return {**row, "refused": fault.message}
    request = exchange.prepare(call, provider, "***", engine.shell)
    pixels = sent.size.pixels
    length = {"seconds": sent.seconds} if sent.task == "video" else {}
    return {
        **row,
        "size": {"sent": str(sent.size), "expected": f"{pixels[0]}x{pixels[1]}" if pixels else None},
        **length,
        "notes": [str(note) for note in sent.notes],
        "calls": -(-job.n // each),
        "price": prices.show(prices.of(price, replace(job, seconds=sent.seconds), job.n)),
        "request": {
            "method": request.method,
            "url": request.url,
            "headers": {name: masked(value, engine.house.secrets) for name, value in request.headers.items()},
            "body": shown(call.body),
        },
    }


def masked(text: str, secrets: Collection[str]) -> str:
    """A header's value without any secret that routes.yaml or a provider file brought in."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def shown(body: Any) -> Any:
    """A body as a person can read it: pictures as one line each."""
    match body:
        case Json(value):
            return shown(value)
        case Form(fields):
            return {"multipart": [[name, shown(value)] for name, value in fields]}
        case Raw(_, mime):
            return f"<{mime}>"
        case Spelled(media, form):
            return f"<{form} of {shown(media)}>"
        case Media():
            return f"<{media_line(body)}>"
        case Mapping():
            return {key: shown(value) for key, value in body.items()}
        case list() | tuple():
            return [shown(value) for value in body]
        case _:
            return body


def media_line(media: Media) -> str:
    size = f" {media.width}x{media.height}" if media.pixels else ""
    return media.url or f"{media.mime or 'unknown'}{size} {media.size or 0} bytes"
