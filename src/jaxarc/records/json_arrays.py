"""Arrays as JSON: ``{"dtype", "shape", "data"}``, every bit kept; one codec for segments and exports."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

from jaxarc.records.layout import numpy_dtype

__all__ = ["TAGGED_ARRAY", "decode_array", "encode_array"]

TAGGED_ARRAY = "$array"
"""Key under which what has arrays among other values holds one."""

_TAG = "$float"
_BITS = "bits"
_NAMES = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode_array(values: np.ndarray) -> dict[str, Any]:
    """Return an array as plain JSON values.

    Booleans are true and false, numbers are numbers, complex numbers pairs, text of fixed width strings.
    NaN and infinities are ``{"$float": "nan" | "inf" | "-inf"}``; a NaN whose bits are not the usual ones
    has them besides, as hexadecimal ``bits``.
    """
    name = values.dtype.str[1:] if values.dtype.kind == "S" else values.dtype.name
    return {"dtype": name, "shape": list(values.shape), "data": _data(values)}


def _data(values: np.ndarray) -> Any:
    kind = values.dtype.kind
    if kind == "S":
        return _mapped(values.tolist(), lambda text: text.decode("utf-8", "surrogateescape"))
    if kind in "biu":
        return values.tolist()
    if kind == "c":
        return _data(_parts(values))
    wide = _widened(values)
    if np.isfinite(wide).all():
        return wide.tolist()
    words = np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
    usual = int(np.array(np.nan, values.dtype).view(words.dtype)[()])

    def tagged(value: float, bits: int) -> Any:
        if math.isfinite(value):
            return value
        if not math.isnan(value):
            return {_TAG: "inf" if value > 0 else "-inf"}
        return {_TAG: "nan"} if bits == usual else {_TAG: "nan", _BITS: f"{bits:x}"}

    flat = [tagged(v, b) for v, b in zip(wide.ravel().tolist(), words.ravel().tolist(), strict=True)]
    return _nested(iter(flat), values.shape)


def _widened(values: np.ndarray) -> np.ndarray:
    """Return floats, or the small numbers of ml_dtypes, as a type that ``tolist`` knows."""
    if values.dtype.isbuiltin == 1:
        return values
    return values.astype(np.int64 if "int" in values.dtype.name else np.float64)


def _parts(values: np.ndarray) -> np.ndarray:
    """Return complex numbers as [..., 2] floats."""
    half = np.dtype(f"f{values.dtype.itemsize // 2}")
    return np.ascontiguousarray(values).view(half).reshape((*values.shape, 2))


def _mapped(data: Any, change: Any) -> Any:
    return [_mapped(item, change) for item in data] if isinstance(data, list) else change(data)


def _nested(flat: Iterator[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return next(flat)
    return [_nested(flat, shape[1:]) for _ in range(shape[0])]


def decode_array(value: Mapping[str, Any]) -> np.ndarray:
    """Read what ``encode_array`` made.

    Raises:
        ValueError: it is no array, or its data are not of its dtype and shape.
    """
    try:
        name, shape, data = value["dtype"], tuple(int(length) for length in value["shape"]), value["data"]
        dtype = numpy_dtype(str(name))
        if dtype.kind not in "biufcSV" or (dtype.kind == "V" and dtype.isbuiltin != 2):
            raise ValueError(f"arrays of {name} are not read")
        if dtype.kind == "S":
            texts = [text.encode("utf-8", "surrogateescape") for text in _flattened(data)]
            array = np.array(texts, dtype)
        elif dtype.kind == "c":
            array = _numbers(data, np.dtype(f"f{dtype.itemsize // 2}")).view(dtype)
        else:
            array = _numbers(data, dtype)
    except (LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no array: {error!r}") from error
    if array.size != prod(shape):
        raise ValueError(f"an array of shape {shape} has {array.size} values")
    return array.reshape(shape)


def _flattened(data: Any) -> Iterator[Any]:
    if not isinstance(data, list):
        yield data
        return
    if data and not any(isinstance(item, list) for item in data):
        yield from data
        return
    for item in data:
        yield from _flattened(item)


def _numbers(data: Any, dtype: np.dtype) -> np.ndarray:
    """Return numbers, flat."""
    wide = dtype if dtype.isbuiltin == 1 else np.dtype(np.int64 if "int" in dtype.name else np.float64)
    try:
        return np.array(data, wide).ravel().astype(dtype)
    except TypeError:
        flat = list(_flattened(data))  # some are tagged
    tags = {index: item for index, item in enumerate(flat) if isinstance(item, dict)}
    for index, item in tags.items():
        flat[index] = _NAMES[item[_TAG]]
    array = np.array(flat, wide).astype(dtype)
    words = array.view(f"u{dtype.itemsize}")
    for index, item in tags.items():
        if _BITS in item:
            words[index] = int(item[_BITS], 16)
    return array
