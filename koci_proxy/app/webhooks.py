"""Webhooks: an app that asked for it is told of the end of its job, signed as Standard Webhooks has it.

The secret is made of the app's own key, so nothing has to be agreed on: "whsec_" and the base64 of
HMAC-SHA256(SHA-256(key), "koci-webhook"). `GET /v1/webhooks/secret` tells it to whoever has the key.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections import Counter
from collections.abc import Sequence

from ..faults import SILENT, Fault
from ..state import Callers
from ..state.jobs import JobBook, Row
from ..upstream import Fetcher
from .ordering import shown_job
from .rows import state_of
from .runner import Runner

log = logging.getLogger("koci_proxy.jobs")

LABEL = b"koci-webhook"
# Seconds until the next try after each that failed, as Standard Webhooks proposes; after the last there is no more.
PAUSES = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
LOOK = 1.0
# So many posts are out at once, and about so many to one app: one that does not answer holds up nobody else's.
AT_ONCE = 64
EACH = 4
PATIENCE = 10.0  # seconds for an answer


class Webhooks:
    """Tells apps of jobs that ended, again and again until they have heard it."""

    def __init__(self, runner: Runner, callers: Callers, fetcher: Fetcher) -> None:
        self._runner, self._callers, self._fetcher = runner, callers, fetcher
        self._telling: dict[asyncio.Task[None], str] = {}  # what is under way, and whom it is for

    def check(self, url: str) -> None:
        """`Fault` bad_request for an address that is none, or that lies inside our own network."""
        try:
            self._fetcher.check(url)
        except Fault as fault:
            message = f"the webhook cannot be called: {fault.message}"
            raise Fault("bad_request", message, field="x-koci-webhook") from fault

    async def tell(self) -> None:
        """Look for what is due, for ever, and tell each by itself; what is under way when this is stopped stops too."""
        try:
            while True:
                for row in await self._due():
                    task = asyncio.create_task(self._tell(row))
                    self._telling[task] = row.owner
                    task.add_done_callback(self._over)
                if self._telling:  # as soon as a place is free there may be more
                    await asyncio.wait(self._telling, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await asyncio.sleep(LOOK)
        finally:
            for task in self._telling:
                task.cancel()
            await asyncio.gather(*self._telling, return_exceptions=True)

    async def _due(self) -> list[Row]:
        free, out = AT_ONCE - len(self._telling), Counter(self._telling.values())
        if not free:
            return []
        try:
            return await self._runner.book.due(free, EACH, [owner for owner, count in out.items() if count >= EACH])
        except Fault as fault:  # the database has said so itself
            log.debug("webhooks wait: %s", fault)
            return []

    def _over(self, task: asyncio.Task[None]) -> None:
        del self._telling[task]
        error = None if task.cancelled() else task.exception()
        if error and getattr(error, "code", None) != SILENT:  # else the database has said so itself
            log.error("a webhook could not be told", exc_info=error)

    async def _tell(self, row: Row) -> None:
        book: JobBook = self._runner.book
        body = json.dumps({"type": f"job.{row.status}", "timestamp": _stamp(row), "data": self._data(row)}).encode()
        digests = await self._callers.digests(row.owner)
        tries = row.webhook_tries + 1
        try:
            if not digests or row.webhook is None:
                raise Fault("gone", "its key was revoked", stage="not_sent")
            secrets = [secret_of(digest) for digest in digests]
            async with asyncio.timeout(PATIENCE):
                await self._fetcher.post(row.webhook, body, signed(row.id, body, secrets, int(time.time())))
        except (Fault, TimeoutError) as fault:
            again = PAUSES[tries - 1] if tries <= len(PAUSES) and digests else None
            why = fault if isinstance(fault, Fault) else f"no answer within {PATIENCE:g} s"
            log.warning("%s: webhook try %d failed: %s", row.id, tries, why)
            await book.told(row.id, tries, again)
        else:
            await book.told(row.id, tries, None)

    def _data(self, row: Row) -> object:
        return shown_job(state_of(row, self._runner.store), row)


def secret_of(digest: bytes) -> bytes:
    """The signing secret of a caller, from the SHA-256 digest of its key."""
    return hmac.new(digest, LABEL, hashlib.sha256).digest()


def shown_secret(digest: bytes) -> str:
    return "whsec_" + base64.b64encode(secret_of(digest)).decode()


def signed(id: str, body: bytes, secrets: Sequence[bytes], now: int) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0: the id is the same at each try, so that a receiver knows a repeat.

    While a key is being renewed there is a signature by each of the two.
    """
    content = f"{id}.{now}.".encode() + body
    digests = [base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode() for secret in secrets]
    signatures = " ".join(f"v1,{digest}" for digest in digests)
    head = {"webhook-id": id, "webhook-timestamp": str(now), "webhook-signature": signatures}
    return {"content-type": "application/json", "user-agent": "koci-proxy", **head}


def _stamp(row: Row) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(row.ended_at or row.created_at))
