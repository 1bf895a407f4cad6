"""``where`` and ``sort``: conditions and orders of rows, column by column. Nothing is evaluated as Python."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, Protocol, runtime_checkable

import numpy as np

from jaxarc.errors import QueryError, closest
from jaxarc.replay.ordering import first_in_order, order_of, sort_keys
from jaxarc.replay.query_syntax import (
    Arithmetic,
    Comparison,
    Constant,
    Listed,
    Logic,
    Name,
    Negated,
    Node,
    Not,
    parse_condition,
    parse_sort,
)
from jaxarc.replay.query_text import equals_text, holds_text, is_like
from jaxarc.replay.query_tokens import Span, refuse

__all__ = ["Columns", "QueryError", "mask_of", "no_such_column", "sort_order", "where_mask"]

_MOST_NAMED = 40
"""Columns that an error lists."""

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPUTE: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "//": np.floor_divide,
    "%": np.mod,
}
_OTHER_WORDS = {
    "cut": "ended == 'cut'",
    "env": "env_id",
    "id": "episode",
    "length": "total_steps",
    "number": "episode",
    "return": "total_reward",
    "returns": "total_reward",
    "score": "total_reward",
    "seed": "member",
    "solved": "success",
    "status": "ended",
    "task": "task_id",
    "terminated": "ended == 'terminated'",
    "truncated": "ended == 'truncated'",
    "won": "success",
}
"""What people say for a column that is there."""


@runtime_checkable
class Columns(Protocol):
    """Rows as arrays by name."""

    @property
    def columns(self) -> Iterable[str]:
        """The names."""
        ...

    def __len__(self) -> int: ...

    def __contains__(self, name: str, /) -> bool: ...

    def __getitem__(self, name: str, /) -> np.ndarray: ...


def where_mask(expression: str, table: Columns) -> np.ndarray:
    """Return the rows that an expression selects, bool[n].

    The language is in ``replay/query_syntax.py``: columns, numbers, quoted text, comparisons, ``in``,
    ``like``, ``and or not`` and arithmetic.

    Raises:
        QueryError: it cannot be understood; a wrong column is answered with the closest right ones.
    """
    return mask_of(parse_condition(expression), expression, table)


def mask_of(node: Node, expression: str, table: Columns) -> np.ndarray:
    """Return the rows for which a condition holds, bool[n].

    Args:
        node: the condition, or a part of one.
        expression: the whole text, for errors.
        table: the rows; only the columns that the condition names are read.

    Raises:
        QueryError: it is no condition for these columns.
    """
    found = _Evaluation(expression, table).condition(node)
    return found if np.ndim(found) else np.full(len(table), bool(found))


def sort_order(sort: str | Sequence[str], table: Columns, limit: int | None = None) -> np.ndarray:
    """Return the order of the rows by columns (``"-total_reward,episode"``; ``-`` descends).

    Args:
        sort: the columns, as one text or several.
        table: the rows; no other column of them is read.
        limit: how many of the first rows are wanted; None for all.

    Raises:
        QueryError: there is no such column.
    """
    names = isinstance(sort, (list, tuple)) and all(isinstance(name, str) for name in sort)
    text: Any = ",".join(sort) if names else sort
    keys = []
    for name, descends in parse_sort(text):
        if name.text not in table:
            no_such_column("sort", text, name.text, name.span, table)
        keys += sort_keys(_numbers_or_text(table[name.text]), descends=descends)
    return order_of(keys) if limit is None else first_in_order(keys, limit)


def no_such_column(what: str, query: str, name: str, span: Span, table: Columns) -> NoReturn:
    """Raise the error about a column that does not exist, with those that come closest.

    Raises:
        QueryError: always.
    """
    names = sorted({*table.columns, *(alias for alias in ("final_similarity",) if alias in table)})
    like = _OTHER_WORDS.get(name.lower(), "")
    found = f"; did you mean {like}?" if like and like.split()[0] in names else closest(name, names)
    listed = ", ".join(names[:_MOST_NAMED])
    if len(names) > _MOST_NAMED:
        listed += f" and {len(names) - _MOST_NAMED} more"
    try:
        refuse(what, query, span, f"no column {name!r}{found}")
    except QueryError as error:
        raise QueryError(f"{error}\nThe columns are {listed}") from None


def _numbers_or_text(column: np.ndarray) -> np.ndarray:
    """Return a column in a dtype that NumPy compares: the small floats of ml_dtypes are widened."""
    return column if column.dtype.kind in "biufS" else column.astype(np.float32)


def _is_text(value: Any) -> bool:
    return isinstance(value, bytes) or (isinstance(value, np.ndarray) and value.dtype.kind == "S")


def _is_condition(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_)) or (isinstance(value, np.ndarray) and value.dtype.kind == "b")


class _Evaluation:
    """Values of the parts of a condition: arrays with an entry a row, or single values."""

    def __init__(self, expression: str, table: Columns):
        self._expression = expression
        self._table = table

    def _refuse(self, node: Node, problem: str) -> NoReturn:
        refuse("where", self._expression, node.span, problem)

    def condition(self, node: Node) -> Any:
        value = self._value(node)
        if not _is_condition(value):
            problem = "is text" if _is_text(value) else "is a number"
            shown = self._shown(node)
            example = f"{shown} == 'text'" if _is_text(value) else f"{shown} > 0"
            if isinstance(node, Constant):
                self._refuse(node, f"{shown} {problem} and no condition; compare it with a column")
            self._refuse(node, f"{shown} {problem} and no condition; compare it, such as {example}")
        return value

    def _shown(self, node: Node) -> str:
        return self._expression[node.span[0] : node.span[1]]

    def _value(self, node: Node) -> Any:
        match node:
            case Name(name):
                if name not in self._table:
                    no_such_column("where", self._expression, name, node.span, self._table)
                return _numbers_or_text(self._table[name])
            case Constant(value):
                return value.encode("utf-8", "replace") if isinstance(value, str) else value
            case Negated(operand):
                return np.negative(self._number(operand))
            case Arithmetic(sign, left, right):
                with np.errstate(all="ignore"):
                    return _COMPUTE[sign](self._number(left), self._number(right))
            case Not(operand):
                return np.logical_not(self.condition(operand))
            case Logic(word, parts):
                found = self.condition(parts[0])
                for part in parts[1:]:
                    other = self.condition(part)
                    found = np.logical_and(found, other) if word == "and" else np.logical_or(found, other)
                return found
            case Comparison():
                return self._compared(node)
            case Listed():
                self._refuse(node, "a list stands after 'in' only, such as episode in [1, 2]")

    def _number(self, node: Node) -> Any:
        value = self._value(node)
        if _is_text(value) or _is_condition(value):
            kind = "text" if _is_text(value) else "yes or no"
            self._refuse(node, f"{self._shown(node)} is {kind}; only numbers can be computed with")
        if isinstance(value, np.ndarray):
            return value.astype(np.float64, copy=False)
        return np.float64(_as_real(value))

    def _compared(self, node: Comparison) -> Any:
        found: Any = True
        for position, sign in enumerate(node.operators):
            left, right = node.operands[position : position + 2]
            word = sign.removeprefix("not ")
            if word == "in":
                held = self._held(node, left, right)
            elif word == "like":
                held = self._like(node, left, right)
            else:
                held = self._pair(node, sign, left, right)
            found = np.logical_and(found, np.logical_not(held) if sign != word else held)
        return found

    def _held(self, node: Comparison, left: Node, right: Node) -> Any:
        if isinstance(right, Listed):
            found: Any = False
            for item in right.items:
                found = np.logical_or(found, self._pair(node, "==", left, item))
            return found
        part, whole = self._value(left), self._value(right)
        if not (isinstance(right, Name) and _is_text(whole)):
            self._refuse(right, "after 'in' comes a list, such as [1, 2], or a column of text")
        if not _is_text(part):
            self._refuse(left, f"{self._shown(right)} holds text; put what is looked for in quotes")
        return holds_text(whole, part)

    def _like(self, node: Comparison, left: Node, right: Node) -> Any:
        column = self._value(left)
        if not _is_text(column):
            self._refuse(
                left, f"{self._shown(left)} is no text; like is for text, such as task_id like '007*'"
            )
        if not isinstance(right, Constant) or not isinstance(right.value, str):
            self._refuse(right, "after 'like' comes text in quotes, such as '007*'")
        if not {"*", "?"} & set(right.value):
            self._refuse(
                right,
                "after 'like' comes text with * (anything) or ? (one character); without them write ==",
            )
        return is_like(np.atleast_1d(np.asarray(column)), right.value)

    def _pair(self, node: Comparison, sign: str, left: Node, right: Node) -> Any:
        for name, column in ((right, left), (left, right)):
            if isinstance(name, Name) and name.text not in self._table and _is_text(self._value(column)):
                self._refuse(name, f"no column {name.text!r}; put text in quotes: '{name.text}'")
        values = self._value(left), self._value(right)
        if _is_text(values[0]) != _is_text(values[1]):
            self._refuse(node, self._mixed(left, right, values))
        # What is written as nan asks what is not known; what is computed to it equals nothing.
        unknown = [
            isinstance(node, Constant) and isinstance(value, float) and np.isnan(value)
            for node, value in zip((left, right), values, strict=True)
        ]
        if any(unknown):
            if sign not in ("==", "!="):
                self._refuse(node, f"nothing is {sign} nan; 'x == nan' is true where x is not known")
            other = values[0] if unknown[1] else values[1]
            held = np.isnan(other)
            return held if sign == "==" else np.logical_not(held)
        for text, column in (values, values[::-1]):
            if isinstance(text, bytes) and isinstance(column, np.ndarray) and sign in ("==", "!="):
                held = equals_text(column, text)
                return held if sign == "==" else ~held
        with np.errstate(over="ignore"):
            return _COMPARE[sign](*_comparable(*values))

    def _mixed(self, left: Node, right: Node, values: tuple[Any, Any]) -> str:
        """Return why text does not compare with numbers, and what was meant."""
        text, other = (left, right) if _is_text(values[0]) else (right, left)
        if isinstance(text, Name) and isinstance(other, Constant):
            return f"{self._shown(text)} holds text; write it in quotes: '{self._shown(other)}'"
        if isinstance(other, Name):
            names = f"{other.text}_id"
            if names in self._table and self._table[names].dtype.kind == "S":
                return f"{other.text} holds numbers; its names are in {names}"
            kind = "yes or no" if _is_condition(self._value(other)) else "a number"
            return f"{other.text} is {kind}, {self._shown(text)} is text"
        return f"{self._shown(text)} is text, {self._shown(other)} is none"


def _as_real(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    """Return two values such that NumPy compares them whatever their size."""

    def one(value: Any, other: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.astype(np.int8) if value.dtype.kind == "b" else value
        if isinstance(value, int) and not isinstance(value, bool):
            is_real = isinstance(other, (float, np.floating)) or (
                isinstance(other, np.ndarray) and other.dtype.kind == "f"
            )
            return _as_real(value) if is_real else value
        return value

    return one(left, right), one(right, left)
