"""The Koukoutu shape: cut-outs and other work on one picture, at once or as a task; errors mostly under HTTP 200."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .body import write
from .fetch import data_uri
from .nouns import Answer, Ask, Order, Picture, Refusal, Seen
from .tasks import Task, Tasks

NAME = "koukoutu"
SYNC, ASYNC, QUERY = "/koukoutu/sync/v1/create", "/koukoutu/async/v1/create", "/koukoutu/async/v1/query"
MOST_AT_ONCE = 5
MOST_BYTES = 15 * 1024 * 1024
LEAST_EDGE, MOST_EDGE = 70, 10_000
IMAGES = ("image_file", "image_url", "image_base64")
FORMATS = {"png": "image/png", "webp": "image/webp"}
TRUTH = ("0", "1")
# These codes are the HTTP status too; the others come under 200.
LOUD = frozenset({401, 403, 413, 429})
RATIOS = (
    *("1:1", "1:2", "2:1", "2:3", "3:2", "3:4", "3:5", "3:7", "4:3", "5:3", "6:7", "7:3", "7:6", "9:16", "16:9"),
    *("26:38", "27:50", "50:27"),
)


@dataclass(frozen=True, slots=True)
class Model:
    """What a model_key takes beside the picture: field -> the values it may have, none for any."""

    fields: Mapping[str, tuple[str, ...]]
    sync: bool = False
    cuts: bool = False
    base64: bool = True


_CUT = Model(
    {"output_format": tuple(FORMATS), "crop": TRUTH, "border": ("0", "1", "2"), "stamp_crop": TRUTH},
    sync=True,
    cuts=True,
)
_EXTRACT = Model({"extract_type": (), "resolution": ("1k", "4k"), "size": ("0:0", *RATIOS)}, base64=False)
_PLAIN = Model({})
MODELS: Mapping[str, Model] = {
    "background-removal": _CUT,
    "stamp-background-removal": _CUT,
    "image-extract": _EXTRACT,
    "image-extract-v2": _EXTRACT,
    "image-shadow-v3": Model({"shadow_opacity": (), "main_ratio": (), "background_color": ()}),
    "stamp-crop": Model({}, cuts=True),
    "image-to-image": Model({"prompt": (), "negative_prompt": (), "similarity": (), "type": ("0", "1", "2")}),
    "upscale2stamp": Model({"scale": ("2", "4", "6")}),
    "image-outpaint": Model({"params": ()}),
    "image-watermark": _PLAIN,
}


def owns(path: str) -> bool:
    return path.startswith("/koukoutu/")


def key(ask: Ask) -> str | None:
    """`X-API-Key`, or the Bearer that some clients send."""
    return (ask.headers.get("x-api-key") or ask.bearer).strip() or None


def words(ask: Ask) -> tuple[str, str]:
    fields = ask.fields if isinstance(ask.fields, dict) else {}
    return str(fields.get("model_key") or ""), str(fields.get("prompt") or "")


def read(ask: Ask) -> Order | Answer:
    if ask.path not in (SYNC, ASYNC, QUERY) or ask.method != "POST":
        raise Refusal(problem(404, "接口不存在"))
    if ask.broken or not ask.form:
        raise Refusal(trouble("bad_body", ask.broken or "not a form"))
    return _looked(ask) if ask.path == QUERY else _order(ask)


def _order(ask: Ask) -> Order:
    if ask.at_once + ask.tasks.running(NAME, key(ask) or "") > MOST_AT_ONCE:
        raise Refusal(problem(429, "请求过于频繁"))
    fields: Mapping[str, str] = ask.fields
    name = fields.get("model_key", "")
    model = _CUT if name.startswith("bench:") else MODELS.get(name)
    if model is None:
        raise Refusal(problem(404, f"model_key 不存在: {name}"))
    if ask.path == SYNC and not model.sync:
        raise Refusal(problem(422, f"{name} 不支持同步接口"))
    _check(fields, model)
    return Order(
        model=name,
        prompt=fields.get("prompt", ""),
        mime=FORMATS[fields.get("output_format", "png")],
        references=(_image(ask, model),),
        transparent=name == "image-shadow-v3" and "background_color" not in fields,
        cut=model.cuts,
        words={
            "crop": name == "stamp-crop" or "1" in (fields.get("crop"), fields.get("stamp_crop")),
            "link": fields.get("response") == "url",
            "tasks": ask.tasks if ask.path == ASYNC else None,
            "key": key(ask) or "",
            "fields": fields,
        },
    )


def _check(fields: Mapping[str, str], model: Model) -> None:
    """Unknown fields are refused, so that a misspelt one is found; what the vendor does with them no source says."""
    known = {**model.fields, "response": ("url", "file", "bytes")}
    for name, value in fields.items():
        if name in ("model_key", *IMAGES):
            continue
        if name not in known:
            raise Refusal(problem(422, f"未知参数: {name}"))
        if known[name] and value not in known[name]:
            raise Refusal(problem(422, f"{name} 取值无效: {value}"))


def _image(ask: Ask, model: Model) -> bytes | str:
    """Exactly one picture: a file of a multipart form, a URL, or a data URI with its head."""
    if any(file.name != "image_file" for file in ask.uploads) or "image_file" in ask.fields:
        raise Refusal(problem(422, "请使用 image_file 上传图片文件"))
    given: list[bytes | str] = [file.data for file in ask.uploads]
    given += [ask.fields[name] for name in IMAGES[1:] if name in ask.fields]
    if len(given) != 1:
        raise Refusal(problem(422, "image_file, image_url, image_base64 必须且只能传一个"))
    if "image_base64" not in ask.fields:
        return given[0]
    if not model.base64:
        raise Refusal(problem(422, "不支持 image_base64"))
    return data_uri(ask.fields["image_base64"], 0)


def settle(order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
    [one] = seen
    if one.format not in ("PNG", "JPEG", "WEBP", "MPO"):
        raise Refusal(problem(415, "不支持的图片格式"))
    if len(one.data) > MOST_BYTES:
        raise Refusal(problem(406, "图片文件大小超过15MB"))
    if min(one.width, one.height) < LEAST_EDGE:
        raise Refusal(problem(407, "图片分辨率过小"))
    if max(one.width, one.height) > MOST_EDGE:
        raise Refusal(problem(413, "图片尺寸过大"))
    if order.model == "image-shadow-v3" and not (one.format == "PNG" and one.alpha):
        raise Refusal(problem(422, "请上传透明背景的 PNG 图片"))
    width, height = _pixels(order, one)
    return replace(order, width=order.width or width, height=order.height or height)


def _pixels(order: Order, one: Seen) -> tuple[int, int]:
    fields = order.words["fields"]
    if order.model == "upscale2stamp":
        times = int(fields.get("scale", "4"))
        return one.width * times, one.height * times
    if order.model == "image-outpaint":
        try:
            left, right, top, bottom = (int(edge) for edge in fields.get("params", "").split(","))
        except ValueError as error:
            raise Refusal(problem(422, "params 格式错误")) from error
        return one.width + left + right, one.height + top + bottom
    if order.model.startswith("image-extract"):
        long = 4096 if fields.get("resolution") == "4k" else 1024
        ratio = fields.get("size", "0:0")
        across, down = (one.width, one.height) if ratio == "0:0" else (int(part) for part in ratio.split(":"))
        return max(1, long * across // max(across, down)), max(1, long * down // max(across, down))
    return one.width, one.height


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    if order.words["tasks"] is not None:
        return _begun(order, link=link(pictures[0]))
    if order.words["link"]:
        return _said("success", {"result_file": link(pictures[0])})
    return Answer(200, pictures[0].pieces, pictures[0].mime)


def _begun(order: Order, link: str | None = None, complaint: str | None = None) -> Answer:
    tasks: Tasks = order.words["tasks"]
    task = tasks.begin(NAME, order.words["key"], link=link, complaint=complaint, seconds=order.take)
    return _said("success", {"task_id": int(task.id)})


def _said(message: str, data: Any) -> Answer:
    return Answer(200, write({"code": 200, "message": message, "data": data}))


def _looked(ask: Ask) -> Answer:
    """What became of a task of this key."""
    number = str(ask.fields.get("task_id", ""))
    if ask.fields.get("response", "url") != "url":
        raise Refusal(problem(422, "response 取值无效"))
    task = ask.tasks.find(number, NAME, key(ask) or "")
    if task is None:
        raise Refusal(problem(404, "任务不存在"))
    return _state(task)


def _state(task: Task) -> Answer:
    """The first look after the end finds it done but without its file, as those who poll the vendor have seen it."""
    percent = task.progress(time.monotonic())
    data = {"state": 0, "result_file": None, "message": None, "progress": f"{percent:.2f}", "position": -1}
    if percent < 100:
        return _said("running", data)
    task.asked += 1
    if task.complaint is not None:
        return _said("failed", {**data, "state": 2, "message": task.complaint})
    return _said("success", {**data, "state": 1, "result_file": task.link if task.asked > 1 else None})


def empty(order: Order, way: int) -> Answer:
    return _said("success", {} if order.words["tasks"] is not None else {"result_file": None})


def refuse(order: Order, how: str) -> Answer:
    if how == "fail":
        return _begun(order, complaint="处理失败") if order.words["tasks"] is not None else trouble("error", "500")
    if order.words["tasks"] is not None and how == "output":
        return _begun(order, complaint="图片内容审核不通过")
    return problem(422, "图片内容审核不通过")


def problem(code: int, message: str, wait: str = "") -> Answer:
    """An error: its code in the body, and only some of them as the HTTP status."""
    status = code if code in LOUD or code >= 500 else 200
    headers = (("retry-after", wait),) if wait else ()
    return Answer(status, write({"code": code, "message": message}), headers=headers)


def trouble(what: str, arg: str) -> Answer:
    known: Mapping[str, tuple[int, str]] = {
        "no_key": (401, "缺少 API Key"),
        "bad_key": (401, "API Key 无效"),
        "bad_body": (422, f"请求参数错误: {arg}"),
        "too_large": (413, "请求体过大"),
        "reference": (415, "图片无法读取"),
        "limit": (429, "请求过于频繁"),
        "quota": (409, "积分不足"),
        "overloaded": (503, "服务繁忙"),
    }
    if what == "error":
        return problem(int(float(arg)), "服务器错误")
    code, message = known.get(what, (422, arg))
    return problem(code, message, arg if what in ("limit", "overloaded") else "")
