"""The AIOAGI shape: OpenAI's Images API as this relay has it, with links for answers and more words for gpt-image-2.

Its guide lists what its paths take: no partial_images (taken here as OpenAI has it), no response_format, `images` or
`image[]` for pictures. Errors are not described; here they are OpenAI's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from . import openai
from .body import write
from .nouns import Answer, Ask, Order, Picture, Refusal, Seen
from .openai_rules import Family, problem

NAME = "aioagi"
MODEL = "gpt-image-2"
TAKES = Family(backgrounds=("transparent", "opaque", "auto"), fidelity=("low", "high"))

key = openai.key
words = openai.words
empty = openai.empty
refuse = openai.refuse
trouble = openai.trouble


def owns(path: str) -> bool:
    return path.startswith("/aioagi/")


def read(ask: Ask) -> Order:
    fields = ask.fields if isinstance(ask.fields, dict) else {}
    model = fields.get("model")
    if model not in (None, MODEL):
        message = f"The model '{model}' does not exist or is not supported."
        raise Refusal(problem(message, "model", "invalid_value", user_error=True))
    names = {file.name for file in ask.uploads} - {"mask"}
    if names - {"image[]"}:
        raise Refusal(problem("Missing required parameter: 'images'.", "images", "missing_required_parameter"))
    return openai.read(replace(ask, path=ask.path.replace("/aioagi/", "/openai/", 1)), TAKES)


def settle(order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
    return openai.settle(order, seen, mask)


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    if order.stream:
        return openai.answer(order, pictures, link)
    data = [{"revised_prompt": "", "url": link(picture)} for picture in pictures]
    return Answer(200, write({"created": int(time.time()), "data": data}))
