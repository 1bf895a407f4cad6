"""EpisodeData: one episode as arrays, read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from jaxarc.errors import NotRecordedError
from jaxarc.records.layout import Layout, unflatten
from jaxarc.records.table import EpisodeRow

__all__ = ["EpisodeData", "StepSource"]

_LEVEL_OF_ROLE = {"state": "full"}


class StepSource(Protocol):
    """Some consecutive stored steps of one episode."""

    @property
    def layout(self) -> Layout:
        """What the steps hold."""
        ...

    @property
    def steps(self) -> np.ndarray:
        """Index of each step in its episode, int64[n]."""
        ...

    def column(self, name: str) -> np.ndarray:
        """Return a flag column, bool[n]."""
        ...

    def scalar(self, index: int) -> np.ndarray:
        """Return scalar field ``index``, [n]."""
        ...

    def field(self, index: int) -> np.ndarray:
        """Return row field ``index``, [n, *shape]; constants of the episode [1, *shape]."""
        ...

    def observation_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the observation rows before and after each step, int[n] each; -1 where not recorded."""
        ...

    def observations(self, index: int, rows: np.ndarray) -> np.ndarray:
        """Return observation field ``index`` at observation rows."""
        ...


class EpisodeData:
    """One recorded episode.

    Columns of its row are attributes (``episode.total_reward``, ``episode.task_id``). Arrays are read from
    disk when they are first asked for; what the level did not store raises NotRecordedError, never zeros.

    Args:
        row: the episode's row.
        sources: its stored steps, in order.
    """

    def __init__(self, row: EpisodeRow, sources: Sequence[StepSource]):
        self.row = row
        self._sources = list(sources)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.row, name)

    def __len__(self) -> int:
        return int(self.row.total_steps)

    def __repr__(self) -> str:
        row = self.row
        return (
            f"EpisodeData(episode={row.episode}, task_id={row.task_id!r}, total_steps={row.total_steps}, "
            f"stored_steps={row.stored_steps}, total_reward={row.total_reward:.6g}, ended={row.ended!r})"
        )

    @cached_property
    def step(self) -> np.ndarray:
        """Index in the episode of every stored step, int64[n]."""
        if not self._sources:
            return np.zeros(0, np.int64)
        return np.concatenate([source.steps for source in self._sources])

    @property
    def complete(self) -> bool:
        """Whether every step from reset to end is stored."""
        return bool(self.row.complete)

    @property
    def contiguous(self) -> bool:
        """Whether every step that happened is stored, also in an episode that was cut."""
        return 0 < len(self.step) == self.row.total_steps

    @cached_property
    def reward(self) -> np.ndarray:
        """Reward of every stored step, [n] in the dtype of the program."""
        return self._scalars("reward")[()]

    @cached_property
    def terminated(self) -> np.ndarray:
        """bool[n]."""
        return self._flag("terminated")

    @cached_property
    def truncated(self) -> np.ndarray:
        """bool[n]; False throughout when the program gave none."""
        return self._flag("truncated")

    @cached_property
    def mark(self) -> np.ndarray:
        """bool[n]; False throughout when the program gave none."""
        return self._flag("mark")

    @cached_property
    def step_success(self) -> np.ndarray:
        """bool[n]: the steps that say success; ``success`` is the episode's."""
        return self._flag("success")

    @property
    def success_known(self) -> bool:
        """Whether the program says which episodes succeed; without it ``success`` is False."""
        return any(source.layout.has("success") for source in self._sources)

    @cached_property
    def metrics(self) -> dict[str, np.ndarray]:
        """Metrics of every stored step, [n] each, by name."""
        return {str(path[0]): values for path, values in self._scalars("metrics").items()}

    @cached_property
    def labels(self) -> dict[str, np.ndarray]:
        """Labels of every stored step, [n] each, by name."""
        return {str(path[0]): values for path, values in self._scalars("labels").items()}

    @cached_property
    def observation(self) -> Any:
        """Observations: [T+1, …] with the true last one when every step is stored, else one a stored step.

        T+1 needs a ``next_observation`` in the Step; without one ``last_observation_lost`` is set and there
        are T.
        """
        with_last = self.contiguous and not self.row.last_observation_lost
        leaves: dict[Any, list[np.ndarray]] = {}
        sources = self._recorded("observation")
        for source in sources:
            before, after = source.observation_rows()
            rows = np.append(before, after[-1]) if with_last and source is sources[-1] else before
            for index, field in enumerate(source.layout.rows):
                if field.role == "observation":
                    leaves.setdefault(field.path, []).append(source.observations(index, rows))
        return unflatten([(path, np.concatenate(parts)) for path, parts in leaves.items()])

    @cached_property
    def next_observation(self) -> Any:
        """The observation after every stored step, [n, …]."""
        sources = self._recorded("observation")
        leaves: dict[Any, list[np.ndarray]] = {}
        for source in sources:
            after = source.observation_rows()[1]
            if (after < 0).any():
                raise NotRecordedError(
                    "next_observation was not recorded: the program gave none (Step.next_observation)"
                )
            for index, field in enumerate(source.layout.rows):
                if field.role == "observation":
                    leaves.setdefault(field.path, []).append(source.observations(index, after))
        return unflatten([(path, np.concatenate(parts)) for path, parts in leaves.items()])

    @cached_property
    def action(self) -> Any:
        """Actions, a tree of [n, …]."""
        return self._tree("action")

    @cached_property
    def info(self) -> Any:
        """Whatever the program gave as ``info``, a tree of [n, …]."""
        return self._tree("info")

    @cached_property
    def state(self) -> Any:
        """Environment states before the actions, a tree of [n, …]; level ``full`` only."""
        return self._tree("state")

    @cached_property
    def key(self) -> Any:
        """PRNG keys of the steps; typed keys as their uint32 words [n, …]."""
        return self._tree("key")

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The arrays that are constant over the episode (``Step.episode``), by name."""
        leaves = []
        for source in self._recorded("episode")[:1]:
            for index, field in enumerate(source.layout.rows):
                if field.role == "episode":
                    leaves.append((field.path, source.field(index)[0]))
        return unflatten(leaves)

    def has(self, role: str) -> bool:
        """Say whether a part of the steps was recorded (``observation``, ``state``, …)."""
        return any(field.role == role for source in self._sources for field in source.layout.rows)

    def _recorded(self, role: str) -> list[StepSource]:
        if not self._sources:
            raise NotRecordedError(
                f"episode {self.row.episode} has no stored steps, only its row: its environment was not "
                f"selected (capture.envs), no rule kept it (capture.keep), "
                f"or the level was minimal (capture.level)"
            )
        if not self.has(role):
            if role in _LEVEL_OF_ROLE:
                way_out = f"capture.level={_LEVEL_OF_ROLE[role]} records it"
            else:
                way_out = f"give it to the Step: Step({role}=…)"
            raise NotRecordedError(f"{role} was not recorded in episode {self.row.episode}; {way_out}")
        return [s for s in self._sources if any(field.role == role for field in s.layout.rows)]

    def _tree(self, role: str) -> Any:
        leaves: dict[Any, list[np.ndarray]] = {}
        for source in self._recorded(role):
            for index, field in enumerate(source.layout.rows):
                if field.role == role:
                    leaves.setdefault(field.path, []).append(source.field(index))
        return unflatten([(path, np.concatenate(parts)) for path, parts in leaves.items()])

    def _flag(self, name: str) -> np.ndarray:
        parts = [
            source.column(name)
            if name == "terminated" or source.layout.has(name)
            else np.zeros(len(source.steps), bool)
            for source in self._sources
        ]
        return np.concatenate(parts) if parts else np.zeros(0, bool)

    def _scalars(self, role: str) -> dict[Any, np.ndarray]:
        if not self._sources:
            self._recorded(role)
        leaves: dict[Any, list[np.ndarray]] = {}
        for source in self._sources:
            for index, field in enumerate(source.layout.scalars):
                if field.role == role:
                    leaves.setdefault(field.path, []).append(source.scalar(index))
        return {path: np.concatenate(parts) for path, parts in leaves.items()}
