"""Refuse prompts that hold a banned word."""

from koci_proxy import Fault, Job


class Plugin:
    def __init__(self, words: list[str]) -> None:
        self.words = words

    def on_job(self, job: Job) -> None:
        if any(word in job.prompt for word in self.words):
            raise Fault("refused", "the prompt holds a banned word")
