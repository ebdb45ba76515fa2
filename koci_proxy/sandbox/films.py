"""Films: real, playable MP4 files of exactly the pixels and seconds asked, what was asked written on them.

H.264 in yuv420p, 24 frames a second, its index before its frames. The base is drawn once; a bar that fills and a block
that runs along it are all that moves, so eight seconds of 1280x720 take a third of a second of CPU. Imports PyAV and
Pillow to film.
"""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .nouns import Broken, Order, Picture, Seen, picture
from .pictures import FORMATS, SAVE, canvas

if TYPE_CHECKING:
    from av import VideoFrame
    from PIL.Image import Image

FPS = 24
MIME = "video/mp4"
MAX_REFERENCE = 60_000_000  # pixels of a frame of a reference; a bound of this process
# a film must not cost more than the call it is for
CODEC = {"preset": "ultrafast", "tune": "stillimage", "crf": "30"}
SHEET = 4  # pictures across and down on a spritesheet
DARK, LIGHT, GREY = 40, 220, 128


def is_film(data: bytes) -> bool:
    """Whether these bytes begin as an MP4 or a QuickTime film does."""
    return data[4:8] == b"ftyp"


def look(data: bytes, index: int) -> Seen:
    """Decode the first frame of a film. Raises Broken when there is none, or it is too large."""
    import av

    try:
        with av.open(io.BytesIO(data), "r") as container:
            stream = container.streams.video[0]
            width, height = stream.codec_context.width, stream.codec_context.height
            if width * height > MAX_REFERENCE:
                raise Broken(index, f"{width}x{height} is too large")
            seconds = (container.duration or 0) / 1_000_000
            first: Any = next(container.decode(stream))
            thumb = first.to_image()
    except (av.FFmpegError, IndexError, StopIteration) as error:
        raise Broken(index, str(error) or "no film") from error
    thumb.thumbnail((512, 512))
    return Seen("MP4", width, height, False, thumb, data, seconds)


def film(order: Order, seen: tuple[Seen, ...]) -> Picture:
    """The film of an order, with thumbnails of its references in it."""
    with tempfile.TemporaryDirectory(prefix="koci-sandbox-") as folder:
        path = Path(folder) / "film.mp4"  # the index can be moved to the front in a file only
        _encode(_base(order, seen), round(order.seconds * FPS), path)
        return picture(MIME, path.read_bytes())


def pad(made: Picture, size: int) -> Picture:
    """The same film in a file of exactly `size` bytes, as it is when there is no room for an empty box at its end."""
    room = size - made.size
    if room < 8:
        return made
    return picture(made.mime, b"".join((*made.pieces, struct.pack(">I4s", room, b"free"), bytes(room - 8))))


def poster(order: Order, seen: tuple[Seen, ...], what: str) -> Picture:
    """The film's first frame as a WebP, a `spritesheet` of it, or the `last` frame as a PNG."""
    from PIL import Image

    base = _base(order, seen)
    if what == "spritesheet":
        small = base.resize((max(1, base.width // SHEET), max(1, base.height // SHEET)))
        base = Image.new("RGB", (small.width * SHEET, small.height * SHEET))
        for at in range(SHEET * SHEET):
            base.paste(small, (at % SHEET * small.width, at // SHEET * small.height))
    mime = "image/png" if what == "last" else "image/webp"
    buffer = io.BytesIO()
    base.save(buffer, FORMATS[mime], **SAVE[FORMATS[mime]])
    return picture(mime, buffer.getvalue())


def _base(order: Order, seen: tuple[Seen, ...]) -> Image:
    footer = f"{order.width}x{order.height}  {order.seconds:g} s  {order.model}"
    return canvas(order, 0, seen, None, order.prompt, footer)


def _encode(base: Image, count: int, path: Path) -> None:
    import av

    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options=CODEC)
        stream.width, stream.height, stream.pix_fmt = base.width, base.height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = 2 * FPS
        for frame in _frames(base, count):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _frames(base: Image, count: int) -> Iterator[VideoFrame]:
    """The base again and again: a bar at the upper edge fills, and a block runs along it."""
    import av

    plain: Any = av.VideoFrame  # parts of it have no types
    first = plain.from_image(base).reformat(format="yuv420p")
    planes = [bytearray(plane) for plane in first.planes]
    width, stride = base.width, first.planes[0].line_size
    rows = range(0, max(2, base.height // 32) * stride, stride)
    block = max(2, width // 32)
    for number in range(count):
        done = number * (width - block) // max(1, count - 1)
        row = bytes([GREY]) * done + bytes([LIGHT]) * block + bytes([DARK]) * (width - block - done)
        for start in rows:
            planes[0][start : start + width] = row
        frame = av.VideoFrame(width, base.height, "yuv420p")
        for plane, data in zip(frame.planes, planes, strict=True):
            plane.update(bytes(data))
        frame.pts = number
        yield frame
