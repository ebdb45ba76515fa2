"""A stranger's plugin: one file, one line; a misspelt hook fails at load with the right name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from .pictures import png
from .processes import Sandbox, proxy

ROUTES = """
platforms: {openai: openai}
models: {picture: {to: sandbox-openai/gpt-image-2}}
"""
PLUGIN = '''"""Refuse prompts that hold a banned word."""
from koci_proxy import Fault, Job

class Plugin:
    def __init__(self, words: list[str]) -> None:
        self.words = words

    def on_job(self, job: Job) -> None:
        if any(word in job.prompt for word in self.words):
            raise Fault("refused", "the prompt holds a banned word")
'''


def folder_with(folder: Path, plugin: str) -> str:
    (folder / "plugins").mkdir()
    (folder / "plugins" / "banned_words.py").write_text(plugin, encoding="utf-8")
    return ROUTES + "plugins:\n  - banned_words: {words: [forbidden]}\n"


@pytest.mark.sockets
def test_ten_lines_dropped_in_work(vendor: Sandbox, tmp_path: Path) -> None:
    with proxy(tmp_path, vendor, folder_with(tmp_path, PLUGIN)) as house:
        headers = {"authorization": f"Bearer {house.key}"}

        def ask(prompt: str) -> httpx.Response:
            body = {"model": "picture", "prompt": prompt}
            return httpx.post(f"{house.url}/openai/v1/images/generations", json=body, headers=headers, timeout=30)

        assert ask("bench:small").status_code == 200
        before = vendor.calls()["total"]
        refused = ask("a forbidden fox")
        assert refused.status_code == 400
        assert refused.json()["error"]["code"] == "moderation_blocked"
        assert refused.json()["error"]["message"] == "the prompt holds a banned word"
        assert vendor.calls()["total"] == before


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("def on_jobb", "did you mean 'on_job'"),
        ("def on_job(self, jobs", "did you mean 'job'"),
        ("def on_job(:", "line 8"),
    ],
)
def test_a_wrong_plugin_fails_at_load(tmp_path: Path, wrong: str, right: str) -> None:
    start = "def on_job(self, job" if "jobs" in wrong else "def on_job"
    (tmp_path / "routes.yaml").write_text(folder_with(tmp_path, PLUGIN.replace(start, wrong, 1)), encoding="utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "koci_proxy", "check"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 1
    assert "banned_words.py" in checked.stderr
    assert right in checked.stderr


@pytest.mark.sockets
def test_a_plugin_that_breaks_shows_nothing_of_the_inside(vendor: Sandbox, tmp_path: Path) -> None:
    broken = PLUGIN.replace("if any(word in job.prompt for word in self.words):", "if 1 / 0:")
    with proxy(tmp_path, vendor, folder_with(tmp_path, broken)) as house:
        body = {"model": "picture", "prompt": "bench:small"}
        headers = {"authorization": f"Bearer {house.key}"}
        answer = httpx.post(f"{house.url}/openai/v1/images/generations", json=body, headers=headers, timeout=30)
        assert answer.status_code == 500
        assert "banned" not in answer.text
        number = answer.headers["x-request-id"]
        assert number in answer.json()["error"]["message"]
        log = (house.folder / "stderr.txt").read_text(encoding="utf-8")
        assert number in log
        assert "banned_words" in log


@pytest.mark.sockets
def test_nor_does_a_job_that_is_asked_after_later(vendor: Sandbox, tmp_path: Path) -> None:
    broken = PLUGIN.replace("def on_job(self, job: Job)", "def on_result(self, job: Job)")
    broken = broken.replace("if any(word in job.prompt for word in self.words):", "if 1 / 0:")
    routes = folder_with(tmp_path, broken).replace("{openai: openai}", "{koukoutu: koukoutu}")
    with proxy(tmp_path, vendor, routes) as house:
        headers = {"authorization": f"Bearer {house.key}"}

        def ask(path: str, form: dict[str, str]) -> httpx.Response:
            files = {"image_file": ("a.png", png(), "image/png")} if "create" in path else None
            return httpx.post(f"{house.url}/koukoutu/async/v1/{path}", data=form, files=files, headers=headers)

        made = ask("create", {"model_key": "picture", "prompt": "a fox"}).json()
        told = ask("query", {"task_id": str(made["data"]["task_id"]), "model_key": "picture"})
        while '"state":0' in told.text.replace(" ", ""):
            told = ask("query", {"task_id": str(made["data"]["task_id"]), "model_key": "picture"})
        assert "banned" not in told.text
        assert "internal error; its number is req_" in told.text
