"""A price as a small sum in words: numbers, what is known of the job, + - * / ( ), min and max, and nothing else.

It is worked out between bounds: where something of a job is not known yet, the highest that the sum can come to is what
counts. Fractions are exact.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from .amounts import MOST, Path, hint, show, wrong

LONGEST = 200  # characters


@dataclass(frozen=True, slots=True)
class Span:
    """Something between two bounds, which are one where it is known."""

    low: Fraction
    high: Fraction

    @staticmethod
    def of(low: float | Fraction, high: float | Fraction | None = None) -> Span:
        """Of numbers as they are written: 0.1 is a tenth."""
        return Span(Fraction(str(low)), Fraction(str(low if high is None else high)))


# What a sum may speak of, and between which bounds each of them lies whatever an app asks for.
DOMAIN: Mapping[str, Span] = {
    "n": Span.of(1, 100),
    "images": Span.of(0, 100),
    "seconds": Span.of(0, 3600),
    "width": Span.of(1, 16384),
    "height": Span.of(1, 16384),
    "megapixels": Span.of(0.000001, 268.435456),
}


def _times(one: Span, other: Span) -> Span:
    corners = [a * b for a, b in product((one.low, one.high), (other.low, other.high))]
    return Span(min(corners), max(corners))


_SUMS: Mapping[type[ast.operator], Callable[[Span, Span], Span]] = {
    ast.Add: lambda one, other: Span(one.low + other.low, one.high + other.high),
    ast.Sub: lambda one, other: Span(one.low - other.high, one.high - other.low),
    ast.Mult: _times,
    ast.Div: lambda one, other: _times(one, Span(1 / other.high, 1 / other.low)),
}
_CHOICES: Mapping[str, Callable[..., Fraction]] = {"min": min, "max": max}


@dataclass(frozen=True, slots=True)
class Formula:
    """A sum that has been read; two are equal when their text is."""

    text: str
    tree: ast.expr = field(compare=False, repr=False)

    def high(self, known: Mapping[str, Span]) -> int:
        """The most it can come to, in thousandths, rounded up; nothing where that is below nothing."""
        return max(math.ceil(_worked_out(self.tree, known).high * 1000), 0)

    def speaks_of(self, name: str) -> bool:
        return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(self.tree))


def read(text: str, at: Path = ()) -> Formula:
    """A sum such as "4 + 0.5*images + 2*seconds"; `Fault` internal with the place of what is wrong in it."""
    text = text.strip()
    if len(text) > LONGEST:
        raise wrong(f"a price in words has at most {LONGEST} characters, not {len(text)}", at)
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise _misread(text, getattr(error, "offset", None) or 1, "cannot be read from here on", at) from error
    _check(tree, text, at)
    highest = _worked_out(tree, DOMAIN).high * 1000
    if highest > MOST:
        raise wrong(f"{text!r} can come to more than {show(MOST)} credits", at)
    return Formula(text, tree)


def _check(node: ast.AST, text: str, at: Path) -> None:
    """Refuse whatever is not one of the few things that a price may hold."""
    match node:
        case ast.Constant(value=value) if type(value) is int or (type(value) is float and math.isfinite(value)):
            return
        case ast.Name(id=name):
            if name not in DOMAIN:
                raise _amiss(node, text, f"there is no {name!r} here{hint(name, DOMAIN)}", at)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
            _check(inner, text, at)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _SUMS:
            _check(left, text, at)
            _check(right, text, at)
            _check_divisor(operator, right, text, at)
        case ast.Call(func=ast.Name(id="min" | "max"), args=several, keywords=[]) if len(several) > 1:
            for inner in several:
                _check(inner, text, at)
        case _:
            words = "a price holds numbers, + - * / ( ), min(a, b), max(a, b) and " + ", ".join(DOMAIN)
            raise _amiss(node, text, f"this has no place in a price: {words}", at)


def _check_divisor(operator: ast.operator, divisor: ast.expr, text: str, at: Path) -> None:
    if not isinstance(operator, ast.Div):
        return
    span = _worked_out(divisor, DOMAIN)
    if span.low <= 0 <= span.high:
        raise _amiss(divisor, text, "this can be 0, and nothing is divided by 0; write max(1, …)", at)


def _worked_out(node: ast.expr, known: Mapping[str, Span]) -> Span:
    match node:
        case ast.Constant(value=int() | float() as value):
            return Span.of(value)
        case ast.Name(id=name):
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            span = _worked_out(inner, known)
            return Span(-span.high, -span.low)
        case ast.UnaryOp(operand=inner):
            return _worked_out(inner, known)
        case ast.BinOp(left=left, op=operator, right=right):
            return _SUMS[type(operator)](_worked_out(left, known), _worked_out(right, known))
        case ast.Call(func=ast.Name(id=name), args=several):
            spans = [_worked_out(inner, known) for inner in several]
            choose = _CHOICES[name]
            return Span(choose(span.low for span in spans), choose(span.high for span in spans))
    raise AssertionError("a tree that was read holds nothing else")


def _amiss(node: ast.AST, text: str, what: str, at: Path) -> Exception:
    before = text.encode()[: getattr(node, "col_offset", 0)].decode()
    return _misread(text, len(before) + 1, what, at)


def _misread(text: str, place: int, what: str, at: Path) -> Exception:
    return wrong(f"{text!r}, character {place}: {what}", at)
