"""A glance at an index: names of columns and episodes, for who has no time to load it (a shell's Tab)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from jaxarc.storage.columns import column_name

__all__ = ["glance_columns", "glance_stored"]

_INDEX_FILE = "index.h5"


def glance_columns(run_dir: Path) -> list[str]:
    """Return the columns of the rows as the last index had them; nothing is checked.

    Raises:
        OSError, KeyError: there is no index, or it cannot be read.
    """
    with h5py.File(run_dir / _INDEX_FILE) as index:
        rows: Any = index["episodes"]
        return [column_name(name) for name in rows]


def glance_stored(run_dir: Path) -> list[tuple[int, int]]:
    """Return writer and number of the episodes with stored steps, in their order; nothing is checked.

    Raises:
        OSError, KeyError: there is no index, or it cannot be read.
    """
    with h5py.File(run_dir / _INDEX_FILE) as index:
        rows: Any = index["episodes"]
        kept = rows["stored_steps"][:] > 0
        return sorted(zip(rows["writer"][:][kept].tolist(), rows["episode"][:][kept].tolist(), strict=True))
