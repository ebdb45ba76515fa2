"""Pictures through the Anthropic SDK of whatever release is on the path; what came is printed as JSON.

Called with the proxy's URL, a key, a model, and a folder that holds reference.png.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import anthropic

url, key, model, folder = sys.argv[1:]
client = anthropic.Anthropic(base_url=f"{url}/anthropic", api_key=key, max_retries=0)
messages: Any = client.messages
told: dict[str, Any] = {"version": anthropic.__version__}
content = base64.b64encode((Path(folder) / "reference.png").read_bytes()).decode()
reference = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": content}}
words = {"type": "text", "text": "a fox in the snow"}


def asked(*blocks: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 1024, "messages": [{"role": "user", "content": list(blocks)}]}


def seen(message: Any) -> list[Any]:
    """The types of a message's blocks, and the text of the first."""
    return [[block.type for block in message.content], message.content[0].text]


told["generate"] = seen(messages.create(**asked(words)))
told["edit"] = seen(messages.create(**asked(reference, words)))
with messages.stream(**asked(words)) as stream:
    told["stream"] = seen(stream.get_final_message())
told["tokens"] = messages.count_tokens(model=model, messages=asked(words)["messages"]).input_tokens
told["models"] = [each.id for each in client.models.list()]
try:
    messages.create(**{**asked(words), "model": model + "x"})
except anthropic.APIStatusError as error:
    told["error"] = [type(error).__name__, error.status_code]
print(json.dumps(told))
