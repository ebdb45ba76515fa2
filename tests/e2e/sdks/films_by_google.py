"""Films through google-genai of whatever release is on the path; what came is printed as JSON.

Called with the proxy's URL, a key, a model, and a folder that holds reference.png and takes the films.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

from google import genai
from google.genai import types

url, key, model, place = sys.argv[1:]
folder = Path(place)
client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=f"{url}/google"))
told: dict[str, Any] = {"version": genai.__version__}
picture = types.Image(image_bytes=(folder / "reference.png").read_bytes(), mime_type="image/png")


def ended(operation: Any) -> Any:
    """An operation as it ended. Its story is listened to meanwhile: Google's own way is to look and to sleep."""
    looked = client.operations.get(operation)
    id = operation.name.rpartition("/")[2]
    story = urllib.request.Request(f"{url}/v1/jobs/req_{id}/events", headers={"x-goog-api-key": key})
    with urllib.request.urlopen(story) as answer:
        answer.read()
    return client.operations.get(looked)


def begin(config: dict[str, Any], **source: Any) -> Any:
    return client.models.generate_videos(
        model=model,
        source=types.GenerateVideosSource(**source),
        config=types.GenerateVideosConfig(**config),
    )


def film(name: str, begun: Any) -> Any:
    """The video that the SDK has of a film, which lies in the folder then."""
    operation = ended(begun)
    assert operation.error is None, operation.error
    (made,) = operation.response.generated_videos
    told[name] = [begun.done, operation.name == begun.name, made.video.uri.partition(":")[0]]
    client.files.download(file=made, destination=folder / f"{name}.mp4")
    return made.video


short = {"aspect_ratio": "16:9", "resolution": "720p", "duration_seconds": 4}
text = film("text", begin(short, prompt="a fox"))
told["in memory"] = client.files.download(file=text) == (folder / "text.mp4").read_bytes() == text.video_bytes
reference = types.VideoGenerationReferenceImage(image=picture, reference_type=types.VideoGenerationReferenceType.ASSET)
films = {
    "first": begin({"aspect_ratio": "9:16", "duration_seconds": 6}, prompt="it runs", image=picture),
    "frames": begin({"last_frame": picture, "duration_seconds": 8}, prompt="it runs", image=picture),
    "references": begin({"reference_images": [reference] * 3, "duration_seconds": 8}, prompt="it runs"),
    "longer": begin({"resolution": "720p"}, prompt="it runs on", video=text),
}
for name, begun in films.items():
    film(name, begun)

for word in ("refuse", "fail"):
    begun = client.models.generate_videos(model=model, source=types.GenerateVideosSource(prompt=f"sandbox:{word}"))
    operation = ended(begun)
    answer = operation.response
    told[word] = [
        operation.error and operation.error["code"],
        answer and [answer.generated_videos, answer.rai_media_filtered_count, answer.rai_media_filtered_reasons],
    ]
print(json.dumps(told))
