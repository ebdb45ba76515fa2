"""Runs the matrix against a proxy and a sandbox, and writes it down as a page.

`python -m tests.matrix.run` prints docs/matrix.md.
"""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from collections import Counter
from pathlib import Path

import httpx
from PIL import Image

from tests.e2e.processes import House, proxy, sandbox

from .doors import DOORS, THINGS, Ask, Door, NoWord, found

# Vendor shape -> the target that stands for it.
VENDORS = {
    "OpenAI": "sandbox-openai/gpt-image-2",
    "AIOAGI": "sandbox-aioagi/gpt-image-2",
    "Gemini": "sandbox-gemini/gemini-3.1-flash-image",
    "Antigravity": "sandbox-antigravity/gemini-3.1-flash-image",
    "LinkAI": "sandbox-linkai/gpt-image-2",
    "Anthropic": "sandbox-anthropic/picture-1",
    "Koukoutu's Gemini page": "sandbox-koukoutu-gemini/gemini-2.5-flash-image",
    "Ark": "sandbox-ark/seedream-4.0",
    "Koukoutu at once": "sandbox-koukoutu-sync/background-removal",
    "Koukoutu by task": "sandbox-koukoutu-async/image-to-image",
}


def model(vendor: str) -> str:
    """What apps ask for to reach a vendor."""
    return "via-" + vendor.lower().replace(" ", "-").replace("'", "")


EDITORS = {"Koukoutu at once", "Koukoutu by task"}  # what can only be asked with a picture
PLATFORMS = "".join(  # those of the shipped house
    f"  {line}\n"
    for line in (
        *("openai: openai", "aioagi: openai", "google: gemini", "linkai: linkai", "anthropic: anthropic", "ark: ark"),
        *("koukoutu: koukoutu", "apis: gemini", "api: koci"),
        "antigravity: {dialect: gemini, defaults: {size: 1K 1:1}}",
    )
)
# Koukoutu does at most five things at once for a key.
KEYS = "".join(f"  sandbox-koukoutu-{kind}: {{of: [key-{kind}], at_once: 5}}\n" for kind in ("sync", "async"))
ROUTES = f"platforms:\n{PLATFORMS}keys:\n{KEYS}models:\n" + "".join(
    f"  {model(name)}: {target}\n" for name, target in VENDORS.items()
)
AT_ONCE = 4

Cell = tuple[str, str]  # works, emulated, refused or BROKEN; and how or why


async def run(house: House) -> dict[tuple[str, str, str], Cell]:
    """(door, vendor, thing) -> cell, every one of them asked over a socket."""
    gate = asyncio.Semaphore(AT_ONCE)
    headers = {"authorization": f"Bearer {house.key}"}
    async with httpx.AsyncClient(base_url=house.url, headers=headers, timeout=60) as client:
        made = await client.post("/api/conversations/", json={"title": "matrix"})
        conversation = made.json()["id"]

        async def cell(door: Door, vendor: str, thing: str) -> Cell:
            async with gate:
                return await ask(client, door, vendor, thing, conversation)

        keys = [(door, vendor, thing) for door in DOORS for vendor in VENDORS for thing in THINGS]
        cells = await asyncio.gather(*(cell(*key) for key in keys))
    return {(door.name, vendor, thing): cell for (door, vendor, thing), cell in zip(keys, cells, strict=True)}


async def ask(client: httpx.AsyncClient, door: Door, vendor: str, thing: str, conversation: str) -> Cell:
    try:
        request = door.ask(model(vendor), thing, 1 if vendor in EDITORS else 0)
    except NoWord as reason:
        return "no word", str(reason)
    answer = await ended(client, await send(client, request, conversation))
    mime = answer.headers["content-type"]
    if answer.status_code >= 500 or (answer.status_code >= 400 and not refusal(answer)):
        return "BROKEN", f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code >= 400:
        return "refused", refusal(answer)
    links, pictures = found(answer.content, mime)
    for link in links:
        fetched = await client.get(link)
        pictures.append(fetched.content)
    sizes = {size(picture) for picture in pictures}
    wanted = 3 if thing == "n=3" else 1
    if len(pictures) != wanted or not all(sizes):
        return "BROKEN", f"{len(pictures)} pictures of {sizes}"
    if (thing == "url") != bool(links) and thing in ("url", "base64"):
        return "BROKEN", f"asked for {thing}, got {len(links)} links"
    notes = answer.headers.get("x-koci-notes", "")
    return ("emulated", notes) if notes else ("works", "")


async def send(client: httpx.AsyncClient, request: Ask, conversation: str) -> httpx.Response:
    if not request.files:
        text = json.dumps(request.json).replace("{conversation}", conversation)
        headers = {"content-type": "application/json"}
        return await client.post("/" + request.path, content=text, params=request.query, headers=headers)
    form = {name: value.replace("{conversation}", conversation) for name, value in request.form.items()}
    files = [(name, (f"{name.strip('[]')}.png", content, "image/png")) for name, content in request.files]
    return await client.post("/" + request.path, data=form, files=files)


async def ended(client: httpx.AsyncClient, answer: httpx.Response) -> httpx.Response:
    """The answer itself; of a task of Koukoutu's, what it says once it has ended."""
    task = b'"task_id"' in answer.content[:1000] and answer.json().get("data", {}).get("task_id")
    if not task:
        return answer
    await client.get(f"/v1/jobs/{answer.headers['x-request-id']}/events")  # ends with the job
    over = await client.post("/koukoutu/async/v1/query", data={"task_id": str(task)})
    over.headers.update({name: answer.headers[name] for name in ("x-koci-notes",) if name in answer.headers})
    return over


def refusal(answer: httpx.Response) -> str:
    """The words of an error, wherever its dialect puts them; empty when there are none."""
    body = answer.json()
    error = body.get("error") or body
    return str(error.get("message") or "")


def size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image.size


def page(cells: dict[tuple[str, str, str], Cell]) -> str:
    """docs/matrix.md: a table a door, and the reasons below it."""
    kinds = Counter(kind for kind, _ in cells.values())
    lines = [
        "# Every door against every vendor",
        "",
        "Written by `python -m tests.matrix.run`, which asks each cell over sockets against the sandbox; the tests",
        "fail when a run says otherwise. ✓ works, ≈ works with what the note says (it stands in `x-koci-notes` too),",
        "✗ refused with the reason before any vendor is called, – the door's own shape has no word for it.",
        "",
        f"{len(cells)} cells, {len(cells) - kinds['no word']} conversations: {kinds['works']} work, "
        f"{kinds['emulated']} with a note, {kinds['refused']} are refused, {kinds['no word']} can't be asked for.",
    ]
    for door in DOORS:
        lines += ["", f"## {door.name}", "", f"| vendor | {' | '.join(THINGS)} |", f"|---|{'---|' * len(THINGS)}"]
        notes: list[str] = []
        for vendor in VENDORS:
            marks = [mark(cells[door.name, vendor, thing], notes) for thing in THINGS]
            lines.append(f"| {vendor} | {' | '.join(marks)} |")
        lines += ["", *(f"{at}. {note}" for at, note in enumerate(notes, 1))] if notes else []
    return "\n".join(lines) + "\n"


def mark(cell: Cell, notes: list[str]) -> str:
    kind, words = cell
    sign = {"works": "✓", "emulated": "≈", "refused": "✗", "no word": "–"}.get(kind, "BROKEN")
    if not words:
        return sign
    if words not in notes:
        notes.append(words)
    return f"{sign} {notes.index(words) + 1}"


def main() -> str:
    with sandbox() as vendor, tempfile.TemporaryDirectory() as folder, proxy(Path(folder), vendor, ROUTES) as house:
        return page(asyncio.run(run(house)))


if __name__ == "__main__":
    print(main(), end="")
