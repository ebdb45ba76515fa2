"""A mask reaches the vendor that takes one, and is never dropped on the way to one that does not."""

from __future__ import annotations

import base64

import httpx
import pytest
from openai import BadRequestError, OpenAI

from .pictures import png
from .processes import House


def edit(house: House, model: str) -> str | None:
    with OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key, max_retries=0) as client:
        answer = client.images.with_raw_response.edit(
            model=model,
            prompt="a golden cat",
            image=("photo.png", png(128, 128), "image/png"),
            mask=("mask.png", png(128, 128, alpha=0), "image/png"),
        )
        return answer.headers.get("x-koci-notes")


@pytest.mark.sockets
def test_a_mask_arrives(house: House) -> None:
    edit(house, "via-openai")
    parts = {part["name"]: part for part in house.sandbox.last()["files"]}
    assert parts["mask"]["type"] == "image/png"


@pytest.mark.sockets
def uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


@pytest.mark.parametrize(("model", "status"), [("via-openai", 200), ("via-linkai", 400)])
@pytest.mark.sockets
def test_a_mask_at_the_linkai_door_is_never_dropped(house: House, model: str, status: int) -> None:
    pictures = {"images": [uri(png(64, 64))], "mask": uri(png(64, 64, alpha=0))}
    body = {"model": model, "prompt": "a fox", **pictures}
    headers = {"authorization": f"Bearer {house.key}"}
    answer = httpx.post(f"{house.url}/linkai/v1/images/generations", json=body, headers=headers, timeout=60)
    assert answer.status_code == status, answer.text
    assert status == 200 or answer.json()["error"]["message"].endswith("it takes no mask")


@pytest.mark.parametrize("model", ["via-gemini", "via-linkai"])
def test_a_mask_nobody_takes_is_refused(house: House, model: str) -> None:
    before = house.sandbox.calls()["total"]
    with pytest.raises(BadRequestError) as caught:
        edit(house, model)
    assert caught.value.param == "mask"
    assert house.sandbox.calls()["total"] == before


@pytest.mark.sockets
def test_a_target_that_takes_no_mask_is_skipped_with_a_note(house: House) -> None:
    notes = edit(house, "either")
    assert notes is not None
    assert "sandbox-linkai/gpt-image-2" in notes
    assert "mask" in notes
