"""A conversation of the OpenAI door as a wish for a picture: what chat completions and the Responses API share.

The prompt is what the user said last, with what the system says before it. Pictures are taken from every turn, in
order: those of the user, and those this house made before, so that "make it blue" changes the last one. What was said
in earlier turns is left out, with a note: a picture model goes by one prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, meant
from koci_proxy.types import Job, Media, Note

from ._openai_images import UNREAD
from ._turns import EARLIER

PROMPT_CHARS = 32_000
SYSTEM = ("system", "developer")
# What goes with a wish for a picture to a vendor of this shape; any other word of a conversation does not.
PASSED = ("moderation", "user", "safety_identifier", "input_fidelity", "complexity")
# What only a model that talks is asked: a vendor whose pictures come of such a one may know it.
TUNED = ("seed", "temperature", "top_p")
_AT = re.compile(r"\[\d+\]")
# Bounded, for a text of nothing but beginnings is looked through from each of them.
_LINK = re.compile(r"!\[[^\]]{0,300}\]\((https?://[^\s()]{1,4096})\)")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said and showed: each picture with its place in the body; a note of each word beside."""

    role: str
    texts: tuple[str, ...] = ()
    pictures: tuple[tuple[str, Media], ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a conversation comes to; `places` are those of its inputs."""

    prompt: str
    inputs: tuple[Media, ...]
    places: tuple[str, ...]
    notes: tuple[Note, ...] = field(default=())


def wish(turns: Sequence[Turn], where: str) -> Wish:
    """`where` is the field that holds the conversation. `Fault` bad_request if the user says nothing in the end."""
    spoken = [turn for turn in turns if turn.role not in SYSTEM]
    last = len(spoken)
    while last and spoken[last - 1].role == "user":
        last -= 1
    asked, before = spoken[last:], spoken[:last]
    system = _texts(turn for turn in turns if turn.role in SYSTEM)
    prompt = "\n\n".join(text for text in ("\n".join(system), "\n".join(_texts(asked))) if text)
    if not _texts(asked):
        raise Fault("bad_request", f"{where}: the last turn must be the user's and say what to draw", field=where)
    if len(prompt) > PROMPT_CHARS:
        raise bad(where, f"must come to a prompt of at most {PROMPT_CHARS} characters, not {len(prompt)}")
    notes = [Note(where, "emulated", "what the system says stands before the prompt")] if system else []
    if _texts(before):
        notes.append(Note(where, "left out", EARLIER))
    notes += _first_of_each(note for turn in turns for note in turn.notes)
    pictures = [each for turn in (*before, *asked) for each in turn.pictures]
    shown = {media.url for _, media in pictures}
    pictures[:0] = [(where, Media(url=link)) for link in _linked(before) if link not in shown]
    return Wish(prompt, tuple(media for _, media in pictures), tuple(place for place, _ in pictures), tuple(notes))


def _first_of_each(notes: Iterable[Note]) -> list[Note]:
    """One note of each word, with the first place where it stands: a conversation may hold hundreds."""
    found: dict[str, Note] = {}
    for note in notes:
        found.setdefault(_AT.sub("[]", note.field), note)
    return list(found.values())


def _texts(turns: Iterable[Turn]) -> list[str]:
    return [text for turn in turns for text in turn.texts if text.strip()]


def _linked(turns: Sequence[Turn]) -> list[str]:
    """The pictures that the last answer shows as Markdown links: a client that keeps only texts keeps these."""
    answers = [turn for turn in turns if turn.role == "assistant"]
    return list(dict.fromkeys(link for text in (answers[-1].texts if answers else ()) for link in _LINK.findall(text)))


def left(fields: Fields) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """(options, notes): of the fields nobody took, those that a vendor may know, and a note of each other one."""
    rest, slips = fields.rest(), fields.slips()
    options = {name: value for name, value in rest.items() if name in (*PASSED, *TUNED)}
    lost = [name for name in rest if name not in options]
    return options, tuple(Note(name, "left out", meant(slips.get(name)) or UNREAD) for name in lost)


def number(job: Job) -> str:
    """What the names of an answer's parts are made of: the number of its request."""
    return str(job.options.get("_id", "")).removeprefix("req_")


def said(result_text: str, pictures: Sequence[Media], deliver: str) -> str:
    """What the answer says in words: the model's own, and each picture as a Markdown link where it has one."""
    links = [f"![image]({media.url})" for media in pictures if media.url] if deliver == "url" else []
    return "\n\n".join(text for text in (result_text.strip(), *links) if text)


def texts_of(content: Any, where: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The texts of a content that is text itself or a list of parts; `where` names it in messages."""
    if isinstance(content, str):
        return (content,)
    return tuple(
        _text(part, f"{where}[{at}]") for at, part in enumerate(parts(content, where)) if part.get("type") in kinds
    )


def _text(part: Mapping[str, Any], where: str) -> str:
    text = part.get("text")
    if not isinstance(text, str):
        raise bad(f"{where}.text", "must be text")
    return text


def parts(content: Any, where: str) -> list[Mapping[str, Any]]:
    """The parts of a content; `Fault` bad_request unless it is a list of objects."""
    if content is None or isinstance(content, str):
        return []
    if not isinstance(content, list):
        raise bad(where, "must be text or a list of parts")
    for at, part in enumerate(content):
        if not isinstance(part, Mapping):
            raise bad(f"{where}[{at}]", "must be an object")
    return content
