"""Imagen's `models/{model}:predict` as a door: one prompt in `instances`, the rest in `parameters`.

Read off recorded requests of google-genai 1.47, which sends it with an API key up to 2.19; newer ones in Vertex mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad
from koci_proxy.types import Job, Note, Result
from koci_proxy.wire import Body, Json, Reply, base64

from . import _gemini, _gemini_config, _names

DOOR = "predict"
SAMPLES = 4  # what Imagen makes when nobody says how many


def parse(model: str, body: Body, dialect: str) -> Job:
    """What the app wants; words without a meaning for other models are noted as left out."""
    whole = Fields(_gemini.folded(body.value) if isinstance(body, Json) else body)
    instances = whole.take("instances")
    if not isinstance(instances, list) or len(instances) != 1:
        raise Fault("bad_request", "instances is required: a list of one object with a prompt", field="instances")
    instance = Fields(instances[0], "instances[0]")
    prompt = instance.required("prompt")
    for name in instance.rest():
        why = "is not taken: this path makes pictures from words; models/{model}:generateContent changes pictures"
        raise bad(instance.path(name), why)
    asked = Fields(whole.take("parameters") or {}, "parameters")
    output = Fields(asked.take("outputOptions") or {}, "parameters.outputOptions")
    if asked.text("storageUri"):
        raise bad("parameters.storageUri", "is not taken: there is no bucket here; the pictures are in the answer")
    tier, ratio = asked.text("sampleImageSize"), asked.text("aspectRatio")
    count, seed = asked.whole("sampleCount", 1, 10), asked.take("seed")
    notes = list(_gemini_config.raised("sampleImageSize", tier))
    notes += [] if count else [Note("sampleCount", "defaulted", f"{SAMPLES}, as Imagen does")]
    reasons = asked.flag("includeRaiReason")
    size = sizes.tier_and_ratio(tier, ratio, asked.path("sampleImageSize"), asked.path("aspectRatio"))
    form = _gemini_config.form_of(output.text("mimeType"), output.path("mimeType"))
    compression = output.whole("compressionQuality", 0, 100)
    lost = [*map(asked.path, asked.rest()), *map(output.path, output.rest()), *whole.rest()]
    notes += [Note(name, "left out", "a word of Imagen alone") for name in lost]
    options: dict[str, Any] = {"_door": DOOR, "_modalities": ("IMAGE",)}
    options |= {"_reasons": True} if reasons else {}
    options |= {f"{_gemini_config.CONFIG}.seed": seed} if seed is not None else {}
    return Job(
        model,
        prompt,
        n=count or SAMPLES,
        size=size,
        format=form,
        compression=compression,
        deliver="base64",
        dialect=dialect,
        options=options,
        notes=tuple(notes),
    )


NAMES: Mapping[str, str] = {
    "task": "model",
    "prompt": "instances[0].prompt",
    "n": "parameters.sampleCount",
    "format": "parameters.outputOptions.mimeType",
    "compression": "parameters.outputOptions.compressionQuality",
}


def named(field: str, job: Job) -> str:
    """What an app calls an input on this path, where the house has another word for it."""
    if field == "size":
        return _names.sized(job, "parameters.sampleImageSize", "parameters.aspectRatio")
    return NAMES.get(field, field)


def render(result: Result, job: Job) -> Reply:
    """The pictures, each as base64 with its type; behind them, where the app wants to know, why others were refused.

    Where all were refused the answer is an error, and that says why.
    """
    predictions: list[dict[str, Any]] = [
        {"mimeType": each.mime or "image/png", "bytesBase64Encoded": base64(each)} for each in result.media
    ]
    if job.options.get("_reasons"):
        predictions += [{"raiFilteredReason": why} for why in result.extras.get("refused", ())]
    return Reply(200, {}, Json({"predictions": predictions}))
