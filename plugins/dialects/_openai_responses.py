"""`responses` of the OpenAI door: the `image_generation` tool of the Responses API, whole and as a stream.

There is no mainline model here that decides whether to draw: the tool is always called, once. The picture model is the
tool's `model`, else the request's. Pictures come as base64 in the call's `result`, the only form the wire has. A frame
is made from its event alone, so that the sequence numbers of a stream count on from fixed places: they rise, and have a
gap where fewer previews came than were asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, bad, picture
from koci_proxy.types import Done, Event, Job, Media, Note, Partial, Progress, Result
from koci_proxy.wire import Call, Frame, Json, Reply, base64

from . import _names
from . import _openai_talk as talk
from ._openai_images import DIALECT, NAMES, beside, facts, faithful, picture_words, reference, unread, unstreamed

TOOL = "image_generation"
CALL = "image_generation_call"
# What OpenAI's tool draws with where it names no model: taken for a request's model that this house does not have.
DRAWS = "gpt-image-2.6-sunburst"
TEXTS = ("input_text", "output_text", "text", "refusal")
PICTURES = ("input_image", "image_url")
GONE = {
    "previous_response_id": "cannot be used: answers are not kept here; send the conversation, or its pictures",
    "conversation": "cannot be used: conversations are not kept here; send the conversation, or its pictures",
}
# What the house finds in the tool, and what it is called there.
IN_TOOL = {name: NAMES.get(name, name) for name in ("size", "quality", "format", "compression", "background", "style")}
IN_TOOL["mask"] = "input_image_mask"


def parse(call: Call) -> Job:
    """What the app wants. `Fault` bad_request names the field."""
    fields = Fields(call.body)
    mainline = fields.required("model")
    for name, why in GONE.items():
        if fields.take(name) is not None:
            raise bad(name, why)
    if fields.flag("background"):
        raise bad("background", "cannot be used: answers are not kept here; stream the answer instead")
    tool, at, others = _tool(fields.take("tools"))
    _choice(fields.take("tool_choice"))
    turns = _turns(fields.take("input"))
    system = fields.text("instructions")
    wished = talk.wish(([talk.Turn("system", (system,))] if system else []) + turns, "input")
    stream = fields.flag("stream")
    model = tool.text("model")
    notes = wished.notes + others
    if model is not None and model != mainline:
        notes += (Note("model", "emulated", f"no {mainline} here: the tool's model draws"),)
    action = _action(tool, bool(wished.inputs))
    mask = tool.take("input_image_mask")
    if mask is not None and not wished.inputs:
        raise bad(tool.path("input_image_mask"), "needs a picture to lie over")
    size = sizes.tier_and_ratio(
        *(tool.text("size"), tool.text("aspect_ratio"), tool.path("size"), tool.path("aspect_ratio"))
    )
    words, partials = picture_words(tool), tool.whole("partial_images", 0, 3) or 0
    notes += beside(mask, tool.path("input_image_mask")) + unstreamed(partials, stream, tool.path("partial_images"))
    options, unsaid = _rest(tool, fields, bool(wished.inputs))
    marks = {"_door": "responses", "_model": mainline} | ({"_tool": at} if at else {})
    marks |= {"_else": DRAWS} if model is None else {}
    return Job(
        model or mainline,
        wished.prompt,
        task="edit" if wished.inputs else "generate",
        inputs=wished.inputs,
        mask=reference(mask, tool.path("input_image_mask")) if mask is not None else None,
        size=size,
        deliver="base64",
        stream=stream,
        partials=partials if stream else 0,
        dialect=DIALECT,
        options=options | marks,
        places=tuple(wished.places),
        notes=notes + action + unsaid,
        **words,
    )


def _tool(tools: Any) -> tuple[Fields, int, tuple[Note, ...]]:
    """The picture tool's fields, its place among the tools, and a note of each other one."""
    given = talk.parts(tools, "tools")
    at = next((at for at, tool in enumerate(given) if tool.get("type") == TOOL), None)
    if at is None:
        message = f'tools must hold {{"type": "{TOOL}"}}: this service makes pictures'
        raise Fault("bad_request", message, field="tools", code="missing_required_parameter")
    fields = Fields(given[at], f"tools[{at}]")
    fields.take("type")
    others = [Note(f"tools[{i}]", "left out", "no tool but the picture's") for i in range(len(given)) if i != at]
    return fields, at, tuple(others)


def _choice(choice: Any) -> None:
    if choice == "none":
        raise bad("tool_choice", f'must leave "{TOOL}" to be called: this service makes pictures')


def _action(tool: Fields, inputs: bool) -> tuple[Note, ...]:
    """What the tool is to do: pictures make it an edit, whatever it is called."""
    action = tool.choice("action", ("auto", "generate", "edit"))
    if action == "edit" and not inputs:
        raise bad(tool.path("action"), "edit needs a picture in the input")
    if action == "generate" and inputs:
        return (Note("action", "bent", "generate → edit: the input holds pictures"),)
    return ()


def _rest(tool: Fields, fields: Fields, inputs: bool) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """What is said beside the picture. Words of the tool go on to a vendor of this shape, as on the Images paths."""
    options, notes = talk.left(fields)
    options, unkept = faithful(options | tool.rest(), inputs)
    return options, notes + unkept


# --- the input ------------------------------------------------------------------------------------------------------


def _turns(given: Any) -> list[talk.Turn]:
    if isinstance(given, str):
        return [talk.Turn("user", (given,))]
    if not isinstance(given, list) or not given:
        raise Fault(
            "bad_request",
            "input is required: text, or a list of messages",
            field="input",
            code="missing_required_parameter",
        )
    turns = [_turn(item, f"input[{at}]") for at, item in enumerate(given)]
    behind = _behind(given)
    return [*turns[:behind], *(replace(turn, role="user") for turn in turns[behind:])]


def _behind(given: Sequence[Mapping[str, Any]]) -> int:
    """From where on the user shows earlier pictures behind its words, as OpenAI's guide does."""
    at = len(given)
    while at and (given[at - 1].get("type") or "message") != "message":
        at -= 1
    return at if any(item["type"] == CALL for item in given[at:]) else len(given)


def _turn(item: Any, where: str) -> talk.Turn:
    if not isinstance(item, Mapping):
        raise bad(where, "must be an object")
    kind = item.get("type") or "message"
    if kind == CALL:
        return talk.Turn("assistant", (), _made(item, f"{where}.result"))
    if kind == "item_reference":
        raise bad(where, "cannot be used: answers are not kept here; send the item itself")
    if kind != "message":
        return talk.Turn("assistant")  # a reasoning, a call of another tool: nothing to see
    content = item.get("content")
    texts = talk.texts_of(content, f"{where}.content", TEXTS[:3])
    given = [(part, f"{where}.content[{at}]") for at, part in enumerate(talk.parts(content, f"{where}.content"))]
    pictures = tuple((f"{at}.image_url", reference(part, at)) for part, at in given if _shows(part, at))
    role = str(item.get("role") or "user")
    if role == "assistant":  # an answer's words come back as they were
        return talk.Turn(role, texts, pictures)
    notes = unread(item, where, ("type", "role", "content", "id", "status"))
    for part, at in given:
        notes += beside({name: each for name, each in part.items() if name != "text"}, at)
    return talk.Turn(role, texts, pictures, notes)


def _made(call: Mapping[str, Any], where: str) -> tuple[tuple[str, Media], ...]:
    """The picture of an earlier call; none of one that failed. `Fault` bad_request for one that is only named."""
    result = call.get("result")
    if result is not None:
        return ((where, picture(result, where)),)
    if call.get("status") == "failed":
        return ()
    raise bad(where, "is required: answers are not kept here by their id; send the picture that the call made")


def _shows(part: Mapping[str, Any], where: str) -> bool:
    kind = part.get("type")
    if kind not in (*TEXTS, *PICTURES):
        raise bad(f"{where}.type", f"must be one of {TEXTS[0]}, {PICTURES[0]}")
    return kind in PICTURES


def named(field: str, job: Job) -> str:
    """What an app calls an input here: a picture by its place in the input, its form by the tool's words."""
    if field == "prompt" or _names.is_picture(field):
        return _names.place(field, job, DIALECT) or "input"
    tool = f"tools[{job.options.get('_tool', 0)}]"
    if field in ("model", "task"):
        return "model" if job.model == job.options.get("_model") else f"{tool}.model"
    return f"{tool}.{IN_TOOL[field]}" if field in IN_TOOL else field


# --- the answer -----------------------------------------------------------------------------------------------------


def render(result: Result, job: Job) -> Reply:
    """The answer to an app: a call for each picture, then a message with what the model said.

    Notes stand in the metadata too: the headers of a stream that has begun can carry them no more.
    """
    return Reply(200, {}, Json(_response("completed", job, _output(result, job), result)))


def _name(job: Job, head: str, at: int = 0) -> str:
    """Names of one answer differ by their heads; those of further pictures are numbered."""
    return f"{head}_{talk.number(job)}" + (f"_{at}" if at else "")


def _response(status: str, job: Job, output: Sequence[Any], result: Result | None = None) -> dict[str, Any]:
    return {
        "id": _name(job, "resp"),
        "object": "response",
        "created_at": (result.created if result else None) or 0,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {"x-koci-notes": "; ".join(map(str, result.notes))} if result and result.notes else {},
        "model": job.options.get("_model") or job.model,
        "output": list(output),
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [{"type": TOOL, "model": job.model}],
        "usage": _usage(result.usage) if result and result.usage else None,
    }


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    """With the counts the wire's type wants, nought where there is nothing to count."""
    counts = {name: usage.get(name) or 0 for name in ("input_tokens", "output_tokens", "total_tokens")}
    return dict(usage) | counts | {
        "input_tokens_details": {"cached_tokens": 0, **(usage.get("input_tokens_details") or {})},
        "output_tokens_details": {"reasoning_tokens": 0, **(usage.get("output_tokens_details") or {})},
    }  # fmt: skip


def _output(result: Result, job: Job) -> list[dict[str, Any]]:
    return [*(_call(result, job, at) for at in range(len(result.media))), _message(result, job, "completed")]


def _begun(job: Job, at: int, status: str = "in_progress") -> dict[str, Any]:
    return {"id": _name(job, "ig", at), "type": CALL, "status": status, "result": None}


def _call(result: Result, job: Job, at: int) -> dict[str, Any]:
    revised = result.extras.get("revised_prompts") or ()
    media = result.media[at]
    return _begun(job, at, "completed") | {
        "result": base64(media),
        "action": "edit" if job.task == "edit" else "generate",
        "revised_prompt": (revised[at] if at < len(revised) else "") or job.prompt,
        **facts([media], result.extras, job, result.notes),
    }


def _message(result: Result, job: Job, status: str) -> dict[str, Any]:
    text = {"type": "output_text", "text": result.text, "annotations": []}
    content = [text] if status == "completed" else []
    return {"id": _name(job, "msg"), "type": "message", "role": "assistant", "status": status, "content": content}


# --- the stream -----------------------------------------------------------------------------------------------------


def frame(event: Event, job: Job) -> tuple[Frame, ...]:
    """The frames of one event. The first word of progress, which has no percent, opens the response and the call."""
    match event:
        case Progress(None):
            return _numbered(0, _opening(job))
        case Partial(media, index):
            return _numbered(_OPENING + index, [_preview(media, index, job)])
        case Done(result):
            return _numbered(_OPENING + job.partials, _closing(result, job))
        case _:
            return ()


_OPENING = 5  # frames before the first preview


def _numbered(first: int, events: Sequence[dict[str, Any]]) -> tuple[Frame, ...]:
    return tuple(
        Frame(each["type"], each | {"sequence_number": number}) for number, each in enumerate(events, start=first)
    )


def _opening(job: Job) -> list[dict[str, Any]]:
    begun = _response("in_progress", job, [])
    return [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": _begun(job, 0)},
        *(_step(step, job, 0) for step in ("in_progress", "generating")),
    ]


def _step(step: str, job: Job, at: int) -> dict[str, Any]:
    return {"type": f"response.{CALL}.{step}", "output_index": at, "item_id": _name(job, "ig", at)}


def _preview(media: Media, index: int, job: Job) -> dict[str, Any]:
    return {
        **_step("partial_image", job, 0),
        "partial_image_index": index,
        "partial_image_b64": base64(media),
        **facts([media], {}, job),
    }


def _closing(result: Result, job: Job) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for at in range(len(result.media)):
        if at:
            events.append({"type": "response.output_item.added", "output_index": at, "item": _begun(job, at)})
        events.append(_step("completed", job, at))
        done = {"output_index": at, "item": _call(result, job, at)}
        events.append({"type": "response.output_item.done", **done})
    events += _spoken(result, job, len(result.media))
    return [
        *events,
        {"type": "response.completed", "response": _response("completed", job, _output(result, job), result)},
    ]


def _spoken(result: Result, job: Job, at: int) -> list[dict[str, Any]]:
    """The message with what the model said, which may be nothing."""
    item = {"output_index": at, "item_id": _name(job, "msg"), "content_index": 0}
    part = {"type": "output_text", "annotations": []}
    delta = {"type": "response.output_text.delta", **item, "delta": result.text, "logprobs": []}
    return [
        {"type": "response.output_item.added", "output_index": at, "item": _message(result, job, "in_progress")},
        {"type": "response.content_part.added", **item, "part": part | {"text": ""}},
        *([delta] if result.text else []),
        {"type": "response.output_text.done", **item, "text": result.text, "logprobs": []},
        {"type": "response.content_part.done", **item, "part": part | {"text": result.text}},
        {"type": "response.output_item.done", "output_index": at, "item": _message(result, job, "completed")},
    ]


def fail_frame(error: Mapping[str, Any], job: Job) -> Frame:
    """The flat form, which this API's event types have; it is the last frame of its stream."""
    data = {
        "type": "error",
        "code": error["code"],
        "message": error["message"],
        "param": error["param"],
        "sequence_number": _OPENING + job.partials,
    }
    more = {"moderation_details": error["moderation_details"]} if "moderation_details" in error else {}
    return Frame("error", data | more)
