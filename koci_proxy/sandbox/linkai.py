"""The LinkAI shape: one JSON endpoint for generating and editing, sizes as tier and ratio, answers as links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .body import write
from .fetch import data_uri
from .nouns import Answer, Ask, Order, Picture, Refusal, Seen
from .tables import LINKAI, nearest_ratio

NAME = "linkai"
PATH = "/linkai/v1/images/generations"


@dataclass(frozen=True, slots=True)
class Model:
    """What a model takes. An empty default ratio means that the model chooses by the references, else 1:1."""

    tier: str = "1K"
    ratio: str = ""
    qualities: tuple[str, ...] = ()
    images: int = 3
    sized: bool = True


MODELS: Mapping[str, Model] = {
    "gpt-image-2": Model("2K", "16:9", ("low", "medium", "high"), 15),
    "doubao-seedream-4.5": Model("2K", images=10),
    "doubao-seedream-4.0": Model("2K", images=10),
    "gemini-3-pro-image-preview": Model(),
    "gemini-3.1-flash-image-preview": Model(),
    "gemini-2.5-flash-image": Model(sized=False),
}


def owns(path: str) -> bool:
    return path.startswith("/linkai/")


def key(ask: Ask) -> str | None:
    return ask.bearer or None


def words(ask: Ask) -> tuple[str, str]:
    fields = ask.fields if isinstance(ask.fields, dict) else {}
    return str(fields.get("model") or ""), str(fields.get("prompt") or "")


def read(ask: Ask) -> Order:
    if ask.path != PATH:
        raise Refusal(problem(404, f"Invalid URL ({ask.method} {ask.path.removeprefix('/linkai')})"))
    if ask.method != "POST":
        raise Refusal(problem(405, "method not allowed"))
    if ask.broken or ask.form or not isinstance(ask.fields, dict):
        raise Refusal(trouble("bad_body", ask.broken or "not a JSON object"))
    fields = ask.fields
    name = _text(fields, "model")
    table_name = "gpt-image-2" if name.startswith("bench:") else name
    if table_name not in MODELS:
        raise Refusal(problem(402, f"模型不存在或用户无权限使用: {name}"))
    prompt = _text(fields, "prompt").strip()
    if not prompt:
        raise Refusal(problem(400, "prompt 不能为空"))
    model = MODELS[table_name]
    _among(fields, "response_format", ("url",))
    _among(fields, "quality", model.qualities)
    return Order(
        model=name,
        prompt=prompt,
        references=_images(fields, model.images),
        words={"model": table_name, "tier": _tier(fields, table_name), "ratio": _ratio(fields, table_name)},
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refusal(problem(400, f"{name} 必须是字符串"))
    return value


def _among(fields: Mapping[str, Any], name: str, values: tuple[str, ...]) -> str:
    """The value of a field; a field that the model does not have (no values) is ignored, as documented."""
    value = _text(fields, name)
    if value and values and value not in values:
        raise Refusal(problem(400, f"{name} 取值无效: {value}, 可选值: {' / '.join(values)}"))
    return value if values else ""


def _tier(fields: Mapping[str, Any], name: str) -> str:
    model = MODELS[name]
    return _among(fields, "size", tuple(LINKAI[name]) if model.sized else ()) or model.tier


def _ratio(fields: Mapping[str, Any], name: str) -> str:
    model = MODELS[name]
    return _among(fields, "aspect_ratio", tuple(LINKAI[name][model.tier])) or model.ratio


def _images(fields: Mapping[str, Any], most: int) -> tuple[bytes | str, ...]:
    images = fields.get("images") or []
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise Refusal(problem(400, "images 必须是字符串数组"))
    if len(images) > most:
        raise Refusal(problem(400, f"images 数量超出限制: 最多 {most} 张"))
    return tuple(data_uri(image, at) if image.startswith("data:") else image for at, image in enumerate(images))


def settle(order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
    row = LINKAI[order.words["model"]][order.words["tier"]]
    ratio = order.words["ratio"] or (nearest_ratio(row, seen[0].width, seen[0].height) if seen else "1:1")
    width, height = row[ratio]
    return replace(order, width=width, height=height)


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    return Answer(200, write({"data": [{"url": link(picture)} for picture in pictures]}))


def empty(order: Order, way: int) -> Answer:
    return Answer(200, write({"data": []}))


def refuse(order: Order, how: str) -> Answer:
    return problem(409, "内容审核不通过, 提示词或参考图中可能包含敏感内容")


def problem(status: int, message: str, wait: str = "") -> Answer:
    """An error object: no code, no param; the HTTP status says it all."""
    body = write({"error": {"message": message, "type": "invalid_request_error"}})
    return Answer(status, body, headers=(("retry-after", wait),) if wait else ())


def trouble(what: str, arg: str) -> Answer:
    known: Mapping[str, tuple[int, str]] = {
        "no_key": (401, "接口鉴权失败, 请检查 API Key 是否填写正确"),
        "bad_key": (401, "接口鉴权失败, 请检查 API Key 是否填写正确"),
        "bad_body": (400, f"请求参数错误: {arg}"),
        "too_large": (413, "请求体过大"),
        "reference": (400, f"images 不可访问: 第 {int(arg) + 1 if arg.isdigit() else 1} 张"),
        "limit": (429, "请求过于频繁, 请稍后再试"),  # in no document of this vendor, but any front may say it
        "quota": (406, "账号积分额度不足"),
        "overloaded": (503, "接口调用异常, 请联系客服处理"),
    }
    if what == "error":
        return problem(int(float(arg)), "接口调用异常, 请联系客服处理")
    status, message = known.get(what, (400, arg))
    return problem(status, message, arg if what in ("limit", "overloaded") else "")
