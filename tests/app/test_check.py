"""The schema check: which field, why, and the nearest right value; forms as the JSON they stand for."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.app.check import Schemas
from koci_proxy.faults import Fault
from koci_proxy.types import Media
from koci_proxy.wire import Form

SCHEMA = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string"},
        "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 10},
        "strength": {"type": "number"},
        "stream": {"type": "boolean"},
        "name": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
        "quality": {"enum": ["low", "high", None]},
        "image": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "deep": {"type": "object", "properties": {"list": {"type": "array", "items": {"type": "integer"}}}},
    },
}


@pytest.fixture
def schemas(tmp_path: Path) -> Schemas:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "draw.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    return Schemas([tmp_path])


PICTURE = Media(url="https://example.com/a.png")

# (value, field, message)
WRONG: list[tuple[Any, str | None, str]] = [
    ({}, "prompt", "prompt is required"),
    ([], None, "the body must be an object, not an array"),
    ({"prompt": 7}, "prompt", "prompt must be a string, not a number"),
    ({"prompt": "x", "n": 0}, "n", "n must be at least 1"),
    ({"prompt": "x", "n": 11}, "n", "n must be at most 10"),
    ({"prompt": "x", "n": "two"}, "n", "n must be an integer, not a string"),
    ({"prompt": "x", "quality": "hihg"}, "quality", "quality must be one of low, high; did you mean 'high'?"),
    ({"prompt": "x", "quality": PICTURE}, "quality", "quality must be one of low, high"),
    ({"prompt": "x", "name": "abcde"}, "name", "name must be at most 4 characters"),
    ({"prompt": "x", "name": "ab1"}, "name", "name must match ^[a-z]+$"),
    ({"prompt": "x", "image": "a"}, "image", "image must be an array, not a string"),
    ({"prompt": "x", "image": ["a", "b", "c"]}, "image", "image must have at most 2 items"),
    ({"prompt": "x", "image": ["a", 1]}, "image[1]", "image[1] must be a string, not a number"),
    ({"prompt": "x", "deep": {"list": [1, None]}}, "deep.list[1]", "deep.list[1] must be an integer, not null"),
    ({"prompt": "\ud83d x"}, "prompt", "prompt is not valid Unicode text: it holds half a surrogate pair"),
    (
        {"prompt": "x", "a": [{"b": "\ude00"}]},
        "a[0].b",
        "a[0].b is not valid Unicode text: it holds half a surrogate pair",
    ),
    ({"prompt": "x", "\ud83d": 1}, "?", "? is not valid Unicode text: it holds half a surrogate pair"),
    ("\ud83d", None, "the body is not valid Unicode text: it holds half a surrogate pair"),
]


@pytest.mark.parametrize(("value", "field", "message"), WRONG)
def test_what_does_not_fit(schemas: Schemas, value: Any, field: str | None, message: str) -> None:
    with pytest.raises(Fault) as caught:
        schemas.check("draw", value)
    assert caught.value.kind == "bad_request"
    assert caught.value.field == field
    assert caught.value.message == message


def test_rules_about_letters_bind_no_picture(schemas: Schemas) -> None:
    schemas.check("draw", {"prompt": "x", "name": PICTURE})


def test_what_fits(schemas: Schemas) -> None:
    schemas.check("draw", {"prompt": "x", "n": None, "image": [PICTURE, "data:…"], "unknown": {"is": "kept"}})


# (fields of the form, the JSON they stand for)
FORMS: list[tuple[tuple[tuple[str, str | Media], ...], dict[str, Any]]] = [
    ((("prompt", "7"),), {"prompt": "7"}),
    ((("n", "2"), ("stream", "true"), ("strength", "0.75")), {"n": 2, "stream": True, "strength": 0.75}),
    ((("n", "two"),), {"n": "two"}),
    ((("image", PICTURE),), {"image": [PICTURE]}),
    ((("image[]", PICTURE),), {"image": [PICTURE]}),
    ((("image", PICTURE), ("image", "b")), {"image": [PICTURE, "b"]}),
    ((("image[0]", "a"), ("image[1]", "b")), {"image": ["a", "b"]}),
    ((("tags", "a"), ("tags", "b")), {"tags": ["a", "b"]}),
    ((("stream", "0"), ("n", "")), {"stream": False, "n": None}),
]


@pytest.mark.parametrize(("fields", "value"), FORMS)
def test_a_form_is_the_json_it_stands_for(schemas: Schemas, fields: Any, value: dict[str, Any]) -> None:
    assert schemas.coerce("draw", Form(fields)) == value


SHIPPED = Path(__file__).parents[2] / "schemas"
NAMES = sorted(file.stem for file in (SHIPPED / "apps").glob("*.json"))
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 30_000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "role", "url", "type"]), inner)
    ),
    max_leaves=6,
)


@cache
def shipped() -> Schemas:
    return Schemas([SHIPPED])


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_let_through_quickly_fits(name: str, data: st.DataObject) -> None:
    schemas = shipped()
    known = schemas._schemas[name].get("properties", {})
    words = {
        each: st.sampled_from(spec["enum"]) | ANYTHING if "enum" in spec else ANYTHING for each, spec in known.items()
    }
    body = data.draw(st.fixed_dictionaries({}, optional=words))
    if schemas._fits(name, body):
        assert not list(schemas._compiled[name].iter_errors(body))
