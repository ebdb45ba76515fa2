"""Pictures through google-genai of whatever release is on the path; what came is printed as JSON.

Called with the proxy's URL, a key, a model, and a folder that holds reference.png and takes the pictures.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from google import genai
from google.genai import errors, types

url, key, model, folder = sys.argv[1:]
reference = Path(folder) / "reference.png"
# As KoCodeImg's page has it: a base URL that ends in a version, which the SDK puts there once more.
client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=f"{url}/google/v1beta"))
models: Any = client.models
config = types.GenerateContentConfig(
    response_modalities=["TEXT", "IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9")
)
told: dict[str, Any] = {"version": genai.__version__}


def save(name: str, answer: Any) -> None:
    [picture] = [part for part in answer.candidates[0].content.parts if part.inline_data]
    (Path(folder) / name).write_bytes(picture.inline_data.data)


first = models.generate_content(model=model, contents="a fox", config=config)
save("generate", first)

part = types.Part.from_bytes(data=reference.read_bytes(), mime_type="image/png")
save("edit", models.generate_content(model=model, contents=[part, "in the snow"], config=config))

chunks = list(models.generate_content_stream(model=model, contents="a fox", config=config))
save("stream", chunks[-1])

history = [
    types.Content(role="user", parts=[types.Part(text="a fox")]),
    first.candidates[0].content,
    types.Content(role="user", parts=[types.Part(text="now at night")]),
]
save("history", models.generate_content(model=model, contents=history, config=config))

told["tokens"] = models.count_tokens(model=model, contents="a fox in the snow").total_tokens
file = client.files.upload(file=reference)
told["file"] = [file.mime_type, file.size_bytes, str(file.state)]
save("uploaded", models.generate_content(model=model, contents=[file, "in the snow"], config=config))

told["models"] = [each.name for each in models.list()]
try:
    made = models.generate_images(
        model=model, prompt="a fox", config=types.GenerateImagesConfig(number_of_images=2, aspect_ratio="16:9")
    )
    told["imagen"] = len(made.generated_images)
    (Path(folder) / "imagen").write_bytes(made.generated_images[0].image.image_bytes)
except ValueError:
    told["imagen"] = "refused by the SDK"
try:
    models.generate_content(model=model + "x", contents="a fox")
except errors.APIError as error:
    told["error"] = [type(error).__name__, error.code, error.status]
print(json.dumps(told))
