"""A run as Parquet: ``episodes.parquet``, a row an episode, and ``steps.parquet``, a row a stored step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jaxarc.errors import NotRecordedError
from jaxarc.export.dtypes import as_known_numbers
from jaxarc.export.episodes import tree_leaves
from jaxarc.export.selection import Selection
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.layout import Field, numpy_dtype
from jaxarc.records.table import EpisodeRow, EpisodeTable
from jaxarc.replay import ReplaySystem
from jaxarc.storage.columns import dataset_name

__all__ = ["write_parquet"]

_ROW_GROUP_BYTES = 32_000_000
_TREES = ("observation", "next_observation", "action", "info", "state", "key")
_FLAGS = ("terminated", "truncated", "success", "mark")
_KEYS = (("writer", "int32"), ("episode", "int64"), ("step", "int64"))


@dataclass(frozen=True)
class _Leaf:
    """A column of the steps: its name, and what it was in the program."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def arrow(self) -> pa.Field:
        described = {"dtype": self.dtype, "shape": json.dumps(self.shape)}
        return pa.field(self.name, self.type, metadata=described)

    @property
    def type(self) -> pa.DataType:
        values = as_known_numbers(np.zeros((0, *self.shape), numpy_dtype(self.dtype)))
        shape = values.shape[1:]
        found = pa.from_numpy_dtype(values.dtype)
        for length in reversed(shape):
            found = pa.list_(found, length) if 0 not in shape else pa.list_(found)
        return found


def write_parquet(folder: Path, run: ReplaySystem, selection: Selection) -> None:
    """Write both files."""
    pq.write_table(_episode_table(selection.table), folder / "episodes.parquet", compression="zstd")
    leaves = _leaves(selection)
    about = {"jaxarc_run": json.dumps(run.info, default=str)}
    schema = pa.schema([leaf.arrow for leaf in leaves], metadata=about)
    waiting: list[pa.RecordBatch] = []
    with pq.ParquetWriter(folder / "steps.parquet", schema, compression="zstd") as writer:
        for row, episode in selection.episodes():
            if episode is None:
                continue
            waiting.append(_batch(row, episode, leaves, schema))
            if sum(batch.nbytes for batch in waiting) > _ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(waiting, schema))
                waiting.clear()
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema))


def _episode_table(table: EpisodeTable) -> pa.Table:
    columns = {}
    for name, column in table.columns.items():
        if name != "uid":
            columns[name] = pa.array(table.text(name)) if column.dtype.kind == "S" else pa.array(column)
    return pa.table(columns)


def _leaves(selection: Selection) -> list[_Leaf]:
    """Return the columns that the selected episodes need together.

    Raises:
        NotRecordedError: two episodes have different arrays under one name.
    """
    found: dict[str, tuple[_Leaf, EpisodeRow]] = {}
    for name, dtype in _KEYS:
        found[name] = _Leaf(name, dtype, ()), EpisodeRow({})
    for row, episode in Selection(selection.run, selection.table).episodes():
        if episode is None:
            continue
        for leaf in _leaves_of(episode):
            known, first = found.setdefault(leaf.name, (leaf, row))
            if known != leaf:
                raise NotRecordedError(
                    f"{leaf.name} is {known.dtype}{list(known.shape)} in episode {first.episode} (stream "
                    f"{first.stream}) and {leaf.dtype}{list(leaf.shape)} in episode {row.episode} (stream "
                    f'{row.stream}), and a Parquet column has one type; choose with --where "stream == '
                    f"'{row.stream}'\""
                )
    return [leaf for leaf, _ in found.values()]


def _leaves_of(episode: EpisodeData) -> Iterator[_Leaf]:
    def of(role: str) -> tuple[Field, ...]:
        return episode.fields(role)

    for field in of("reward"):
        yield _Leaf(dataset_name(field), field.dtype, ())
    for name in _FLAGS:
        if name == "terminated" or episode.given(name):
            yield _Leaf(name, "bool", ())
    for role in ("metrics", "labels"):
        for field in of(role):
            yield _Leaf(dataset_name(field), field.dtype, ())
    for role in _TREES:
        recorded = "observation" if role == "next_observation" else role
        if role == "next_observation" and not episode.given(role):
            continue
        if role in ("action", "key") and not episode.has(role):
            continue
        for field in of(recorded):
            yield _Leaf(f"{role}{dataset_name(field).removeprefix(recorded)}", field.dtype, field.shape)
    for field in of("episode"):
        yield _Leaf(dataset_name(field), field.dtype, field.shape)


def _batch(row: EpisodeRow, episode: EpisodeData, leaves: list[_Leaf], schema: pa.Schema) -> pa.RecordBatch:
    count = len(episode.step)
    values: dict[str, np.ndarray] = {
        "writer": np.full(count, row.writer, np.int32),
        "episode": np.full(count, row.episode, np.int64),
        "step": episode.step,
        "reward": episode.reward,
        "terminated": episode.terminated,
        "truncated": episode.truncated,
        "success": episode.step_success,
        "mark": episode.mark,
    }
    present = {leaf.name for leaf in _leaves_of(episode)} | {name for name, _ in _KEYS}
    for role in ("metrics", "labels", *_TREES):
        try:
            tree = getattr(episode, role)
        except NotRecordedError:
            continue
        for path, leaf in tree_leaves(tree):
            field = Field(role, path, leaf.dtype.name, leaf.shape[1:])
            values[dataset_name(field)] = leaf[:count]
    for path, constant in tree_leaves(episode.constants if episode.has("episode") else {}):
        field = Field("episode", path, constant.dtype.name, constant.shape)
        values[dataset_name(field)] = np.broadcast_to(constant, (count, *constant.shape))
    arrays = [
        _array(values[leaf.name]) if leaf.name in present else pa.nulls(count, leaf.type) for leaf in leaves
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: np.ndarray) -> pa.Array:
    known = as_known_numbers(values)
    shape = known.shape[1:]
    flat = np.ascontiguousarray(known).reshape(-1)
    found = pa.array(flat)
    counts = [prod(known.shape[: axis + 1]) for axis in range(len(shape))]
    for length, count in zip(reversed(shape), reversed(counts), strict=True):
        if 0 in shape:
            offsets = np.arange(count + 1, dtype=np.int32) * length
            found = pa.ListArray.from_arrays(pa.array(offsets), found)
        else:
            found = pa.FixedSizeListArray.from_arrays(found, length)
    return found
