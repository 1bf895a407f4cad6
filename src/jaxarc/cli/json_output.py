"""``--json``: one document on stdout, and nothing else there."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from os import PathLike, fspath
from typing import Any

__all__ = ["print_json", "to_json_value"]

_CONTROLS = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that JSON does not escape and terminals obey: controls, and turns of the writing direction."""


def to_json_value(value: object) -> Any:
    """Return a value as JSON has it: NaN and infinities as None, NumPy's numbers and arrays as plain ones.

    Numbers are those that were recorded: a float of single precision is the double that equals it.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, PathLike):
        return str(fspath(value))
    if isinstance(value, Mapping):
        return {str(key): to_json_value(of_key) for key, of_key in value.items()}
    if hasattr(value, "tolist"):  # an array or a scalar of NumPy
        return to_json_value(value.tolist())  # pyright: ignore[reportAttributeAccessIssue]
    if is_dataclass(value):
        return {field.name: to_json_value(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Set):
        return sorted(map(to_json_value, value))
    if isinstance(value, Sequence):
        return [to_json_value(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def print_json(document: object) -> None:
    """Print one document as indented UTF-8 JSON, its keys in the order in which they are given.

    Text is written as it is, but for what acts on a terminal, and what this stdout cannot encode.
    """
    value = to_json_value(document)
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    text = _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeError:  # a lone surrogate of an odd file name, or a terminal without UTF-8
        text = json.dumps(value, indent=2, allow_nan=False)
    sys.stdout.write(f"{text}\n")
