"""What a returned film is: told by ffprobe, and by decoding every frame of it."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import av

from .sdks import folders

MACHINES = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "armv7l": "arm", "i686": "ia32", "x86": "ia32"}


@cache
def ffprobe() -> Path:
    """The ffprobe that comes with the packages for Node."""
    machine = platform.machine()
    place = f"{sys.platform}-{MACHINES.get(machine, machine)}"
    name = "ffprobe.exe" if sys.platform == "win32" else "ffprobe"
    found = folders.node() / "node_modules" / "@ffprobe-installer" / place / name
    found.chmod(0o755)  # its package leaves that to a script, and no package's script is run
    return found


def probe(path: Path) -> dict[str, Any]:
    """What ffprobe says of a film: `format` and `streams`. Needs node and npm, as `folders.with_node` says."""
    asked = [str(ffprobe()), "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def assert_film(path: Path, width: int, height: int, seconds: float) -> None:
    """An H.264 MP4 of these pixels and, to a frame, of that length, whose index comes first and whose frames decode.

    ffprobe is asked too, where it can be had.
    """
    data = path.read_bytes()
    assert data[4:8] == b"ftyp"
    assert 0 < data.find(b"moov") < data.find(b"mdat"), "a browser would have to fetch the whole film first"
    with av.open(str(path), "r") as container:
        stream = container.streams.video[0]
        codec, rate = stream.codec_context, float(stream.average_rate or 0)
        assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", width, height)
        frames = sum(1 for _ in container.decode(stream))
    assert abs(frames / rate - seconds) <= 1 / rate
    if folders.with_node():
        told = probe(path)
        (video,) = [stream for stream in told["streams"] if stream["codec_type"] == "video"]
        assert (video["codec_name"], video["width"], video["height"]) == ("h264", width, height)
        assert "mp4" in told["format"]["format_name"]
        assert abs(float(told["format"]["duration"]) - seconds) <= 1 / rate
