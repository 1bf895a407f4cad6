"""Runs as rows of a table: what ``run.json`` says of each, and what takes opening it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.lazy_columns import LazyColumns
from jaxarc.records.table import encode_text
from jaxarc.replay.experiment_columns import ExperimentColumns
from jaxarc.replay.experiment_glance import ExperimentGlance, experiment_glance
from jaxarc.replay.run_table import RunTable
from jaxarc.storage import derive_status, read_run_file

__all__ = ["RUN_COLUMNS", "run_table"]

_TEXT = ("run", "experiment", "status", "level", "run_dir")
_COUNTS = {"episodes": "episodes", "solved": "successes", "env_steps": "env_steps"}
_RETURNS = ("success_rate", "mean_return", "best_return", "created")

RUN_COLUMNS = (*_TEXT, *_COUNTS, *_RETURNS)
"""The columns that every run has."""


def run_table(run_dirs: Sequence[Path], *, with_experiments: bool = False) -> RunTable:
    """Return runs as a table that ``where`` and ``sort`` can be asked about.

    Columns: ``run, experiment, status, level, episodes, solved, success_rate, mean_return, best_return,
    env_steps, created`` (seconds since 1970), ``run_dir``. Whole numbers that are not known are -1, others
    NaN. Rates and returns are those of episodes that ended. Runs are opened for what ``run.json`` does not
    say, where that is asked for.

    Args:
        run_dirs: their directories.
        with_experiments: with columns ``params.<name>``, ``metrics.<name>`` and ``tags.<name>`` besides, for
            which every run's record is read, or what is kept of it.
    """
    return RunTable(LazyColumns(_RunColumns(run_dirs, with_experiments=with_experiments)), "run")


class _RunColumns:
    """A `ColumnSource` over runs."""

    def __init__(self, run_dirs: Sequence[Path], *, with_experiments: bool = False):
        self._run_dirs = list(run_dirs)
        self._facts = [_facts(run_dir) for run_dir in self._run_dirs]
        self._counted: dict[int, dict[str, float]] = {}
        self._text = {name: encode_text([str(facts[name]) for facts in self._facts]) for name in _TEXT}
        glances = [self._glance(position) for position in range(self.length)] if with_experiments else []
        self._experiments = ExperimentColumns(glances)

    def _glance(self, position: int) -> ExperimentGlance:
        is_running = self._facts[position]["status"] == "RUNNING"
        return experiment_glance(self._run_dirs[position], is_running=is_running)

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        """The dtype of every column."""
        text = {name: column.dtype for name, column in self._text.items()}
        counts = dict.fromkeys(_COUNTS, np.dtype(np.int64))
        real = dict.fromkeys(_RETURNS, np.dtype(np.float64))
        known = {**text, **counts, **real}
        order = ("run", "experiment", "status", "level", *("episodes", "solved"), *_RETURNS[:3])
        own = {name: known[name] for name in (*order, "env_steps", "created", "run_dir")}
        return {**own, **self._experiments.dtypes}

    @property
    def length(self) -> int:
        """How many runs there are."""
        return len(self._run_dirs)

    def read(self, name: str) -> np.ndarray:
        """Return a column."""
        return self.read_at(name, np.arange(self.length))

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return a column of some runs."""
        if name in self._text:
            return self._text[name][positions]
        if name in self._experiments.dtypes:
            return self._experiments.read_at(name, positions)
        values = [self._number(name, int(position)) for position in positions]
        return np.array(values, self.dtypes[name])

    def _number(self, name: str, position: int) -> float:
        found = self._facts[position].get(name)
        if found is None and name != "created":
            if position not in self._counted:
                self._counted[position] = _counted(self._run_dirs[position])
            found = self._counted[position].get(name)
        return found if found is not None else -1 if name in _COUNTS else float("nan")


def _facts(run_dir: Path) -> dict[str, Any]:
    """Return what ``run.json`` says of a run; None for what it does not, or not yet."""
    try:
        info = read_run_file(run_dir)
        status = derive_status(run_dir, info)
    except DamagedFileError:
        info, status = {}, "damaged"
    counts = {name: info[key] if isinstance(info.get(key), int) else None for name, key in _COUNTS.items()}
    created = info.get("created")
    return {
        "run": run_dir.name,
        "experiment": run_dir.parent.name,
        "status": status,
        "level": info.get("level") or "",
        "run_dir": run_dir.resolve(),
        **counts,
        "created": float(created) if isinstance(created, (int, float)) else None,
    }


def _counted(run_dir: Path) -> dict[str, float]:
    """Return what the rows of a run say."""
    from jaxarc.replay.run_reader import RunReader

    table = RunReader(run_dir).episodes()
    ended = np.isin(table["ended"], [b"terminated", b"truncated"])
    rewards = table["total_reward"][ended]
    rewards = rewards[np.isfinite(rewards)]
    solved = table["success"]
    nan = float("nan")
    return {
        "episodes": len(table),
        "solved": int(solved.sum()),
        "success_rate": float(solved[ended].mean()) if ended.any() else nan,
        "mean_return": float(rewards.mean()) if len(rewards) else nan,
        "best_return": float(rewards.max()) if len(rewards) else nan,
    }
