"""Conversations at the door: whose they are, and the pictures that were made in them."""

from __future__ import annotations

import logging
from typing import Any

from ..faults import Fault
from ..state import Conversations
from ..types import Caller, Job, Result, Talk

log = logging.getLogger("koci_proxy.door")


class Talks:
    """What a door asks of the conversations; every question is one of a caller about its own."""

    def __init__(self, conversations: Conversations) -> None:
        self.conversations = conversations

    async def answer(self, talk: Talk, caller: Caller) -> tuple[Any, ...]:
        """The conversations a `Talk` is about; `Fault` not_found for one that is not the caller's."""
        match talk.verb:
            case "make":
                return (await self.conversations.make(caller.id, talk.title),)
            case "list":
                return tuple(await self.conversations.listing(caller.id))
            case _:
                return (await self.conversations.show(caller.id, talk.id),)

    async def own(self, caller: Caller, id: str) -> None:
        """See that a conversation is the caller's; `Fault` not_found else."""
        await self.conversations.check(caller.id, id)

    async def remember(self, caller: Caller, id: str, job: Job, result: Result) -> None:
        """Write down what was made in a conversation. The pictures are paid for: a fault here must not lose them."""
        for at, media in enumerate(result.media):
            small = result.thumbnails[at].url if at < len(result.thumbnails) else None
            picture = {"prompt": job.prompt, "model": job.model, "image_url": media.url, "thumbnail_url": small}
            try:
                await self.conversations.add(caller.id, id, picture)
            except Fault as fault:
                log.error("a picture is missing in its conversation: %s", fault)
