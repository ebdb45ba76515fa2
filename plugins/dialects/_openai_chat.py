"""`chat/completions` of the OpenAI door, for clients that ask for pictures in a chat.

OpenAI's own chat makes no pictures; the form is that of relays and gateways: pictures in `choices[0].message.images`,
in a stream in `delta.images`, here as links, or as data URIs where `response_format` is `b64_json`. The content names
each linked picture in Markdown too, as older relays do, for clients that show nothing but the content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from koci_proxy import sizes
from koci_proxy.fields import Fields, bad, picture, said_late
from koci_proxy.types import Delivery, Done, Event, Job, Media, Note, Result, Size
from koci_proxy.wire import Call, Frame, Json, Reply, data_uri, url

from . import _names
from . import _openai_talk as talk
from ._openai_images import DIALECT, FORMATS, NAMES, faithful, picture_words, unread

END = b"data: [DONE]\n\n"

ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def parse(call: Call) -> Job:
    """What the app wants. `Fault` bad_request names the field."""
    fields = Fields(call.body)
    model = fields.required("model")
    wished = talk.wish(_turns(fields.take("messages")), "messages")
    _modalities(fields.take("modalities"))
    deliver, notes = _delivery(fields.take("response_format"))
    stream = fields.flag("stream")
    count = fields.whole("n", 1, 10) or 1
    told = fields.take("stream_options")
    size, unsized = _size(fields)
    words = picture_words(fields)
    if fields.take("partial_images"):
        notes += (Note("partial_images", "left out", "a chat has no place for previews"),)
    options, left = talk.left(fields)
    options, unkept = faithful(options, bool(wished.inputs))
    marks = {"_door": "chat"}
    if isinstance(told, Mapping) and told.get("include_usage"):
        marks["_usage"] = "asked"
    return Job(
        model,
        wished.prompt,
        task="edit" if wished.inputs else "generate",
        inputs=wished.inputs,
        n=count,
        size=size,
        deliver=deliver,
        stream=stream,
        dialect=DIALECT,
        options=options | marks,
        places=tuple(wished.places),
        notes=wished.notes + notes + unsized + left + unkept,
        **words,
    )


def _turns(messages: Any) -> list[talk.Turn]:
    if not isinstance(messages, list) or not messages:
        raise bad("messages", "is required: a list of messages, the last one the user's")
    return [_turn(message, f"messages[{at}]") for at, message in enumerate(messages)]


def _turn(message: Any, where: str) -> talk.Turn:
    if not isinstance(message, Mapping):
        raise bad(where, "must be an object")
    role, content = message.get("role"), message.get("content")
    if role not in ROLES:
        raise bad(f"{where}.role", f"must be one of {', '.join(ROLES)}")
    texts = talk.texts_of(content, f"{where}.content", ("text",))
    given = [(part, f"{where}.content[{at}]") for at, part in enumerate(talk.parts(content, f"{where}.content"))]
    given += [(part, f"{where}.images[{at}]") for at, part in enumerate(talk.parts(message.get("images"), where))]
    pictures = tuple(_picture(part, at) for part, at in given if _is_picture(part, at))
    return talk.Turn(str(role), texts, pictures, _unread(message, given, where))


def _unread(message: Mapping[str, Any], given: Sequence[tuple[Mapping[str, Any], str]], where: str) -> tuple[Note, ...]:
    """A note of what else a message says; not of an answer's, which comes back as it was."""
    if message.get("role") == "assistant":
        return ()
    notes = unread(message, where, ("role", "content", "images", "tool_call_id"))
    for part, at in given:
        link = part.get("image_url")
        notes += unread(part, at, ("type", "text", "image_url", "index")) + unread(link, f"{at}.image_url", ("url",))
    return notes


def _is_picture(part: Mapping[str, Any], where: str) -> bool:
    kind = str(part.get("type"))
    if kind not in ("text", "refusal", "image_url"):
        raise bad(f"{where}.type", "must be text or image_url: this service makes pictures from words and pictures")
    return kind == "image_url"


def _picture(part: Mapping[str, Any], where: str) -> tuple[str, Media]:
    link, place = part.get("image_url"), f"{where}.image_url"
    return place, picture(link.get("url") if isinstance(link, Mapping) else link, place)


def _modalities(asked: Any) -> None:
    if asked is None:
        return
    if not isinstance(asked, list) or "image" not in asked:
        raise bad("modalities", 'must hold "image": this service makes pictures')


def _delivery(asked: Any) -> tuple[Delivery, tuple[Note, ...]]:
    """Links, unless `response_format` is the Images paths' `b64_json`; the chat's own object says how texts look."""
    if isinstance(asked, Mapping):
        plain = asked.get("type") == "text"
        return "url", () if plain else (Note("response_format", "left out", "the answer is a picture, not a text"),)
    if asked is not None and (not isinstance(asked, str) or asked not in FORMATS):
        raise bad("response_format", f"must be one of {', '.join(FORMATS)}")
    return FORMATS[asked or "url"], ()


def _size(fields: Fields) -> tuple[Size, tuple[Note, ...]]:
    """`size` and `aspect_ratio`, or a gateway's `image_config`, which has both by other names; a note of what else
    stands in that. What is said in both places must be the same.
    """
    config = Fields(fields.take("image_config") or {}, "image_config")
    words = {"size": config.text("image_size"), "aspect_ratio": config.text("aspect_ratio")}
    names = {"size": "image_config.image_size", "aspect_ratio": "image_config.aspect_ratio"}
    for name, inner in words.items():
        outer = fields.text(name)
        if outer is None:
            continue
        if inner is not None and sizes.parse(inner, names[name]) != sizes.parse(outer, name):
            raise bad(names[name], f"says {inner[:40]!r} where {name} says {outer[:40]!r}")
        words[name], names[name] = outer, name
    size = sizes.tier_and_ratio(words["size"], words["aspect_ratio"], names["size"], names["aspect_ratio"])
    return size, unread(config.rest(), "image_config", ("image_size", "aspect_ratio"))


def named(field: str, job: Job) -> str:
    """What an app calls an input in a chat."""
    if field == "prompt" or _names.is_picture(field):
        return _names.place(field, job, DIALECT) or "messages"
    return NAMES.get(field, field)


# --- the answer -----------------------------------------------------------------------------------------------------


def render(result: Result, job: Job) -> Reply:
    """The answer to an app: one choice for each picture where several were asked for, else all pictures in one."""
    choices = [
        {"index": at, "message": {"role": "assistant", **message, "refusal": None}, "finish_reason": "stop"}
        for at, message in enumerate(_messages(result, job))
    ]
    return Reply(200, {}, Json(_body("chat.completion", result, job) | {"choices": choices, "usage": _usage(result)}))


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """A chunk with the whole message for each choice and one that ends it; the chat has no word for progress."""
    if not isinstance(event, Done):
        return ()
    result = event.result
    head = _body("chat.completion.chunk", result, job)
    chunks: list[dict[str, Any]] = []
    noted = said_late(result)  # the headers of a stream that had to be kept alive can carry no notes any more
    for at, message in enumerate(_messages(result, job)):
        delta = {"role": "assistant", **message}
        chunks.append(head | {"choices": [{"index": at, "delta": delta, "finish_reason": None}]})
        chunks.append(head | {"choices": [{"index": at, "delta": {}, "finish_reason": "stop"}]} | noted)
    if "_usage" in job.options:
        chunks.append(head | {"choices": [], "usage": _usage(result)})
    return tuple(Frame(None, chunk) for chunk in chunks)


def _messages(result: Result, job: Job) -> list[dict[str, Any]]:
    groups = [(media,) for media in result.media] if job.n > 1 else [result.media]
    texts = [result.text, *[""] * (len(groups) - 1)]
    spell = url if job.deliver == "url" else data_uri
    return [
        {
            "content": talk.said(text, group, job.deliver),
            "images": [
                {"type": "image_url", "index": at, "image_url": {"url": spell(media)}} for at, media in enumerate(group)
            ],
        }
        for text, group in zip(texts, groups, strict=True)
    ]


def _body(kind: str, result: Result, job: Job) -> dict[str, Any]:
    name = f"chatcmpl-{talk.number(job)}"
    return {"id": name, "object": kind, "created": result.created or 0, "model": job.model}


def _usage(result: Result) -> dict[str, Any]:
    """The counts under the chat's names; nought where the vendor counted nothing, since clients add them up."""
    names = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens", "total_tokens": "total_tokens"}
    return {name: result.usage.get(ours) or 0 for name, ours in names.items()}
