"""Pictures through the OpenAI SDK of whatever release is on the path; what came is printed as JSON.

Called with the proxy's URL, a key, a model, and a folder that holds reference.png and takes the pictures.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import openai

url, key, model, folder = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/openai/v1", api_key=key, max_retries=0)
images: Any = client.images
told: dict[str, Any] = {"version": openai.__version__}


def save(name: str, text: str) -> None:
    (Path(folder) / name).write_bytes(base64.b64decode(text))


answer = images.generate(model=model, prompt="a fox", size="1024x1024", n=1)
told["link"] = answer.data[0].url

with (Path(folder) / "reference.png").open("rb") as file:
    answer = images.edit(model=model, prompt="in the snow", image=[file], response_format="b64_json", size="1536x1024")
save("edit", answer.data[0].b64_json)

events = list(images.generate(model=model, prompt="a fox", size="1024x1024", stream=True))
told["events"] = sorted({event.type for event in events})
save("stream", events[-1].b64_json)

told["models"] = [each.id for each in client.models.list()]
try:
    images.generate(model=model + "x", prompt="a fox")
except openai.APIStatusError as error:
    told["error"] = [type(error).__name__, error.status_code, error.code]
print(json.dumps(told))
