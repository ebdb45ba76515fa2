"""What a generationConfig of the Gemini shape says of the picture: size, form, delivery, and the kinds of parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from koci_proxy import sizes
from koci_proxy.fields import Fields, bad
from koci_proxy.types import Delivery, Note, Size

CONFIG = "generationConfig"
IMAGE = f"{CONFIG}.imageConfig"
MODALITIES = ("TEXT", "IMAGE")

# Vertex AI spells out in responseFormat.image what the Developer API writes as "16:9", "2K" and "image/jpeg".
_NUMBERS = {
    **{"ONE": "1", "TWO": "2", "THREE": "3", "FOUR": "4", "FIVE": "5", "EIGHT": "8", "NINE": "9"},
    **{"SIXTEEN": "16", "TWENTY_ONE": "21", "FIVE_TWELVE": "512"},
}
_FORMATS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The picture that is asked for; `options` are the words beside, named by their path in the body, and `read` the
    objects that they are from.
    """

    size: Size
    format: str | None
    compression: int | None
    deliver: Delivery
    notes: tuple[Note, ...]
    options: dict[str, Any]
    read: tuple[Fields, ...]


def picture(config: Fields) -> Wanted:
    """Of the two places of the size responseFormat.image wins. Takes both out of `config`."""
    form = Fields(config.take("responseFormat") or {}, f"{CONFIG}.responseFormat")
    old = Fields(config.take("imageConfig") or {}, IMAGE)
    new = Fields(form.take("image") or {}, form.path("image"))
    output = Fields(old.take("imageOutputOptions") or {}, old.path("imageOutputOptions"))
    tier, tier_field = _later(old, new, "imageSize")
    ratio, ratio_field = _later(old, new, "aspectRatio")
    size = sizes.tier_and_ratio(tier, ratio, tier_field, ratio_field)
    deliver: Delivery = "url" if new.choice("delivery", ("INLINE", "URI")) == "URI" else "base64"
    mime, mime_field = _later(output, new, "mimeType")
    read = (old, output, form, new)
    rest = {"imageConfig": old.rest(), "responseFormat": form.rest()}
    quality = output.whole("compressionQuality", 0, 100)
    rest["imageConfig"] |= {"imageOutputOptions": output.rest()} if output.rest() else {}
    rest["responseFormat"] |= {"image": new.rest()} if new.rest() else {}
    options = {f"{CONFIG}.{name}": value for name, value in rest.items() if value}
    return Wanted(size, form_of(mime, mime_field), quality, deliver, raised("imageSize", tier), options, read)


def raised(field: str, tier: str | None) -> tuple[Note, ...]:
    """The note that a tier came in lower case, which Google refuses."""
    return (Note(field, "renamed", f"{tier} → {tier.upper()}"),) if tier and tier != tier.upper() else ()


def form_of(mime: str | None, field: str) -> str | None:
    """The format of a picture's type, `image/jpeg` or `IMAGE_JPEG`; `Fault` bad_request for another one."""
    if mime is None:
        return None
    kind = mime.lower().removeprefix("image/").removeprefix("image_")
    if kind == "mime_type_unspecified":
        return None
    if kind not in _FORMATS:
        raise bad(field, "must be image/png, image/jpeg or image/webp")
    return _FORMATS[kind]


def _later(old: Fields, new: Fields, name: str) -> tuple[str | None, str]:
    """(value, field) from the later of two places that has it."""
    first, second = old.text(name), new.text(name)
    return (_figures(first), old.path(name)) if second is None else (_figures(second), new.path(name))


def _figures(value: str | None) -> str | None:
    """`ASPECT_RATIO_SIXTEEN_BY_NINE` as "16:9" and `IMAGE_SIZE_TWO_K` as "2K"; anything else as it is."""
    if value is None or value.endswith("_UNSPECIFIED"):
        return None
    if value.startswith("ASPECT_RATIO_"):
        return ":".join(_NUMBERS.get(word, word) for word in value.removeprefix("ASPECT_RATIO_").split("_BY_"))
    if value.startswith("IMAGE_SIZE_"):
        word = value.removeprefix("IMAGE_SIZE_")
        return _NUMBERS.get(word.removesuffix("_K"), word) + ("K" if word.endswith("_K") else "")
    return value


def modalities(config: Fields) -> tuple[str, ...]:
    """What kinds of parts the app takes; in any case and order, both if it does not say."""
    given = {str(each).upper() for each in config.several("responseModalities")}
    if given and "IMAGE" not in given:
        raise bad(f"{CONFIG}.responseModalities", "must hold IMAGE: this service makes pictures")
    return MODALITIES if not given or given >= set(MODALITIES) else ("IMAGE",)
