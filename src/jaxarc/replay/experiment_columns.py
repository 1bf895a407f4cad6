"""Params, metrics and tags of several runs as columns: ``params.lr``, ``metrics.loss``, ``tags.ppo``."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from jaxarc.records.table import encode_text
from jaxarc.replay.experiment import number_of
from jaxarc.replay.experiment_glance import ExperimentGlance
from jaxarc.replay.metric_choice import parted_metric

__all__ = ["PARTS", "ExperimentColumns", "names_in_full", "speaks_of_experiments"]

PARTS = ("params", "metrics", "tags")
_LONGEST_TEXT = 1_000
_PLAIN = re.compile(r"[^\W\d]\w*(?:\.\w+|\[\d+\])*")
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`"
_WORDS = frozenset({"and", "or", "not", "in", "like", "true", "false", "nan", "inf"})


class ExperimentColumns:
    """A `ColumnSource` over what runs say of their experiments; numbers that a run does not say are NaN.

    Args:
        glances: what each run says.
    """

    def __init__(self, glances: Sequence[ExperimentGlance]):
        self._rows = [_row(glance) for glance in glances]
        self.length = len(self._rows)
        kinds: dict[str, str] = {}
        counts: dict[str, int] = {}
        for row in self._rows:
            for name, value in row.items():
                counts[name] = counts.get(name, 0) + 1
                kind = _kind(value)
                known = kinds.get(name, kind)
                kinds[name] = kind if known == kind else known if not kind else _wider(known, kind)
        self.dtypes: Mapping[str, np.dtype] = {
            name: _dtype(kind or "S", counts[name] == self.length) for name, kind in kinds.items()
        }

    def read(self, name: str) -> np.ndarray:
        """Return a column."""
        return self.read_at(name, np.arange(self.length))

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return a column of some runs."""
        values = [self._rows[position].get(name) for position in positions.tolist()]
        dtype = self.dtypes[name]
        if dtype.kind == "S":
            return encode_text([_text(value) for value in values])
        if dtype.kind == "f":
            return np.array([_float(value) for value in values], np.float64)
        return np.array([False if value is None else value for value in values], dtype)


def _float(value: Any) -> float:
    number = number_of(value)
    return math.nan if number is None else number


def _row(glance: ExperimentGlance) -> dict[str, Any]:
    row = {f"params.{name}": value for name, value in glance.params.items()}
    row |= {f"metrics.{name}": value for name, value in glance.summary.items()}
    row |= {f"metrics.{name}": value for name, value in glance.metrics.items()}
    # A tag without a value is there, or is not.
    return row | {f"tags.{name}": True if value is None else value for name, value in glance.tags.items()}


def _kind(value: Any) -> str:
    """Return what a value is: ``b``, ``i``, ``f`` or ``S``; empty where it is nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "b"
    if isinstance(value, int):
        return "i" if -(1 << 63) <= value < 1 << 63 else "f"
    return "f" if isinstance(value, float) else "S"


def _wider(a: str, b: str) -> str:
    if not a or a == b:
        return b
    return "f" if {a, b} == {"i", "f"} else "S"


def _dtype(kind: str, is_everywhere: bool) -> np.dtype:
    if kind == "i" and not is_everywhere:
        return np.dtype(np.float64)
    return np.dtype({"b": np.bool_, "i": np.int64, "f": np.float64, "S": np.bytes_}[kind])


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:_LONGEST_TEXT]


def speaks_of_experiments(text: str, own: Collection[str]) -> bool:
    """Return whether an expression names what only the records of experiments know.

    Args:
        text: ``where``, ``sort`` and columns.
        own: the columns that are known without.
    """
    without = re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", " ", text)
    return any(name not in own and name not in _WORDS for name in re.findall(r"[^\W\d][\w.]*", without))


def names_in_full(text: str, names: Collection[str], own: Collection[str]) -> str:
    """Return an expression with the names of experiments as the query language takes them.

    ``train/loss < 1`` is the metric where there is one, ``lr`` the parameter; names that are no plain words
    are put in backquotes.

    Args:
        text: the expression.
        names: columns of experiments: ``metrics.train/loss``.
        own: other columns, which are meant by their names.
    """
    meant: dict[str, str] = {}
    short: dict[str, list[str]] = {}
    for name in names:
        short.setdefault(name.partition(".")[2], []).append(name)
        if not _PLAIN.fullmatch(name):
            meant[name] = name
    for name, found in short.items():
        if len(found) == 1 and name not in own and name not in _WORDS and name:
            meant[name] = found[0]
    for name, full in list(meant.items()):
        key, ctx = parted_metric(name)
        if ctx:
            meant[f"{key}[{', '.join(f'{n}={v}' for n, v in ctx.items())}]"] = full
            meant[f"{key}[{','.join(f'{n}={v}' for n, v in ctx.items())}]"] = full
    if not meant:
        return text
    listed = "|".join(map(re.escape, sorted(meant, key=len, reverse=True)))
    pattern = rf"(?P<quoted>{_QUOTED})|(?<![\w./])(?:{listed})(?!\w|\.\w|/\w| \()"
    return re.sub(pattern, lambda m: m[0] if m["quoted"] else f"`{meant[m[0]]}`", text)
