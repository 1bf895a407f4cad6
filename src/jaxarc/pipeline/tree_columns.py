"""Trees of one step each, written into NumPy columns as they come: one copy, checked, and nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxarc.errors import CaptureError
from jaxarc.records.layout import Field, PathKey, numpy_dtype
from jaxarc.records.trees import NUMBERS, AsArray, as_array, children, leaf_of

__all__ = ["OtherStructureError", "TreeColumns"]

_PYTHON_NUMBERS: dict[str, tuple[type, ...]] = {
    "b": (bool,),
    "i": (int,),
    "u": (int,),
    "f": (float, int),
    "V": (float, int),
    "c": (complex, float, int),
}
"""Python numbers that a column takes, by the kind of its dtype: they have no width of their own."""


_ALIKE = "the steps of an episode are alike: give each the same leaves, dtypes and shapes"


class _Leaf:
    """The column of one leaf."""

    __slots__ = ("array", "convert", "dtype", "field", "kinds", "shape")

    def __init__(self, field: Field, convert: AsArray):
        self.field = field
        self.convert = convert
        self.dtype = numpy_dtype(field.dtype)
        self.shape = field.shape
        self.kinds: tuple[type, ...] = ()
        if self.shape == () and not field.key_impl:
            self.kinds = (*_PYTHON_NUMBERS.get(self.dtype.kind, ()), self.dtype.type)
        self.array: np.ndarray = np.empty(0, self.dtype)

    def suits(self, value: Any) -> bool:
        if type(value) is np.ndarray:
            return value.shape == self.shape and value.dtype == self.dtype and not self.field.key_impl
        if type(value) in NUMBERS:
            return self.shape == () and NUMBERS[type(value)] == self.dtype
        return children(value) is None and (
            leaf_of(self.field.role, self.field.path, value, self.convert)[0] == self.field
        )

    def put(self, row: int, value: Any) -> None:
        kind = type(value)
        if kind is np.ndarray:
            if value.shape == self.shape and value.dtype == self.dtype:
                self.array[row] = value
                return
        elif kind in self.kinds:
            try:
                self.array[row] = value
            except OverflowError as error:
                raise CaptureError(f"step.{self.field.name} is {value}, which no {self.dtype} is") from error
            return
        self._put_other(row, value)

    def _put_other(self, row: int, value: Any) -> None:
        if children(value) is not None:
            raise OtherStructureError
        field, array = leaf_of(self.field.role, self.field.path, value, self.convert)
        if field != self.field:
            raise CaptureError(
                f"step.{field.name} is {_described(field)}, but {_described(self.field)} in the first step "
                f"of the episode; {_ALIKE}"
            )
        self.array[row] = array


class _Branches:
    """The columns of a dict, a tuple, a list or a dataclass."""

    __slots__ = ("items", "role", "size")

    def __init__(self, role: str, items: list[tuple[PathKey, Any, Any]]):
        self.role = role
        self.items = items
        self.size = len(items)

    def suits(self, value: Any) -> bool:
        branches = children(value)
        found = [] if branches is None else list(branches)
        if branches is None or [key for key, _ in found] != [key for key, *_ in self.items]:
            return False
        return all(column.suits(below) for (_, below), (_, _, column) in zip(found, self.items, strict=True))

    def put(self, row: int, value: Any) -> None:
        if type(value) is dict and len(value) == self.size:
            try:
                for _, key, column in self.items:
                    column.put(row, value[key])
            except KeyError:
                self._put_other(row, value)
        else:
            self._put_other(row, value)

    def _put_other(self, row: int, value: Any) -> None:
        branches = children(value)
        found = [] if branches is None else list(branches)
        if branches is None or [key for key, _ in found] != [key for key, *_ in self.items]:
            raise OtherStructureError
        for (_, below), (_, _, column) in zip(found, self.items, strict=True):
            column.put(row, below)


class OtherStructureError(Exception):
    """A tree has other branches than that of the first step; who has the whole tree says which."""


def _described(field: Field) -> str:
    kind = f"a PRNG key ({field.key_impl})" if field.key_impl else field.dtype
    return f"{kind} of shape {list(field.shape)}" if field.shape else kind


def _leaf_columns(
    role: str, value: Any, convert: AsArray, path: tuple[PathKey, ...] = ()
) -> tuple[Any, list[_Leaf]]:
    """Return the columns of a tree, as a tree of its structure and as a list in its order."""
    branches = children(value)
    if branches is None:
        leaf = _Leaf(leaf_of(role, path, value, convert)[0], convert)
        return leaf, [leaf]
    keys = iter(sorted(value)) if type(value) is dict else None
    items, leaves = [], []
    for key, below in branches:
        column, found = _leaf_columns(role, below, convert, (*path, key))
        items.append((key, key if keys is None else next(keys), column))
        leaves += found
    return _Branches(role, items), leaves


class TreeColumns:
    """The columns of one part of a Step, of the structure that it has at the first step of an episode.

    Args:
        role: the Step attribute.
        first: its value there; None where the steps have none.
        convert: makes arrays of what NumPy does not know.

    Attributes:
        put: ``(row, value)``: writes the value of a step into a row. What has other leaves raises
            OtherStructureError, a leaf of another dtype or shape CaptureError.

    Raises:
        CaptureError: a leaf that is no number and no array; its path is named.
    """

    def __init__(self, role: str, first: Any, convert: AsArray = as_array):
        self._role = role
        self._convert = convert
        self._root, self._leaves = _leaf_columns(role, first, convert)
        self.put: Callable[[int, Any], None] = self._root.put

    def suits(self, first: Any) -> bool:
        """Say whether columns made for this value would be the same.

        Raises:
            CaptureError: a leaf that is no number and no array; its path is named.
        """
        return self._root.suits(first)

    @property
    def fields(self) -> list[Field]:
        """The leaves, in their order."""
        return [leaf.field for leaf in self._leaves]

    def make_room(self, rows: int) -> None:
        """Begin new arrays for so many rows."""
        for leaf in self._leaves:
            leaf.array = np.empty((rows, *leaf.shape), leaf.dtype)

    def arrays(self, rows: int) -> list[np.ndarray]:
        """Return the first rows of every leaf."""
        return [leaf.array[:rows] for leaf in self._leaves]

    def difference(self, value: Any) -> CaptureError:
        """Say which leaf a value has that the columns lack, or lacks."""
        known = {field.name: field for field in self.fields}
        given = {field.name: field for field in _fields(self._role, value, self._convert)}
        for name in {**known, **given}:
            if name not in given:
                what = (
                    f"step.{name} is absent, but {_described(known[name])} in the first step of the episode"
                )
                return CaptureError(f"{what}; {_ALIKE}")
            if name not in known:
                what = f"step.{name} is new: the first step of the episode had no such leaf"
                return CaptureError(f"{what}; {_ALIKE}")
        return CaptureError(
            f"step.{self._role} is another kind of tree than in the first step of its episode"
        )


def _fields(role: str, value: Any, convert: AsArray, path: tuple[PathKey, ...] = ()) -> Iterator[Field]:
    branches = children(value)
    if branches is None:
        yield leaf_of(role, path, value, convert)[0]
        return
    for key, below in branches:
        yield from _fields(role, below, convert, (*path, key))
