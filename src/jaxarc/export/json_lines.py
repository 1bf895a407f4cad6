"""A run as JSON lines: what the file is, then an episode a line. ``docs/export.md`` has the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.export.episodes import episode_parts, mapped, plain_row
from jaxarc.export.selection import Selection
from jaxarc.records.json_arrays import decode_array, encode_array
from jaxarc.records.json_values import plain_value, restored_value
from jaxarc.replay import ReplaySystem

__all__ = ["read_json_lines", "write_json_lines"]

FORMAT = "jaxarc-episodes"
VERSION = 1


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"


def write_json_lines(path: Path, run: ReplaySystem, selection: Selection) -> None:
    """Write the selected episodes, those without stored steps as well."""
    with path.open("w", encoding="ascii") as file:
        head = {"format": FORMAT, "schema_version": VERSION, "run": plain_value(run.info)}
        file.write(_line(head))
        for row, episode in selection.episodes():
            steps = {} if episode is None else mapped(episode_parts(episode), encode_array)
            file.write(_line({"row": plain_value(plain_row(row)), "steps": _tagged(steps)}))


def _tagged(tree: Any) -> Any:
    """Return a tree whose tuples are told from arrays: ``{"$tuple": [...]}``."""
    if isinstance(tree, dict):
        return {key: _tagged(below) for key, below in tree.items()}
    return {"$tuple": [_tagged(below) for below in tree]} if isinstance(tree, tuple) else tree


def _restored(tree: Any) -> Any:
    if isinstance(tree, dict):
        if tree.keys() == {"dtype", "shape", "data"} and isinstance(tree["dtype"], str):
            return decode_array(tree)
        if tree.keys() == {"$tuple"} and isinstance(tree["$tuple"], list):
            return tuple(_restored(below) for below in tree["$tuple"])
        return {key: _restored(below) for key, below in tree.items()}
    return tree


def read_json_lines(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray | Any]]]:
    """Yield the episodes of an export: each its row, and its parts as trees of arrays.

    Raises:
        DamagedFileError: a line is not what was exported.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                value = json.loads(line)
                if number == 1:
                    if value["format"] != FORMAT or value["schema_version"] > VERSION:
                        raise ValueError(f"is no {FORMAT} of schema {VERSION}")
                    continue
                row, steps = restored_value(value["row"]), _restored(value["steps"])
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                raise DamagedFileError(path, f"line {number}: {error!r}") from error
            yield row, steps
