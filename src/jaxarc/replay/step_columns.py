"""The columns that the stored steps of a run have: their names, dtypes, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from jaxarc.records.layout import Field, Layout, PathKey, numpy_dtype
from jaxarc.records.table import EpisodeTable
from jaxarc.storage import StoredSteps

__all__ = ["StepCatalog", "StepLeaf", "catalog_of"]

EPISODE_PREFIX = "episode."
"""Before the name of a column of the episode, where a column of the step has the same name."""

_FLAGS = ("terminated", "truncated", "success", "mark")
_TREES = ("action", "info", "observation", "state")
_MOST_ENTRIES = 16
"""Entries of a vector that have a column each."""

_FIRST = ("episode", "step", "writer", "stream", "member", "env_id", "update", "task_id")
_OF_STEPS = ("step", "env_step")
_ROLE = re.compile(r"[^.\[]+")


@dataclass(frozen=True)
class StepLeaf:
    """A number that every stored step has.

    Attributes:
        role: the part of the Step that it belongs to.
        path: the keys from there to its leaf.
        entry: its position in a leaf that is a vector; -1 where the leaf is a number.
        dtype: of the column.
    """

    role: str
    path: tuple[PathKey, ...]
    entry: int
    dtype: np.dtype

    def read(self, stored: StoredSteps, at: np.ndarray) -> np.ndarray | None:
        """Return its values at some positions of stored steps; None where these steps have none."""
        layout = stored.layout
        if self.role in _FLAGS:
            is_there = self.role == "terminated" or layout.has(self.role)
            return stored.column(self.role)[at] if is_there else None
        fields = layout.rows if self.role in _TREES else layout.scalars
        for index, field in enumerate(fields):
            if field.role == self.role and field.path == self.path:
                if self.role not in _TREES:
                    values = stored.scalar(index)[at]
                elif self.role == "observation":
                    values = stored.observations(index, stored.observation_rows()[0][at])
                else:
                    values = stored.field(index, at)
                return (values if self.entry < 0 else values[:, self.entry]).astype(self.dtype, copy=False)
        return None


@dataclass(frozen=True)
class StepCatalog:
    """What a row of a step may be asked for.

    Attributes:
        leaves: what each step has of its own, by column.
        of_episodes: columns of the episode, by the name they have here.
        listed: the columns that a table of steps has, in order; the others are there by name.
        arrays: what is recorded and no column, with the reason.
        has_steps: whether any step is stored.
        level: the level that the run was recorded at, empty if not known.
    """

    leaves: Mapping[str, StepLeaf]
    of_episodes: Mapping[str, str]
    listed: tuple[str, ...]
    arrays: Mapping[str, str]
    has_steps: bool
    level: str

    def __contains__(self, name: object) -> bool:
        return name in self.leaves or name in self.of_episodes or name in _OF_STEPS

    def is_of_episodes(self, name: str) -> bool:
        """Say whether a column is the same for all steps of an episode, and known without reading steps."""
        return name in self.of_episodes

    def why_not(self, name: str) -> str:
        """Return why something that a Step can have is no column here; empty where it is no such thing."""
        if name in self.arrays:
            return self.arrays[name]
        found = _ROLE.match(name)
        role = found.group() if found else ""
        if role not in (*_FLAGS, *_TREES, "reward", "metrics", "key"):
            return ""
        if not self.has_steps:
            level = f": its level is {self.level}" if self.level else ""
            return f"{name} is not there: the run has no stored steps{level} (capture.level, envs, keep)"
        if role == "key":
            return "keys are no numbers to ask about; run.load_episode(n).key has them"
        has_role = any(leaf.role == role for leaf in self.leaves.values())
        if has_role or any(_ROLE.match(array).group() == role for array in self.arrays):  # pyright: ignore[reportOptionalMemberAccess]
            return ""
        way_out = (
            "capture.level=full records it" if role == "state" else f"give it to the Step: Step({role}=…)"
        )
        return f"{name} was not recorded in the stored steps of this run; {way_out}"


def catalog_of(layouts: Collection[Layout], episodes: EpisodeTable, level: str) -> StepCatalog:
    """Return the columns that stored steps have.

    Args:
        layouts: what steps, journals of them included, were stored as.
        episodes: the rows of their episodes.
        level: the level of the run.
    """
    leaves: dict[str, StepLeaf] = {}
    arrays: dict[str, str] = {}
    for flag in _FLAGS:
        if any(flag == "terminated" or layout.has(flag) for layout in layouts):
            leaves[flag] = StepLeaf(flag, (), -1, np.dtype(bool))
    flags = list(leaves)
    for field in _fields(layouts, ("reward",)):
        _add(leaves, arrays, "reward", field)
    own = {*leaves, *_OF_STEPS, *_FIRST}
    for field in _fields(layouts, ("metrics",)):
        name = str(field.path[0])
        if name not in own:
            _add(leaves, arrays, name, field)
    for field in _fields(layouts, _TREES):
        _add(leaves, arrays, field.name, field)
    listed = [name for name in leaves if leaves[name].role not in (*_FLAGS, "observation", "state")]
    for field in _fields(layouts, ("metrics",)):
        _add(leaves, arrays, field.name, field)
    labels = sorted({str(field.path[0]) for field in _fields(layouts, ("labels",))})
    of_labels = [name for label in labels for name in (label, f"{label}_id")]
    columns = list(episodes.columns)
    of_episodes = {f"{EPISODE_PREFIX}{name}": name for name in columns}
    of_episodes |= {name: name for name in columns if name not in leaves and name not in _OF_STEPS}
    first = [name for name in _FIRST if name in of_episodes or name == "step"]
    more = [name for name in of_labels if name in of_episodes and name not in first]
    return StepCatalog(
        leaves,
        of_episodes,
        (*first, *more, *listed, *flags, "env_step"),
        arrays,
        bool(layouts),
        level,
    )


def _fields(layouts: Iterable[Layout], roles: Collection[str]) -> Iterator[Field]:
    for role in roles:
        for layout in layouts:
            for field in (*layout.scalars, *layout.rows):
                if field.role == role:
                    yield field


def _add(leaves: dict[str, StepLeaf], arrays: dict[str, str], name: str, field: Field) -> None:
    """Add the column of a leaf, or those of its entries; say of everything else why it is none."""
    how = f"run.load_episode(n).{field.role} has it"
    dtype = _comparable(numpy_dtype(field.dtype))
    if dtype is None or field.key_impl:
        kind = "keys" if field.key_impl else field.dtype
        arrays[name] = f"{name} holds {kind}, which do not compare; {how}"
    elif not field.shape:
        _join(leaves, name, StepLeaf(field.role, field.path, -1, dtype))
    elif len(field.shape) == 1 and 0 < field.shape[0] <= _MOST_ENTRIES:
        for entry in range(field.shape[0]):
            _join(leaves, f"{name}[{entry}]", StepLeaf(field.role, field.path, entry, dtype))
        arrays[name] = f"{name} is a vector of {field.shape[0]} a step; ask for {name}[0], {name}[1], …"
    else:
        shape = "x".join(map(str, field.shape))
        arrays[name] = f"{name} is an array of {shape} a step, no number; {how}"


def _join(leaves: dict[str, StepLeaf], name: str, leaf: StepLeaf) -> None:
    known = leaves.get(name)
    if known is not None and known.dtype != leaf.dtype:
        leaf = StepLeaf(leaf.role, leaf.path, leaf.entry, np.promote_types(known.dtype, leaf.dtype))
    leaves[name] = leaf


def _comparable(dtype: np.dtype) -> np.dtype | None:
    """Return the dtype that a column has, which NumPy compares; None for what has no order."""
    if dtype.kind in "biuf":
        return dtype
    if dtype.kind == "c":
        return None
    if dtype.name.startswith(("int", "uint")):  # 4-bit integers
        return np.dtype(np.int8 if dtype.name.startswith("int") else np.uint8)
    return np.dtype(np.float32)
