"""Files that apps hand in for later use: an address that stands for a key, and the store that keeps the bytes."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from types import ModuleType

from ..faults import Fault
from ..state import Callers
from ..store import Store
from ..types import Caller, Upload
from ..wire import Reply

HOUR = 3600


class Uploads:
    """The second step of an upload carries no key, so its address must: who, until when, and a signature over both."""

    def __init__(self, secret: bytes, callers: Callers, store: Store) -> None:
        self._secret, self._callers, self._store = secret, callers, store

    async def answer(self, upload: Upload, caller: Caller, dialect: ModuleType, place: str) -> Reply:
        """Begin: the address of the second step, under `place`. Finish: the file's id and link."""
        if upload.step == "begin":
            self._store.check()
            token = self._token(caller)
            reply: Reply = dialect.begun(upload, f"{place}/upload/files/{token}")
            return reply
        if upload.media is None or upload.media.mime is None:
            raise Fault("bad_request", "this is not a picture or a film of a known type", field="file")
        kept = await self._store.put(upload.media)
        name = (kept.key or "").partition(".")[0]
        done: Reply = dialect.uploaded(upload, name, f"{place}/v1beta/files/{name}", kept)
        return done

    def _token(self, caller: Caller) -> str:
        claim = json.dumps([caller.id, int(time.time()) + HOUR, secrets.token_hex(8)])
        text = base64.urlsafe_b64encode(claim.encode()).decode().rstrip("=")
        return f"{text}.{self._sign(text)}"

    async def bearer(self, token: str) -> Caller:
        """Whom an address was given to; `Fault` unauthorized when it is made up or it or its key is no longer good.

        `Fault` down where the disk is full, before any of the file is taken in.
        """
        text, _, signature = token.partition(".")
        if not signature.isascii() or not hmac.compare_digest(self._sign(text), signature):
            raise Fault("unauthorized", "this upload address is not one of ours")
        id, *_, until, _ = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if until < time.time():
            raise Fault("unauthorized", "this upload address has expired; begin again")
        caller = await self._callers.live(id)
        if caller is None:
            message = "the API key of this upload address has expired or was revoked"
            raise Fault("unauthorized", message, code="invalid_api_key")
        self._store.check()
        return caller

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), "sha256").hexdigest()
