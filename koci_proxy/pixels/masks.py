"""Masks: which pixels are to change, in the three ways there are to say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..faults import Fault
from ..media import FORMATS
from ..types import Media, Sinks
from .canvas import Seen, keep, look, lowest_alpha, may_be_tilted, pillow, write, wxh

if TYPE_CHECKING:
    from PIL.Image import Image

Convention = Literal["alpha", "white", "black"]


def translate(
    sinks: Sinks, media: Media, have: Convention, want: Convention, like: Media, size: tuple[int, int] | None
) -> Media:
    """See `Pixels.mask_as`."""
    from PIL import ImageOps

    seen = look(media, "mask")
    _same_size(seen, like)
    if have == "alpha" and lowest_alpha(seen.image) == 255:
        what = "the mask has no transparent pixel: make transparent what is to change"
        raise Fault("bad_request", what, field="mask")
    size = size or seen.size
    if have == want and size == seen.size and media.mime == "image/png" and not seen.turned:
        return media
    chosen = _chosen(seen.image, have)
    if size != seen.size:
        chosen = chosen.resize(size, pillow().Resampling.BOX)
    mask = chosen if want == "white" else ImageOps.invert(chosen)
    if want == "alpha":
        rest, mask = mask, pillow().new("RGBA", size)
        mask.putalpha(rest)
    return keep(sinks, write(mask, "image/png", None, None, "mask"), mask, "image/png")


def _same_size(seen: Seen, like: Media) -> None:
    size = like.pixels
    if like.data is not None and like.mime in FORMATS.values() and (size is None or may_be_tilted(like)):
        size = look(like, "images[0]", 1).size
    if size is not None and size != seen.size:
        what = f"the mask is {wxh(seen.size)} and images[0] is {wxh(size)}: both must be of one size"
        raise Fault("bad_request", what, field="mask")


def _chosen(image: Image, have: Convention) -> Image:
    """White where something is to change."""
    from PIL import ImageOps

    if have == "alpha":
        return ImageOps.invert(image.getchannel("A"))
    grey = image.convert("L")
    return grey if have == "white" else ImageOps.invert(grey)
