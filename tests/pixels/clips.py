"""Real films, small ones: red at first and blue from then on."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import av
from PIL import Image

from koci_proxy.media import from_bytes
from koci_proxy.types import Media

CODECS = {"mp4": "libx264", "mov": "mpeg4", "webm": "libvpx"}
FPS = 8
FRAME: Any = av.VideoFrame


@cache
def clip(kind: str = "mp4", size: tuple[int, int] = (64, 36), seconds: float = 2, fragmented: bool = False) -> Media:
    """A film; the index of an MP4 is at its end, or, `fragmented`, in pieces among its frames."""
    file = io.BytesIO()
    options = {"movflags": "+frag_keyframe+empty_moov"} if fragmented else {}
    with av.open(file, "w", format=kind, options=options) as container:
        stream: Any = container.add_stream(CODECS[kind], rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for at in range(round(seconds * FPS)):
            image = Image.new("RGB", size, "blue" if at else "red")
            container.mux(stream.encode(FRAME.from_image(image)))
        container.mux(stream.encode(None))
    return from_bytes(file.getvalue())


@cache
def sound() -> Media:
    """An MP4 without any pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate = 48_000
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return from_bytes(file.getvalue())
