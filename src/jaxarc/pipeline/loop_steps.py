"""The steps of one episode of a plain Python loop, as columns, until a chunk is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxarc.errors import CaptureError
from jaxarc.pipeline.tree_columns import OtherStructureError, TreeColumns
from jaxarc.records.crossing import arranged
from jaxarc.records.lane_chunk import LaneColumns
from jaxarc.records.layout import Field, Layout
from jaxarc.records.table import label_name_column, shares_a_column
from jaxarc.records.trees import AsArray, leaf_of

__all__ = ["PARTS", "EpisodeSteps", "LoopSpec", "constant_fields", "label_fields"]

PARTS = ("reward", "metrics", "observation", "next_observation", "action", "info", "key", "state")
"""What a step may say besides flags; ``EpisodeSteps.put`` takes it in this order."""

_ROWS = ("observation", "next_observation", "action", "info", "key")
_JOURNAL = ("action", "key")
_MOST_STEPS = 4096


@dataclass(frozen=True)
class LoopSpec:
    """What is taken of the steps of one environment of a stream.

    Attributes:
        stream: name of the stream.
        program: ``scalars``, ``steps`` or ``states``, as for a program.
        is_selected: whether the environment is one whose steps are captured.
        journal: ``off``, ``selected`` or ``all``.
        chunk_bytes: bytes of steps that make a chunk.
        max_step_bytes: bytes that a step may take; more is refused.
        keyframe_steps: steps of an episode between two keyframes of the journal.
        convert: makes arrays of what NumPy does not know.
    """

    stream: str
    program: str
    is_selected: bool
    journal: str
    chunk_bytes: int
    max_step_bytes: int
    keyframe_steps: int
    convert: AsArray

    @property
    def has_rows(self) -> bool:
        """Whether more than scalars is taken of every step."""
        return self.is_selected and self.program != "scalars"

    @property
    def has_journal(self) -> bool:
        """Whether actions, keys and hashes of the states are taken."""
        return self.journal == "all" or (self.journal == "selected" and self.is_selected)


Constants = list[tuple[Field, np.ndarray]]


def label_fields(labels: Mapping[str, Any]) -> Constants:
    """Return the fields and values of an episode's labels, by name.

    Raises:
        CaptureError: a label is no integer, or would share its name with a column.
    """
    found = []
    for name in sorted(labels):
        field, array = leaf_of("labels", (str(name),), labels[name])
        if field.shape:
            raise CaptureError(
                f"step.{field.name} has shape {list(field.shape)}, labels are scalars; put arrays into "
                "constants="
            )
        if shares_a_column(str(name), labels):
            raise CaptureError(
                f"step.{field.name} or its column {label_name_column(str(name))!r} would share its name "
                "with another column of the episode rows; rename the label"
            )
        if array.dtype.kind not in "iub":
            raise CaptureError(
                f"step.{field.name} is {field.dtype}, labels are integers; record it in metrics="
            )
        found.append((field, array))
    return found


def constant_fields(constants: Mapping[str, Any] | None, convert: AsArray) -> Constants:
    """Return the fields of what is constant over an episode, with copies of their values."""
    columns = TreeColumns("episode", constants, convert)
    columns.make_room(1)
    columns.put(0, constants)
    return list(zip(columns.fields, columns.arrays(1), strict=True))


class EpisodeSteps:
    """Columns for the steps of one episode, of the structure that its first step has.

    Args:
        spec: what is taken of them.
        first: the first step, as ``put`` takes it.
        labels, constants: what ``label_fields`` and ``constant_fields`` returned.

    Raises:
        CaptureError: a leaf that cannot be taken, or is too large; it is named.
    """

    def __init__(self, spec: LoopSpec, first: tuple[Any, ...], labels: Constants, constants: Constants):
        self._spec = spec
        self._labels = labels
        self._constants = constants if spec.has_rows else []
        given: dict[str, Any] = dict(zip(PARTS, first, strict=True))
        parts = ["reward", "metrics"]
        if spec.has_rows:
            parts += _ROWS
        if spec.has_journal:
            for name in ("action", "state"):
                if given[name] is None:
                    raise CaptureError(
                        f"step.{name} is missing, and capture.journal={spec.journal} records what an episode "
                        f"needs to be simulated again: give step({name}=…), or set "
                        f"capture.streams.{spec.stream}.journal=off"
                    )
            parts += [part for part in _JOURNAL if part not in parts]
        if spec.has_journal or (spec.has_rows and spec.program == "states"):
            parts.append("state")
        self._columns = {part: TreeColumns(part, _real(part, given[part]), spec.convert) for part in parts}
        _check_scalars(self._columns)
        self._next_observation = given["next_observation"] is not None
        if spec.has_rows and self._next_observation:
            _check_next_observation(self._columns)
        self._puts = [
            (PARTS.index(part), columns.put) for part, columns in self._columns.items() if columns.fields
        ]
        self._absent = [PARTS.index(part) for part, columns in self._columns.items() if not columns.fields]
        self._rows = self._row_fields()
        self._order = arranged(self._rows)
        self._layouts: dict[tuple[bool, bool], Layout] = {}
        self.step_bytes = self._check_size()
        self.flags = np.empty(0, np.int32)

    def serve(self, first: tuple[Any, ...], labels: Constants, constants: Constants) -> bool:
        """Take another episode of the same spec, fields of labels and constants; False if its steps differ.

        Raises:
            CaptureError: a leaf of the first step that cannot be taken; it is named.
        """
        given: dict[str, Any] = dict(zip(PARTS, first, strict=True))
        if self._spec.has_rows and (given["next_observation"] is None) == self._next_observation:
            return False
        if not all(columns.suits(_real(part, given[part])) for part, columns in self._columns.items()):
            return False
        self._labels, self._constants = labels, constants if self._spec.has_rows else []
        return True

    @property
    def steps_per_chunk(self) -> int:
        """Steps for which a chunk has room."""
        return max(1, min(_MOST_STEPS, self._spec.chunk_bytes // max(self.step_bytes, 1)))

    def make_room(self, rows: int) -> None:
        """Begin new columns for so many steps."""
        self.flags = np.empty(rows, np.int32)
        for columns in self._columns.values():
            columns.make_room(rows)

    def put(self, row: int, values: tuple[Any, ...]) -> None:
        """Write a step into a row; what the caller does with its arrays later is not seen.

        Args:
            row: the row.
            values: a value for every one of ``PARTS``.

        Raises:
            CaptureError: a leaf is not what it was in the first step; it is named.
        """
        part = 0
        try:
            for part, put in self._puts:
                put(row, values[part])
        except OtherStructureError:
            raise self._columns[PARTS[part]].difference(values[part]) from None
        for part in self._absent:
            if values[part] is not None:
                columns = self._columns[PARTS[part]]
                try:
                    columns.put(row, values[part])
                except OtherStructureError:
                    raise columns.difference(values[part]) from None

    def layout(self, intern: Callable[[Layout], Layout], *, success: bool, mark: bool) -> Layout:
        """Return the layout of steps some of which said ``success`` or ``mark``.

        Args:
            intern: returns the one object for layouts that are equal.
            success, mark: whether some did.
        """
        known = self._layouts.get((success, mark))
        if known is not None:
            return known
        spec = self._spec
        optional = {
            "truncated": True,
            "next_observation": self._next_observation,
            "start": True,
            "success": success,
            "mark": mark,
        }
        journal = [] if self._rows or not spec.has_journal else self._journal_fields()
        layout = Layout(
            kind="steps",
            stream=spec.stream,
            program=spec.program,
            given=tuple(name for name, is_given in optional.items() if is_given),
            scalars=(
                *self._columns["reward"].fields,
                *self._columns["metrics"].fields,
                *(field for field, _ in self._labels),
            ),
            rows=tuple(field for _, field in self._order),
            journal=tuple(journal),
            journal_envs=("selected" if self._rows else spec.journal) if spec.has_journal else "",
            keyframes=tuple(self._columns["state"].fields) if self._has_keyframes else (),
        )
        self._layouts[success, mark] = intern(layout)
        return self._layouts[success, mark]

    def take(self, rows: int, first_step: int) -> LaneColumns:
        """Return the first rows as they are.

        Args:
            rows: how many.
            first_step: the step of the episode that the first of them is.
        """
        arrays = {part: columns.arrays(rows) for part, columns in self._columns.items()}
        whole = [array for part in _ROWS if self._spec.has_rows for array in arrays[part]]
        if self._spec.has_rows and self._spec.program == "states":
            whole += arrays["state"]
        whole += [array for _, array in self._constants]
        journal: list[np.ndarray] = []
        if self._spec.has_journal:
            (whole if self._rows else journal).extend(arrays["state"])
            if not self._rows:
                journal = [*arrays["action"], *arrays["key"], *journal]
        keyframe_steps, keyframes = None, []
        if self._has_keyframes:
            every = self._spec.keyframe_steps
            keyframe_steps = np.arange(-first_step % every, rows, every)
            keyframes = [array[keyframe_steps] for array in arrays["state"]]
        return LaneColumns(
            flags=self.flags[:rows],
            scalars=[
                *arrays["reward"],
                *arrays["metrics"],
                *(np.broadcast_to(value, rows) for _, value in self._labels),
            ],
            rows=[whole[position] for position, _ in self._order],
            journal=journal,
            keyframes=keyframes,
            keyframe_steps=keyframe_steps,
        )

    @property
    def _has_keyframes(self) -> bool:
        spec = self._spec
        return spec.has_journal and not (spec.has_rows and spec.program == "states")

    def _row_fields(self) -> list[Field]:
        spec = self._spec
        if not spec.has_rows:
            return []
        fields = [field for part in _ROWS for field in self._columns[part].fields]
        if spec.program == "states":
            fields += self._columns["state"].fields
        fields += [field for field, _ in self._constants]
        return fields + self._hash_fields() if spec.has_journal else fields

    def _journal_fields(self) -> list[Field]:
        actions = [field for part in _JOURNAL for field in self._columns[part].fields]
        return actions + self._hash_fields()

    def _hash_fields(self) -> list[Field]:
        return [Field("state_hash", field.path, "uint32", ()) for field in self._columns["state"].fields]

    def _check_size(self) -> int:
        """Return the bytes of a step; refuse one that is larger than what may wait for the disk."""
        taken = [field for columns in self._columns.values() for field in columns.fields]
        taken += [field for field, _ in self._constants]
        step_bytes = sum(field.num_bytes for field in taken)
        if step_bytes > self._spec.max_step_bytes:
            biggest = max(taken, key=lambda field: field.num_bytes)
            raise CaptureError(
                f"one step takes {step_bytes} bytes (the largest leaf is step.{biggest.name}, "
                f"{list(biggest.shape)} of {biggest.dtype}), the limit is "
                f"pipeline.queue_bytes={self._spec.max_step_bytes}; lower capture.level, leave the leaf out, "
                "or raise pipeline.queue_bytes"
            )
        return step_bytes


def _real(part: str, value: Any) -> Any:
    """Return rewards and metrics with Python integers as floats: a later step may bring a fraction."""
    if part == "reward":
        if value is None:
            raise CaptureError("step.reward is missing; a step needs a reward")
        return float(value) if type(value) is int else value
    if part == "metrics" and value is not None:
        if not isinstance(value, Mapping):
            raise CaptureError(
                f"step.metrics is a {type(value).__name__}; give a mapping from names to scalars"
            )
        return {str(name): float(one) if type(one) is int else one for name, one in value.items()}
    return value


def _check_scalars(columns: Mapping[str, TreeColumns]) -> None:
    for part in ("reward", "metrics"):
        for field in columns[part].fields:
            if part == "reward" and (field.path or field.shape):
                shape = "parts" if field.path else f"shape {list(field.shape)}"
                raise CaptureError(
                    f"step.{field.name} has {shape}, a reward is one number; open an episode for each "
                    "environment, with env_id="
                )
            if field.shape or len(field.path) > 1:
                raise CaptureError(
                    f"step.{field.name} has shape {list(field.shape)}, metrics are scalars by name; put "
                    "arrays and trees into info="
                )
            if field.dtype.startswith("complex") or field.key_impl:
                kind = "a PRNG key" if field.key_impl else field.dtype
                raise CaptureError(
                    f"step.{field.name} is {kind}, scalars are real numbers; put it into info="
                )


def _check_next_observation(columns: Mapping[str, TreeColumns]) -> None:
    def leaves(part: str) -> dict[Any, tuple[str, tuple[int, ...]]]:
        return {field.path: (field.dtype, field.shape) for field in columns[part].fields}

    before, after = leaves("observation"), leaves("next_observation")
    if after != before:
        path = next(path for path in {**before, **after} if before.get(path) != after.get(path))
        name = Field("next_observation", path, "", ()).name
        raise CaptureError(
            f"step.{name} is {after.get(path, 'absent')}, the observation there is "
            f"{before.get(path, 'absent')}; both need the same structure, dtypes and shapes"
        )
