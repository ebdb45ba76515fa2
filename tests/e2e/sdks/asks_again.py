"""How often an SDK of whatever release is on the path asks, what it waits in between, and what it raises in the end.

Called with the SDK's name; standard input has the asks as JSON, [URL, key, model, prompt] each, standard output what
came of them. Nothing is waited for: what the SDK would sleep is written down.
"""

from __future__ import annotations

import json
import sys
import time
from functools import cache
from typing import Any
from unittest.mock import patch

answers: list[dict[str, str]] = []  # the headers of each answer to the ask under way
HOOKS: Any = {"response": [lambda answer: answers.append(dict(answer.headers))]}


@cache
def openai_client(url: str, key: str) -> Any:
    import openai

    return openai.OpenAI(
        base_url=f"{url}/openai/v1", api_key=key, http_client=openai.DefaultHttpxClient(event_hooks=HOOKS)
    )


def openai(url: str, key: str, model: str, prompt: str) -> Any:
    import openai

    try:
        openai_client(url, key).images.generate(model=model, prompt=prompt)
    except openai.APIStatusError as error:
        return error


@cache
def anthropic_client(url: str, key: str) -> Any:
    import anthropic

    return anthropic.Anthropic(
        base_url=f"{url}/anthropic", api_key=key, http_client=anthropic.DefaultHttpxClient(event_hooks=HOOKS)
    )


def anthropic(url: str, key: str, model: str, prompt: str) -> Any:
    import anthropic

    messages: Any = [{"role": "user", "content": prompt}]
    try:
        anthropic_client(url, key).messages.create(model=model, max_tokens=1, messages=messages)
    except anthropic.APIStatusError as error:
        return error


@cache
def google_client(url: str, key: str) -> Any:
    from google import genai
    from google.genai import types

    options = types.HttpOptions(base_url=f"{url}/google", client_args={"event_hooks": HOOKS})
    return genai.Client(api_key=key, http_options=options)


def google(url: str, key: str, model: str, prompt: str) -> Any:
    from google.genai import errors

    try:
        google_client(url, key).models.generate_content(model=model, contents=prompt)
    except errors.APIError as error:
        return error


BY = {"openai": openai, "anthropic": anthropic, "google": google}


def told(name: str, ask: list[str]) -> dict[str, Any]:
    """What came of one ask: the error's class, status, name and words, the headers of each answer, and the waits."""
    answers.clear()
    waits: list[float] = []
    with patch.object(time, "sleep", waits.append):
        error = BY[name](*ask)
    return {
        "class": type(error).__name__,
        "status": getattr(error, "status_code", None) or getattr(error, "code", None),
        "name": getattr(error, "status", None),
        "words": getattr(error, "message", None),
        "answers": list(answers),
        "waits": waits,
    }


if __name__ == "__main__":
    print(json.dumps([told(sys.argv[1], ask) for ask in json.load(sys.stdin)]))
