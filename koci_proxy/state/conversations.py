"""Conversations: threads that an app opens under its key, and the pictures that were made in each."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..faults import Fault
from .database import Database
from .prepared import Writing
from .tables import conversation_pictures, conversations
from .texts import clean

TITLE = 200  # characters
# The most that one answer holds: of more than that, the newest.
SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a conversation: what was asked, which model made it, where it lies. Times are Unix seconds."""

    prompt: str
    model: str
    image_url: str
    thumbnail_url: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; its pictures, oldest first, are only there where one conversation is shown."""

    id: str
    title: str
    created_at: float
    pictures: tuple[Picture, ...] = ()


class Conversations:
    """The conversations in one database, shared by every process that opens it.

    Each belongs to the caller that made it; to any other it is not there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(self, owner: str, title: str = "") -> Conversation:
        """A new conversation of a caller, with a UUID for its id. `Fault` bad_request for a title that is too long."""
        if len(title) > TITLE:
            raise Fault("bad_request", f"title has {len(title)} characters; {TITLE} are the most", field="title")
        made = Conversation(str(uuid.uuid4()), clean(title), time.time())
        row = {"id": made.id, "owner": owner, "title": made.title, "created_at": made.created_at}
        await self._database.write(lambda connection: connection.execute(conversations.insert().values(row)))
        return made

    async def listing(self, owner: str) -> tuple[Conversation, ...]:
        """A caller's conversations, newest first, without their pictures; the newest 1000 of them."""
        talks = conversations
        mine = talks.select().where(talks.c.owner == owner).order_by(talks.c.created_at.desc(), talks.c.id)
        async with self._database.read() as connection:
            rows = await connection.execute(mine.limit(SHOWN))
        return tuple(Conversation(row.id, row.title, row.created_at) for row in rows)

    async def check(self, owner: str, id: str) -> None:
        """`Fault` not_found when a caller has no such conversation."""
        async with self._database.read() as connection:
            await self._own(connection, owner, id)

    async def show(self, owner: str, id: str) -> Conversation:
        """One conversation with the newest 1000 of its pictures; `Fault` not_found when the caller has none such."""
        table = conversation_pictures
        of_it = table.select().where(table.c.conversation == id.lower()).order_by(table.c.number.desc()).limit(SHOWN)
        async with self._database.read() as connection:
            talk = await self._own(connection, owner, id)
            rows = (await connection.execute(of_it)).all()
        pictures = (
            Picture(row.prompt, row.model, row.image_url, row.thumbnail_url, row.created_at) for row in reversed(rows)
        )
        return Conversation(talk.id, talk.title, talk.created_at, tuple(pictures))

    async def add(self, owner: str, id: str, picture: Mapping[str, str | None]) -> None:
        """Keep a picture (`prompt`, `model`, `image_url`, `thumbnail_url`) in a conversation; `Fault` as for `show`."""
        names = ("prompt", "model", "image_url", "thumbnail_url")
        row = {name: clean(picture.get(name) or "") for name in names}

        async def kept(connection: Writing) -> None:
            talk = await self._own(connection, owner, id)
            made = {**row, "conversation": talk.id, "created_at": time.time()}
            await connection.execute(conversation_pictures.insert().values(made))

        await self._database.write(kept)

    async def _own(self, connection: Writing, owner: str, id: str) -> Any:
        """The row of a conversation that is the caller's."""
        talks = conversations
        wanted = (talks.c.id == id.lower()) & (talks.c.owner == owner)
        row = (await connection.execute(talks.select().where(wanted))).one_or_none() if _is_uuid(id) else None
        if row is None:
            # One that is another's is not told apart from one that nobody has.
            raise Fault(
                "not_found",
                "there is no such conversation under this API key; make one first and use its id",
                field="conversation_id",
                code="conversation_not_found",
            )
        return row


def _is_uuid(text: str) -> bool:
    """Whether it is written as our ids are; whatever else an app says is not asked of the database."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
