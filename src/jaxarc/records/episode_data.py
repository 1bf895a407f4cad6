"""EpisodeData: one episode as arrays, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np

from jaxarc.errors import NotRecordedError
from jaxarc.records.journal import Journal
from jaxarc.records.layout import Field, unflatten
from jaxarc.records.missing_parts import missing_parts
from jaxarc.records.step_sources import StepSource, StepSources
from jaxarc.records.table import EpisodeRow

__all__ = ["EpisodeData"]


class EpisodeData:
    """One recorded episode.

    Columns of its row are attributes (``episode.total_reward``, ``episode.task_id``). Arrays are read from
    disk when they are first asked for; what the level did not store raises NotRecordedError, never zeros.

    ``step`` says which steps are stored; ``observation``, ``action``, ``reward`` and the rest have one entry
    for each of them. Where a journal is all there is (``capture.journal``), these are the steps of the
    journal, which hold no observations. `journal` has the action, key and hashes of every step, beside a
    few key steps as well.

    Args:
        row: the episode's row.
        sources: everything that is stored of it: steps, journal and keyframes.
        why_empty: says why there is nothing, where more is known than that; asked when it matters.
    """

    def __init__(
        self, row: EpisodeRow, sources: Iterable[StepSource], *, why_empty: Callable[[], str] | None = None
    ):
        self.row = row
        self._why_empty = why_empty
        # Of an episode that was open at its last commit more steps may lie there than its row knows of.
        everything = StepSources(sources).before(int(row.total_steps))
        steps, journal = everything.of_kind("steps"), everything.of_kind("journal")
        self._everything = everything
        self._sources = steps or journal

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.row, name)

    def __len__(self) -> int:
        return int(self.row.total_steps)

    def __repr__(self) -> str:
        row = self.row
        ended = f"{row.ended!r}, last_observation_lost=True" if row.last_observation_lost else repr(row.ended)
        return (
            f"EpisodeData(episode={row.episode}, task_id={row.task_id!r}, total_steps={row.total_steps}, "
            f"stored_steps={row.stored_steps}, total_reward={row.total_reward:.6g}, ended={ended})"
        )

    @cached_property
    def step(self) -> np.ndarray:
        """Index in the episode of every stored step, int64[n]."""
        return self._sources.step

    def steps_at(self, positions: Any) -> EpisodeData:
        """Return the episode with some of its stored steps only: what is read of it is theirs alone.

        For who shows a few of ten thousand steps: ``episode.steps_at([0, 500]).observation`` reads two
        observations. What is returned has these steps alone, so it is not ``contiguous`` unless they are all;
        its row, constants and journal are those of the whole episode.

        Args:
            positions: positions among the stored steps (of ``step``), in any order; each counts once.

        Raises:
            IndexError: a position is none of the stored steps.
        """
        chosen = np.unique(self.step[np.asarray(positions, np.int64).ravel()])
        view = EpisodeData(self.row, (), why_empty=self._why_empty)
        view._everything = self._everything
        view._sources = self._sources.among(chosen)
        return view

    @property
    def num_stored_steps(self) -> int:
        """Steps that are stored, as steps or in the journal."""
        return len(self._everything.of_kind("steps", "journal"))

    @property
    def complete(self) -> bool:
        """Whether every step from reset to end is stored, as a step or in the journal."""
        return bool(self.row.complete)

    @property
    def contiguous(self) -> bool:
        """Whether ``step`` has every step that happened, also in an episode that was cut."""
        return 0 < len(self.step) == self.row.total_steps

    @property
    def missing(self) -> tuple[str, ...]:
        """What is missing of the episode, in sentences: it still runs, was cut, lost its last frame, …"""
        return missing_parts(self)

    @cached_property
    def reward(self) -> np.ndarray:
        """Reward of every stored step, [n] in the dtype of the program."""
        self._stored("reward")
        return self._sources.scalars("reward")[()]

    @cached_property
    def terminated(self) -> np.ndarray:
        """bool[n]."""
        return self._sources.flag("terminated")

    @cached_property
    def truncated(self) -> np.ndarray:
        """bool[n]; False throughout when the program gave none."""
        return self._sources.flag("truncated")

    @cached_property
    def mark(self) -> np.ndarray:
        """bool[n]; False throughout when the program gave none."""
        return self._sources.flag("mark")

    @cached_property
    def step_success(self) -> np.ndarray:
        """bool[n]: the steps that say success; ``success`` is the episode's."""
        return self._sources.flag("success")

    @property
    def success_known(self) -> bool:
        """Whether the program says which episodes succeed; without it ``success`` is False."""
        return self._sources.given("success")

    @cached_property
    def metrics(self) -> dict[str, np.ndarray]:
        """Metrics of every stored step, [n] each, by name."""
        self._stored("metrics")
        return {str(path[0]): values for path, values in self._sources.scalars("metrics").items()}

    @cached_property
    def labels(self) -> dict[str, np.ndarray]:
        """Labels of every stored step, [n] each, by name."""
        self._stored("labels")
        return {str(path[0]): values for path, values in self._sources.scalars("labels").items()}

    @cached_property
    def observation(self) -> Any:
        """Observations: [T+1, …] with the true last one when every step is stored, else one a stored step.

        T+1 needs a ``next_observation`` in the Step; without one ``last_observation_lost`` is set and there
        are T.
        """
        with_last = self.contiguous and not self.row.last_observation_lost
        leaves: dict[Any, list[np.ndarray]] = {}
        sources = list(self._recorded("observation"))
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

    @property
    def records_states(self) -> bool:
        """Whether every stored step has its state, as at level ``full``."""
        return self._sources.has("state")

    @property
    def state_hash(self) -> Any:
        """Hash of every leaf of the states, of all steps of the journal: `journal.state_hash`."""
        return self.journal.state_hash

    @property
    def keyframe(self) -> Any:
        """States that were recorded for re-simulation, a tree of [m, …]: `journal.keyframe`."""
        return self.journal.keyframe

    @property
    def keyframe_step(self) -> np.ndarray:
        """Index in the episode of every keyframe, int64[m]: `journal.keyframe_step`."""
        return self.journal.keyframe_step

    @cached_property
    def journal(self) -> Journal:
        """Actions, keys and hashes of every step, and keyframes: what `resimulate` needs."""
        return Journal(self.row, self._everything)

    @cached_property
    def key(self) -> Any:
        """PRNG keys of the steps; typed keys as their uint32 words [n, …]."""
        return self._tree("key")

    @cached_property
    def constants(self) -> dict[str, Any]:
        """The arrays that are constant over the episode (``Step.episode``), by name."""
        leaves = []
        for source in list(self._recorded("episode"))[:1]:
            for index, field in enumerate(source.layout.rows):
                if field.role == "episode":
                    leaves.append((field.path, source.field(index)[0]))
        return unflatten(leaves)

    def has(self, role: str) -> bool:
        """Say whether a part of the steps was recorded (``observation``, ``state_hash``, ``keyframe``, …)."""
        return self._sources.has(role) or self.journal.has(role)

    def given(self, part: str) -> bool:
        """Say whether the program filled an optional part of its Steps (``truncated``, ``mark``, …)."""
        return self._sources.given(part)

    def fields(self, role: str) -> tuple[Field, ...]:
        """Return the leaves of a part of the steps as the program had them: dtypes, shapes, kinds of keys."""
        return self._sources.fields(role) or self.journal.fields(role)

    def _stored(self, role: str) -> None:
        if not self._sources:
            why = self._why_empty() if self._why_empty is not None else ""
            if why:
                raise NotRecordedError(f"{role} of episode {self.row.episode} is not there: {why}")
            raise NotRecordedError(
                f"{role} was not recorded in episode {self.row.episode}, which has no stored steps, only its "
                f"row: its environment was not selected (capture.envs), no rule kept it (capture.keep), "
                f"or the level was minimal (capture.level)"
            )

    def _recorded(self, role: str) -> StepSources:
        self._stored(role)
        if not self._sources.has(role):
            ways_out = []
            if role in ("observation", "state") and self.journal.has("keyframe"):
                ways_out.append("jaxarc.resimulate(episode, step_fn) rebuilds the states from the journal")
            if role == "state":
                ways_out.append("capture.level=full records it")
            elif all(source.layout.kind == "journal" for source in self._sources):
                ways_out.append("capture.level=verbose records it for the environments of capture.envs")
            else:
                ways_out.append(f"give it to the Step: Step({role}=…)")
            raise NotRecordedError(
                f"{role} was not recorded in episode {self.row.episode}; {', and '.join(ways_out)}"
            )
        return self._sources.with_role(role)

    def _tree(self, role: str) -> Any:
        return self._recorded(role).tree(role)
