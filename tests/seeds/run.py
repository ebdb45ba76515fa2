"""Runs the samples of the owner's documents as printed, each against the shipped routes.yaml, and tells what came.

`python -m tests.seeds.run` prints one line each. A folder beside this file is a document, a file in it a sample; lost
line breaks and indentation are put back, nothing else. A sample for an SDK runs with the newest release and with each
older one that tests/e2e/sdks has. Those in Python end in `.py.txt`, so that no tool takes them for
code of ours and tidies them. A `.json` is printed as a request's body only, an `.http` as a request's first line only;
both are sent with curl. A sample that begins a film ends when the film has come, asked for as its document says.
"""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from tests.e2e.films import assert_film
from tests.e2e.pictures import png, seen
from tests.e2e.processes import House, ask, proxy, sandbox
from tests.e2e.sdks import folders

# What is put in place of what is printed, in the text as it is run. Nothing else is changed.
HOSTS = {
    "https://your-domain.com": "",
    "https://apis.koukoutu.com": "/apis",
    "https://api.aiearth.dev": "/openai",
    "https://api.link-ai.tech": "/linkai",
}
KEYS = ("sk-koci_your_api_key", "sk-your-api-key", "sk-xxxx", "YOUR_API_KEY", "<访问令牌>")
# Pictures of others: a link to one that the proxy has made before.
LINKS = {
    "https://filesystem.site/cdn/20260422/e15276c9f0f1ff1a4a0deb61273886.webp": "webp",
    "https://cdn.link-ai.tech/user/generate/eaf7c477-2fe5-4420-8c23-df2a27a55593.png": "png",
}
# Words that stand where base64 goes: a file of FILES.
CONTENTS = {
    "<参考图 base64>": "reference.png",
    "iVBORw0KGgoAAAANSUhEUgAA...": "reference.png",
    "图二base64</9j/4AAQSkZJRxxxx6xilSlAAAQ...>": "photo.jpg",
    "图一base64</9j/4AAQSkZJRxxxx6xilSlAAAQA...>": "photo.jpg",
}
# An explanation that stands where a value goes: one of the values it gives.
VALUES = {
    "生成图像的宽高比。可选值:1:1, 3:2, 2:3, 3:4, 4:3, 4:5, 5:4, 9:16, 16:9, 21:9。"
    "要是不提供此字段API将默认返回与输入图片最接近的原图比例": "3:2",
}
# A sample that goes on from another: what of that comes before it, up to the word.
BEFORE = {"kocodeimg/openai-edit-mask.py": ("kocodeimg/openai-edit.py.txt", "response = ")}
# A word that stands for what the answer to another sample has under that name.
ANSWERS = {"{task_id}": "kocodeimg/native-video.sh"}
# The film of a sample: its pixels and seconds.
FILMS = {
    "kocodeimg/native-video.sh": (1280, 720, 8),
    "kocodeimg/native-video-stream.http": (1280, 720, 8),
}
# What a sample imports, by the name that an SDK's releases have.
IMPORTS = {"openai": "from openai import", "anthropic": "import anthropic", "google-genai": "from google import genai"}
# Where a printed body goes, as its document says above it.
ADDRESSES = {
    "kocodeimg": "https://your-domain.com/antigravity/v1beta/models/gemini-3.1-flash-image:generateContent",
    "linkai": "https://api.link-ai.tech/v1/images/generations",
}
# One sample for Node has both `await` outside of functions and `require`. No kind of file has the two, only Node's
# prompt; so the name is given beforehand.
REQUIRE = 'data:text/javascript,import m from "node:module"; globalThis.require = m.createRequire(process.cwd() + "/")'

HERE = Path(__file__).parent
SAMPLES = sorted(path for kind in ("sh", "py.txt", "mjs", "json", "http") for path in HERE.glob(f"*/*.{kind}"))
SECONDS = 120
# What an answer holds in text: a link to a picture or a film of the proxy's, base64 of a picture, a film's id.
FILM = re.compile(r"http://127\.0\.0\.1:\d+/storage/\w+/[a-z0-9]+\.mp4")
TASK = re.compile(r'"task_id": ?"(\w+)"')
LINK = re.compile(r"http://127\.0\.0\.1:\d+/storage/images/[a-z0-9]+\.(?:png|jpg|webp)")
BASE64 = re.compile(r'"data": ?"([A-Za-z0-9+/]{100,}=*)"')


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a sample: its exit code, what it printed, the pictures or films that came, and how long it took."""

    code: int
    said: str
    shown: tuple[tuple[str, tuple[int, int]], ...]  # format and pixels of each
    seconds: float

    @property
    def good(self) -> bool:
        return self.code == 0 and bool(self.shown)

    def __str__(self) -> str:
        if not self.good:
            return f"exit {self.code}, {len(self.shown)} pictures: {' '.join(self.said.split())[-400:]}"
        return ", ".join(
            f"{'film' if kind == 'MP4' else 'picture'} {width}x{height} {kind.lower()}"
            for kind, (width, height) in self.shown
        )


def name(sample: Path) -> str:
    return f"{sample.parent.name}/{sample.name.removesuffix('.txt')}"


def samples() -> list[Path]:
    """Those that can be run here: the ones for Node as tests/e2e/sdks has it."""
    return [path for path in SAMPLES if path.suffix != ".mjs" or folders.with_node()]


def releases(sample: Path) -> list[Path]:
    """The locks of the older releases that a sample runs with as well."""
    printed = whole(sample)
    return [lock for lock in folders.LOCKS if IMPORTS[lock.stem.rpartition("-")[0]] in printed]


@contextmanager
def opened() -> Iterator[House]:
    """A proxy on a fresh folder with the routes.yaml that is shipped, and a sandbox."""
    routes = (HERE.parents[1] / "routes.yaml").read_text(encoding="utf-8")
    with sandbox() as vendor, tempfile.TemporaryDirectory() as folder, proxy(Path(folder), vendor, routes) as house:
        yield house


def run(house: House, sample: Path, release: Path | None = None) -> Outcome:
    """Runs one sample in a folder of its own, and looks at what it brought; by a lock with an older SDK."""
    with tempfile.TemporaryDirectory() as place:
        folder, given = Path(place), files()
        begun = time.monotonic()
        done = ran(house, sample, folder, given, release)
        told = done.stdout + "".join(story(house, id) for id in TASK.findall(done.stdout))
        seconds = time.monotonic() - begun
        saved = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file() and path.name not in given]
        said = told + (done.stderr if done.returncode else "")  # of one that went well that is curl's table
        try:
            shown = (*found(saved, told), *films(sample, told, folder / "film.mp4"))
        except AssertionError as error:
            return Outcome(done.returncode, f"{said} {error!r}", (), seconds)
        return Outcome(done.returncode, said, shown, seconds)


def ran(
    house: House, sample: Path, folder: Path, given: dict[str, bytes], release: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """A sample that has run in a folder, with the files there that the samples read."""
    for file, content in given.items():
        (folder / file).write_bytes(content)
    script = folder / name(sample).partition("/")[2]
    script.write_text(text(house, sample, given), encoding="utf-8")
    told, env = command(house, sample, script), environment()
    if release is not None:  # without what is installed here
        told, env = [told[0], "-S", "-P", *told[1:]], env | {"PYTHONPATH": str(folders.python(release))}
    return subprocess.run(
        told,
        cwd=folder,
        env=env,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=SECONDS,
    )


def text(house: House, sample: Path, given: dict[str, bytes]) -> str:
    """A sample as it is run: as printed, but for what the tables above name."""
    printed = whole(sample)
    for words, kind in LINKS.items():
        if words in printed:
            printed = printed.replace(words, made(house, kind))
    for words, file in CONTENTS.items():
        printed = printed.replace(words, base64.b64encode(given[file]).decode())
    for words, value in VALUES.items():
        printed = printed.replace(words, value)
    for words, other in ANSWERS.items():
        if words in printed:
            printed = printed.replace(words, task(house, HERE / other))
    return addressed(house, printed)


def whole(sample: Path) -> str:
    """A sample as printed, after what it goes on from."""
    printed = sample.read_text(encoding="utf-8")
    if name(sample) in BEFORE:
        other, word = BEFORE[name(sample)]
        printed = (HERE / other).read_text(encoding="utf-8").partition(word)[0] + printed
    return printed


def addressed(house: House, printed: str) -> str:
    for host, platform in HOSTS.items():
        printed = printed.replace(host, house.url + platform)
    for key in KEYS:
        printed = printed.replace(key, house.key)
    return printed


def command(house: House, sample: Path, script: Path) -> list[str]:
    match script.suffix:
        case ".py":
            return [sys.executable, script.name]
        case ".sh":
            return ["sh", script.name]
        case ".mjs":
            # An import is looked for beside its file.
            (script.parent / "node_modules").symlink_to(folders.node() / "node_modules")
            return ["node", "--import", REQUIRE, script.name]
        case ".http":
            method, url = script.read_text(encoding="utf-8").split()
            return ["curl", "-X", method, url, "-H", f"Authorization: Bearer {house.key}"]
    url = addressed(house, ADDRESSES[sample.parent.name])
    headers = (f"Authorization: Bearer {house.key}", "Content-Type: application/json")
    return ["curl", url, "-H", headers[0], "-H", headers[1], "--data-binary", f"@{script.name}"]


def environment() -> dict[str, str]:
    """Ours without what SDKs would read there."""
    foreign = ("PYTHON", "NODE_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_")
    plain = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return plain | {"PYTHONUTF8": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def files() -> dict[str, bytes]:
    """What the samples read from the folder they are run in."""
    photo = png(512, 512, "green")
    jpeg = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(jpeg, "JPEG")
    basket = {f"{thing}.png": png(300, 200) for thing in ("body-lotion", "bath-bomb", "incense-kit", "soap")}
    mask = png(512, 512, alpha=0)
    return {
        "reference.png": png(512, 384),
        "photo.png": photo,
        "photo.jpg": jpeg.getvalue(),
        "mask.png": mask,
        **basket,
    }


def made(house: House, kind: str) -> str:
    """The link to a new picture."""
    body = {"model": "image-2", "prompt": "a fox", "size": "1024x1024", "output_format": kind}
    headers = {"authorization": f"Bearer {house.key}"}
    link = ask(f"{house.url}/openai/v1/images/generations", body, headers=headers)["data"][0]["url"]
    assert isinstance(link, str)
    return link


def task(house: House, sample: Path) -> str:
    """The id of the film that a sample begins."""
    with tempfile.TemporaryDirectory() as place:
        (id,) = TASK.findall(ran(house, sample, Path(place), files()).stdout)
    assert isinstance(id, str)
    return id


def story(house: House, id: str) -> str:
    """What is told of a film until it has ended."""
    url = f"{house.url}/api/videos/{id}/stream"
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {house.key}"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return str(answer.read(), "utf-8")


def films(sample: Path, told: str, path: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Format and pixels of the films that are linked to; `AssertionError` for one that is not as FILMS has it."""
    for link in dict.fromkeys(FILM.findall(told)):
        with urllib.request.urlopen(link, timeout=SECONDS) as answer:
            path.write_bytes(answer.read())
        width, height, seconds = FILMS[name(sample)]
        assert_film(path, width, height, seconds)
        yield "MP4", (width, height)


def found(saved: list[bytes], said: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Format and pixels of what a sample saved; if it saved no picture, of what it printed or linked to."""
    kept = [each for content in saved for each in decoded(content)]
    if kept:
        yield from kept
        return
    for link in dict.fromkeys(LINK.findall(said)):
        with urllib.request.urlopen(link, timeout=SECONDS) as answer:
            yield seen(answer.read())
    for word in BASE64.findall(said):
        yield seen(base64.b64decode(word))


def decoded(content: bytes) -> list[tuple[str, tuple[int, int]]]:
    """What a file shows, or nothing for one that is not a picture."""
    try:
        return [seen(content)]
    except UnidentifiedImageError:
        return []


def main() -> int:
    """0 when every sample brought a picture or a film."""
    bad = runs = 0
    with opened() as house:
        for sample in samples():
            for release in (None, *releases(sample)):
                outcome = run(house, sample, release)
                runs += 1
                bad += not outcome.good
                verdict = "ok" if outcome.good else "BAD"
                title = name(sample) + (f" ({release.stem})" if release else "")
                print(f"{title:55} {verdict:4} {outcome}  {outcome.seconds:.1f} s", flush=True)
    left = len(SAMPLES) - len(samples())
    print(f"{len(samples())} samples, {runs} runs, {bad} bad" + (f", {left} for Node left out" if left else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
