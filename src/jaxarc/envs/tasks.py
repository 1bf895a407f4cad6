"""Tasks as arrays: one buffer that a compiled program draws its episodes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Int8, Int32, UInt8

from jaxarc.envs.task_files import MAX_SIZE, TaskContent, parse_task, read_tasks
from jaxarc.envs.task_ids import TaskIds
from jaxarc.errors import TaskError, UnknownTaskError, closest

__all__ = ["Tasks", "load_tasks", "tasks_of_documents"]

_ID_BLOCK = 16


class Tasks(eqx.Module):
    """Every pair of every loaded task, padded to one size.

    All fields are arrays, the ids included, so a program that takes Tasks as an argument is compiled once for
    all Tasks of one shape, and its cache never hashes or compares what the tasks hold. Pairs lie one after
    the other: those of task ``i`` start at ``first_pair[i]``, demonstration pairs first.

    Attributes:
        inputs: input boards, padded with -1 below and to the right.
        targets: output boards, padded likewise.
        first_pair: where each task's pairs start.
        num_train: number of demonstration pairs of each task.
        num_test: number of test pairs of each task.
        id_codes: ids as UTF-8, padded with zeros; read them as ``ids``.
    """

    inputs: Int8[Array, "num_pairs height width"]
    targets: Int8[Array, "num_pairs height width"]
    first_pair: Int32[Array, " num_tasks"]
    num_train: Int32[Array, " num_tasks"]
    num_test: Int32[Array, " num_tasks"]
    id_codes: UInt8[Array, "num_tasks id_length"]

    def __len__(self) -> int:
        return self.num_train.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the padded boards."""
        return self.inputs.shape[-2], self.inputs.shape[-1]

    @property
    def input_masks(self) -> Bool[Array, "num_pairs height width"]:
        """True on the cells that belong to each input board."""
        return self.inputs >= 0

    @property
    def target_masks(self) -> Bool[Array, "num_pairs height width"]:
        """True on the cells that belong to each output board."""
        return self.targets >= 0

    @property
    def ids(self) -> TaskIds:
        """Task ids by ``task_idx``; ``ids.document(id)`` is a task's JSON content. Read it outside ``jit``.

        Raises:
            TaskError: the arrays are being traced, so there is nothing to read yet.
        """
        if isinstance(self.id_codes, Tracer):
            raise TaskError("tasks.ids was read inside a traced program; read it outside jit and vmap")
        codes = np.asarray(self.id_codes)
        return TaskIds((bytes(code).rstrip(b"\0").decode() for code in codes), self._document)

    def _document(self, index: int) -> dict[str, Any]:
        first, num_train = int(self.first_pair[index]), int(self.num_train[index])
        last = first + num_train + int(self.num_test[index])
        pairs = [
            {"input": _trimmed(board), "output": _trimmed(target)}
            for board, target in zip(
                np.asarray(self.inputs[first:last]), np.asarray(self.targets[first:last]), strict=True
            )
        ]
        return {"train": pairs[:num_train], "test": pairs[num_train:]}


def _trimmed(board: np.ndarray) -> list[list[int]]:
    return board[: (board[:, 0] >= 0).sum(), : (board[0] >= 0).sum()].tolist()


def load_tasks(
    name: str | Path,
    split: str | None = None,
    ids: Sequence[str] | None = None,
    *,
    max_size: int | tuple[int, int] | None = MAX_SIZE,
) -> Tasks:
    """Load ARC tasks into one buffer.

    Args:
        name: ``arc-agi-1`` or ``arc-agi-2`` (no download), or a folder of ARC JSON files; subfolders are read
            too, and an id is the file's path under the folder without ``.json``.
        split: ``training`` (the default) or ``evaluation``; for a folder, a subfolder, by default all of it.
        ids: tasks to load, in this order; by default all, ordered by id.
        max_size: rows and columns to pad boards to, one number or two, 30 by default; None: as large as the
            largest loaded board. Resize cannot make a grid larger than this.

    Raises:
        UnknownTaskError: no such data set, split or id; the message names the closest ones.
        TaskFormatError: a file is not an ARC task; the message names it and says why.
        TaskError: a board is larger than ``max_size``, or no task is left.
    """
    contents = read_tasks(name, split)
    if ids is not None:
        contents = _chosen(contents, [ids] if isinstance(ids, str) else list(ids), str(name))
    return _stack(contents, max_size)


def tasks_of_documents(
    documents: Mapping[str, Any], *, max_size: int | tuple[int, int] | None = MAX_SIZE
) -> Tasks:
    """Return tasks from what `TaskIds.document` gave of them, by id and in this order.

    Args:
        documents: the content of each task as JSON has it.
        max_size: as for `load_tasks`.

    Raises:
        TaskFormatError: a document is no ARC task.
        TaskError: there is none, or a board is larger than ``max_size``.
    """
    if not documents:
        raise TaskError("no task is left; name at least one")
    return _stack({name: parse_task(content, name) for name, content in documents.items()}, max_size)


def _chosen(contents: Mapping[str, TaskContent], ids: list[str], name: str) -> dict[str, TaskContent]:
    if not ids:
        raise TaskError("ids is empty; name at least one task, or leave ids out to load all")
    if len(set(ids)) < len(ids):
        twice = sorted({task_id for task_id in ids if ids.count(task_id) > 1})
        raise TaskError(f"ids names {', '.join(twice)} more than once; name each task once")
    unknown = [task_id for task_id in ids if task_id not in contents]
    if unknown:
        listed = ", ".join(f"{task_id!r}{closest(task_id, contents)}" for task_id in unknown)
        raise UnknownTaskError(f"{name} has no task {listed}")
    return {task_id: contents[task_id] for task_id in ids}


def _stack(contents: Mapping[str, TaskContent], max_size: int | tuple[int, int] | None) -> Tasks:
    pairs = [pair for task in contents.values() for pair in (*task.train, *task.test)]
    height, width = _padded_size(contents, max_size)
    inputs = np.full((len(pairs), height, width), -1, np.int8)
    targets = np.full((len(pairs), height, width), -1, np.int8)
    for i, (board, target) in enumerate(pairs):
        inputs[i, : board.shape[0], : board.shape[1]] = board
        targets[i, : target.shape[0], : target.shape[1]] = target
    num_train = np.array([len(task.train) for task in contents.values()], np.int32)
    num_test = np.array([len(task.test) for task in contents.values()], np.int32)
    first_pair = np.cumsum(num_train + num_test, dtype=np.int32) - (num_train + num_test)
    codes = [task_id.encode() for task_id in contents]
    id_length = -(-max(map(len, codes)) // _ID_BLOCK) * _ID_BLOCK
    id_codes = np.stack([np.frombuffer(code.ljust(id_length, b"\0"), np.uint8) for code in codes])
    return Tasks(*map(jnp.asarray, (inputs, targets, first_pair, num_train, num_test, id_codes)))


def _padded_size(
    contents: Mapping[str, TaskContent], max_size: int | tuple[int, int] | None
) -> tuple[int, int]:
    sizes = {
        task_id: tuple(
            max(board.shape[axis] for pair in (*task.train, *task.test) for board in pair) for axis in (0, 1)
        )
        for task_id, task in contents.items()
    }
    if max_size is None:
        return max(size[0] for size in sizes.values()), max(size[1] for size in sizes.values())
    height, width = (max_size, max_size) if isinstance(max_size, int) else max_size
    if not (1 <= height <= MAX_SIZE and 1 <= width <= MAX_SIZE):
        raise TaskError(f"max_size must be 1..{MAX_SIZE} rows and columns, got {max_size}")
    for task_id, (rows, columns) in sizes.items():
        if rows > height or columns > width:
            raise TaskError(
                f"task {task_id} needs boards of {rows}x{columns}, max_size is {height}x{width}; "
                "raise max_size, or leave this task out with ids="
            )
    return height, width
