"""What a segment holds, in short: which episodes, and whether all of it is known to this version."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.layout import Layout
from jaxarc.storage.columns import dataset_name, group_at
from jaxarc.storage.limits import checked_names, read_attribute
from jaxarc.storage.raw_columns import RawColumn, dataset_paths
from jaxarc.storage.segments import UNREADABLE, open_segment

__all__ = [
    "BLOCK_COLUMNS",
    "OBSERVATION_ROWS",
    "ROOT_GROUPS",
    "Digest",
    "known_columns",
    "naming",
    "read_digest",
]

BLOCK_COLUMNS = ("blocks/uid", "blocks/row", "blocks/count")
OBSERVATION_ROWS = ("observation_row", "next_observation_row")
ROOT_GROUPS = frozenset({"episodes", "steps"})
_ROOT_ATTRIBUTES = {"format", "schema_version", "writer", "sequence", "last_sequence"}
_FLAGS = ("terminated", "truncated", "success", "mark")


@dataclass(frozen=True)
class Digest:
    """What has to be known of a segment to decide what becomes of it.

    Attributes:
        rows: uids of its rows, int64[n].
        stored: stored steps of those, int64[n].
        steps: uids of which it holds steps, ascending.
        is_plain: it holds nothing that this version does not know, so that it can be merged with others.
    """

    rows: np.ndarray
    stored: np.ndarray
    steps: np.ndarray
    is_plain: bool


def read_digest(path: Path, *, is_ours: bool) -> Digest:
    """Read the little of a segment that compaction decides by; ``is_ours`` as in ``merged_segment``.

    Raises:
        DamagedFileError: the file cannot be read.
    """
    with open_segment(path) as file:
        try:

            def column(name: str) -> np.ndarray:
                return RawColumn(file, name, is_ours=is_ours).read()

            steps = group_at(file, "steps")
            layouts = checked_names(steps)
            uids = [column(f"steps/{name}/blocks/uid") for name in layouts]
            return Digest(
                rows=column("episodes/uid"),
                stored=column("episodes/stored_steps"),
                steps=np.unique(np.concatenate(uids)) if uids else np.zeros(0, np.int64),
                is_plain=_is_plain(file, [group_at(steps, name) for name in layouts]),
            )
        except UNREADABLE as error:
            raise DamagedFileError(path, f"a table of this segment cannot be read ({error})") from error


@lru_cache(64)
def _known_names(layout: str) -> frozenset[str]:
    """Return the paths below a layout's group that this version knows, those of groups included."""
    described = Layout.from_json(json.loads(layout))
    fields = [field for field in described.rows if field.role != "next_observation"]
    names = {*BLOCK_COLUMNS, *OBSERVATION_ROWS, *_FLAGS, "step"}
    names |= {dataset_name(field) for field in (*described.scalars, *fields)}
    parents = {"/".join(name.split("/")[:depth]) for name in names for depth in range(1, name.count("/") + 1)}
    return frozenset(names | parents)


def known_columns(group: h5py.Group) -> list[str] | None:
    """Return the datasets of a layout's group; None where there is something that is not known."""
    known, found = _known_names(str(read_attribute(group, "layout"))), dataset_paths(group)
    if not known.issuperset(found):
        return None
    parents = {name.rpartition("/")[0] for name in found}
    return [name for name in found if name not in parents]


def _is_plain(file: h5py.File, layouts: Sequence[h5py.Group]) -> bool:
    return (
        ROOT_GROUPS.issuperset(file)
        and _ROOT_ATTRIBUTES.issuperset(file.attrs)
        and all(set(group.attrs) == {"layout"} and known_columns(group) is not None for group in layouts)
    )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors say which segment cannot be read."""
    try:
        yield
    except DamagedFileError:
        raise
    except UNREADABLE as error:
        raise DamagedFileError(path, f"what this segment holds cannot be read ({error})") from error
