"""Films through the OpenAI SDK of whatever release is on the path; what came is printed as JSON.

Called with the proxy's URL, a key, a model, and a folder that holds reference.png and takes the films.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import openai

url, key, model, place = sys.argv[1:]
folder = Path(place)
client = openai.OpenAI(base_url=f"{url}/openai/v1", api_key=key, max_retries=0)
videos: Any = client.videos
told: dict[str, Any] = {"version": openai.__version__}
warnings.simplefilter("ignore", DeprecationWarning)  # the service is gone at OpenAI; the calls are not


def save(name: str, video: Any) -> Any:
    """The film in the folder once it is there, and what the SDK says of it."""
    video = videos.poll(video.id, poll_interval_ms=100)
    assert video.status == "completed", video
    videos.download_content(video.id).write_to_file(folder / f"{name}.mp4")
    told[name] = [video.size, video.seconds, video.progress, video.model, video.remixed_from_video_id]
    return video


film = videos.create_and_poll(model=model, prompt="a fox", seconds="4", size="1280x720", poll_interval_ms=100)
save("film", film)
videos.download_content(film.id, variant="thumbnail").write_to_file(folder / "thumbnail")
with videos.with_streaming_response.download_content(film.id) as answer:
    told["streamed"] = sum(map(len, answer.iter_bytes())) == (folder / "film.mp4").stat().st_size

reference = folder / "reference.png"
begun = videos.create(model=model, prompt="a fox", seconds="8", size="720x1280", input_reference=reference)
told["begun"] = [begun.object, begun.status, begun.seconds, begun.size, begun.error, begun.completed_at]
remix = videos.remix(film.id, prompt="at night")
edit = videos.edit(prompt="in the rain", video=folder / "film.mp4")  # the SDK takes no film by its id
with (folder / "film.mp4").open("rb") as file:
    longer = videos.extend(prompt="it runs on", seconds="4", video=file)
for name, video in {"reference": begun, "remix": remix, "edit": edit, "longer": longer}.items():
    save(name, video)
told["remix of"] = remix.remixed_from_video_id == film.id

five = [each.id for each in (longer, edit, remix, begun, film)]
page = videos.list(limit=2)
told["page"] = [each.id for each in page.data] == five[:2]
told["newest first"] = [each.id for each in videos.list(limit=2)][:5] == five
told["oldest first"] = [each.id for each in videos.list(limit=2, order="asc")][-5:] == five[::-1]
told["retrieved"] = videos.retrieve(film.id).to_dict() == film.to_dict()

gone = videos.delete(film.id)
told["deleted"] = [gone.id == film.id, gone.deleted, gone.object]
for name, ask in {"retrieve": videos.retrieve, "content": videos.download_content, "delete": videos.delete}.items():
    try:
        ask(film.id)
    except openai.APIStatusError as error:
        told[f"gone {name}"] = [type(error).__name__, error.status_code]
try:
    videos.create(model=model + "x", prompt="a fox")
except openai.APIStatusError as error:
    told["error"] = [type(error).__name__, error.status_code, error.code, error.param]
failed = videos.create_and_poll(model=model, prompt="sandbox:refuse", poll_interval_ms=100)
told["refused"] = [failed.status, failed.error.code]
print(json.dumps(told))
