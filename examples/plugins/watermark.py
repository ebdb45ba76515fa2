"""Write a word into a corner of each picture."""

import asyncio
import io
from dataclasses import replace

from PIL import Image, ImageDraw

from koci_proxy import Media, Result
from koci_proxy.media import from_bytes, is_film


class Plugin:
    def __init__(self, text: str) -> None:
        self.text = text

    async def on_result(self, result: Result) -> Result:
        marked = [await asyncio.to_thread(self.mark, media) for media in result.media]
        return replace(result, media=tuple(marked))

    def mark(self, media: Media) -> Media:
        if media.data is None or is_film(media):
            return media
        picture = Image.open(io.BytesIO(b"".join(media.data.pieces())))
        marked = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        ImageDraw.Draw(marked).text((8, 8), self.text, fill="white", stroke_width=1, stroke_fill="black")
        out = io.BytesIO()
        marked.save(out, picture.format)
        return from_bytes(out.getvalue())
