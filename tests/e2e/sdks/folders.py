"""Where an SDK is installed: a folder beside the tests' own packages, filled once from a lock with hashes.

A folder is named by what its lock holds, so a changed lock is another folder; it is moved to its place when whole.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

HERE = Path(__file__).parent
LOCKS = sorted((HERE / "locks").glob("*.txt"))
NODE = HERE / "node"

PIP = (
    *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
    *("--require-hashes", "--only-binary", ":all:", "--no-compile"),
)
# Without the scripts of packages: none of these needs one, and they could do anything.
NPM = ("npm", "ci", "--loglevel=error", "--ignore-scripts", "--no-audit", "--no-fund")


def with_node() -> bool:
    """Whether Node's SDKs are tried: always in CI, elsewhere where there is a node; KOCI_TEST_NODE=0 or 1 decides."""
    told = os.environ.get("KOCI_TEST_NODE")
    return told != "0" if told else bool(os.environ.get("CI") or shutil.which("node"))


def python(lock: Path) -> Path:
    """The folder with the packages of a Python lock."""
    return _filled(lock.stem, lock.read_bytes(), lambda folder: (*PIP, "--target", str(folder), "-r", str(lock)))


def node() -> Path:
    """The folder with the Node packages, and the scripts beside them: an import is looked for next to its file."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise AssertionError("the SDKs for Node need node (20 or newer) and npm; KOCI_TEST_NODE=0 leaves them out")
    folder = _filled("node", (NODE / "package-lock.json").read_bytes(), _npm)
    for script in NODE.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


def _npm(folder: Path) -> Sequence[str]:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(NODE / name, folder)
    return (*NPM, "--prefix", str(folder))


def _filled(name: str, lock: bytes, command: Callable[[Path], Sequence[str]]) -> Path:
    # Resolved: npm takes a path with a symlink in it for a link to a package.
    place = Path(sys.prefix).resolve() / "sdks" / f"{name}-{blake2b(lock, digest_size=6).hexdigest()}"
    if place.exists():
        return place
    place.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as beside:
        folder = Path(beside) / "whole"
        folder.mkdir()
        done = subprocess.run(command(folder), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"could not install {name}: {done.stdout}{done.stderr}"
        try:
            folder.rename(place)
        except OSError:
            assert place.exists()  # another test process was faster
    return place
