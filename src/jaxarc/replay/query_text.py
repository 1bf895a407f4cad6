"""Conditions on columns of text: equal to, part of, like a pattern."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import numpy as np

__all__ = ["equals_text", "holds_text", "is_like"]


def equals_text(column: np.ndarray, value: bytes) -> np.ndarray:
    """Return where a column is a text, bool[n]; a machine word is compared at a time, which is quick."""
    width, value = column.dtype.itemsize, value.rstrip(b"\0")
    if len(value) > width:
        return np.zeros(len(column), bool)
    word = next(size for size in (8, 4, 2, 1) if width % size == 0)
    words = np.ascontiguousarray(column).view(f"u{word}").reshape(len(column), width // word)
    wanted = np.frombuffer(value.ljust(width, b"\0"), f"u{word}")
    found = words[:, 0] == wanted[0]
    for part in range(1, width // word):
        found &= words[:, part] == wanted[part]
    return found


def holds_text(column: np.ndarray, part: Any) -> np.ndarray:
    """Return where a column holds a text somewhere, bool[n].

    Args:
        column: the texts.
        part: what is looked for, one for all rows or one a row.
    """
    return np.strings.find(column, part) >= 0


def is_like(column: np.ndarray, pattern: str) -> np.ndarray:
    """Return where a column matches a pattern, bool[n].

    Args:
        column: the texts.
        pattern: ``*`` stands for any characters, ``?`` for one; everything else for itself.
    """
    plain = pattern.strip("*").encode("utf-8", "replace")
    if not set("*?") & set(pattern.strip("*")):
        begins, ends = not pattern.startswith("*"), not pattern.endswith("*")
        if begins and not ends:
            return np.strings.startswith(column, plain)
        if ends and not begins:
            return np.strings.endswith(column, plain)
        if not begins and not ends:
            return holds_text(column, plain)
    matches = re.compile(fnmatch.translate(pattern.replace("[", "[[]"))).match
    texts, place = np.unique(column, return_inverse=True)
    found = np.array([matches(text.decode("utf-8", "replace")) is not None for text in texts.tolist()], bool)
    return found[place]
