"""Any value as plain JSON, and back: NaN, infinities and numbers of any length survive."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["PlainValues", "plain_value", "restored_value"]

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_MAX_DEPTH = 32
_MAX_PLAIN_INT_BITS = 1_024
"""JSON parsers refuse deeper values and longer numbers, or take too long."""


class PlainValues:
    """Turn any value into JSON values, and never raise.

    Args:
        max_elements: arrays of more elements become text; None for no limit.
        devices: gets the names of the devices that arrays of JAX lay on; None where nobody asks.

    Attributes:
        coerced: how many values had no JSON form and became text.
    """

    def __init__(self, max_elements: int | None = None, devices: set[str] | None = None):
        self._max_elements = max_elements
        self._devices = devices
        self.coerced = 0

    def of(self, value: Any, depth: int = 0) -> Any:
        """Return NumPy and JAX numbers and arrays as plain ones; what has no JSON form becomes text."""
        if value is None or isinstance(value, (str, bool)):
            return value
        if isinstance(value, int):
            return int(value) if value.bit_length() <= _MAX_PLAIN_INT_BITS else {"$int": hex(value)}
        if isinstance(value, float):
            if math.isfinite(value):
                return float(value)
            return {"$float": "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")}
        try:
            if depth >= _MAX_DEPTH:
                raise RecursionError(f"deeper than {_MAX_DEPTH} levels")
            return self._parts(value, depth + 1)
        except Exception:  # noqa: BLE001 - the edge of the writer: what a value is made of is not ours
            self.coerced += 1
            return _text(value)

    def _parts(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return {
                key if isinstance(key, str) else _text(key): self.of(item, depth)
                for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.of(item, depth) for item in value]
        if self._devices is not None and callable(getattr(value, "devices", None)):
            self._devices.update(str(device) for device in value.devices())
        if getattr(value, "shape", None) == () and hasattr(value, "item"):
            plain = value.item()
        elif hasattr(value, "tolist") and (self._max_elements is None or value.size <= self._max_elements):
            plain = value.tolist()
        else:
            raise TypeError("it has no JSON form")
        return self.of(plain, depth)


def _text(value: Any) -> str:
    """Return words for a value; its own where it has some, cut where they are long."""
    try:
        words = str(value)
    except Exception:  # noqa: BLE001 - as above
        words = f"<{type(value).__name__}>"
    return words if len(words) <= 1_000 else f"{words[:1_000]}…"


def plain_value(value: Any) -> Any:
    """Turn NumPy and JAX values and non-finite floats into JSON values; everything unknown becomes text."""
    return PlainValues().of(value)


def restored_value(value: Any) -> Any:
    """Read the tagged numbers of what ``plain_value`` made."""
    if isinstance(value, dict):
        if value.keys() == {"$float"} and value["$float"] in _NON_FINITE:
            return _NON_FINITE[value["$float"]]
        if value.keys() == {"$int"} and isinstance(value["$int"], str):
            return int(value["$int"], 16)
        return {key: restored_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restored_value(item) for item in value]
    return value
