"""Several runs opened as one: their episodes in one table, with the run that each is of."""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from jaxarc.errors import DamagedFileError, EpisodeNotFoundError, RunNotFoundError, closest
from jaxarc.records.events import Event
from jaxarc.records.lazy_columns import DerivedColumns, JoinedColumns, LazyColumns
from jaxarc.records.table import encode_text
from jaxarc.replay.addresses import EpisodeAddress, address_of, row_of, shown_argument
from jaxarc.replay.episode import ReplayEpisode
from jaxarc.replay.run_table import RunTable
from jaxarc.replay.system import DEFAULT_ROOT, ReplaySystem
from jaxarc.storage import find_runs, resolve_run

if TYPE_CHECKING:
    from jaxarc.replay.aggregate import Aggregate
    from jaxarc.replay.known_success import KnownSuccess
    from jaxarc.replay.leaderboard import Leaderboard
    from jaxarc.replay.task_table import TaskTable

__all__ = ["RunName", "Runs", "open_runs"]

RunName: TypeAlias = str | os.PathLike[str]


@overload
def open_runs(name: RunName = "latest", root: RunName | None = None) -> ReplaySystem: ...
@overload
def open_runs(name: Sequence[RunName], root: RunName | None = None) -> Runs: ...
def open_runs(name: Any = "latest", root: RunName | None = None) -> Any:
    """Open a run, or several: ``jaxarc.open("latest")``, ``jaxarc.open(["first", "second"])``.

    Args:
        name: a path, a run's name or the beginning of one, ``latest``, or ``latest~1`` for the one before: a
            ReplaySystem is opened. A list of them, or a pattern with ``*`` for names below the root or for
            paths: all of these are opened, as `Runs`.
        root: where runs are looked for; None for ``JAXARC_OUTPUT_DIR``, or ``outputs/episodes``.

    Raises:
        RunNotFoundError: none or several runs answer to a name, or none to a pattern; the closest are listed.
    """
    base = Path(root if root is not None else os.environ.get("JAXARC_OUTPUT_DIR", DEFAULT_ROOT)).expanduser()
    if isinstance(name, (str, os.PathLike)):
        if not _is_pattern(name):
            return ReplaySystem(resolve_run(name, base))
        names: list[Any] = [name]
    else:
        names = list(name) if isinstance(name, Iterable) and not isinstance(name, bytes) else [name]
    for each in names:
        if not isinstance(each, (str, os.PathLike)):
            raise RunNotFoundError(f"{each!r} names no run; give a path, a run's name, or latest")
    found: dict[Path, None] = {}
    for each in names:
        matching = _matching(os.fspath(each), base) if _is_pattern(each) else [resolve_run(each, base)]
        found |= dict.fromkeys(run_dir.resolve() for run_dir in matching)
    return Runs([ReplaySystem(run_dir) for run_dir in found])


def _is_pattern(name: RunName) -> bool:
    return has_magic(os.fspath(name)) and not Path(name).expanduser().exists()


def _matching(pattern: str, root: Path) -> list[Path]:
    """Return the runs that a pattern means: of names below the root, or of paths where it has a slash."""
    if os.sep in pattern:
        paths = sorted(glob(os.path.expanduser(pattern)))
        found = [run for path in paths if os.path.isdir(path) for run in find_runs(Path(path))]
        if not found:
            raise RunNotFoundError(f"no run has a path like {pattern}")
        return found
    runs = find_runs(root) if root.is_dir() else []
    found = [run for run in runs if fnmatch.fnmatchcase(run.name, pattern)]
    if not found:
        near = closest(pattern.replace("*", ""), [run.name for run in runs])
        raise RunNotFoundError(f"no run below {root} has a name like {pattern}{near}")
    return found


class Runs(Sequence[ReplaySystem]):
    """Several runs, asked as one. Running ones can be among them; ``refresh`` reads on.

    ``runs[0]`` and ``runs["name"]`` are single runs, which answer what is asked of one. Where two runs have
    directories of the same name, their names here begin with their experiment's.

    Args:
        runs: the runs.
    """

    def __init__(self, runs: Sequence[ReplaySystem]):
        self._runs = tuple(runs)
        self.names: tuple[str, ...] = _names([run.run_dir for run in self._runs])
        """A name for each run that no other has."""

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[ReplaySystem]:
        return iter(self._runs)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Runs(self._runs[index])
        if not isinstance(index, str):
            return self._runs[index]
        begins = [number for number, name in enumerate(self.names) if name.startswith(index)]
        exact = [number for number in begins if self.names[number] == index] or begins
        if len(exact) != 1:
            problem = "is the beginning of several" if exact else "is none"
            near = closest(index, self.names)
            raise RunNotFoundError(f"{index!r} {problem} of these runs: {', '.join(self.names)}{near}")
        return self._runs[exact[0]]

    def __repr__(self) -> str:
        lines = [f"{name}  {run.status}  {len(run):,} episodes" for name, run in self._pairs()]
        return "\n".join([f"Runs({len(self)})", *(f"  {line}" for line in lines)])

    def _repr_html_(self) -> str:
        from jaxarc.replay.run_display import runs_html

        return runs_html(self._runs)

    def refresh(self) -> None:
        """Read what was committed since the runs were opened."""
        for run in self._runs:
            run.refresh()

    @property
    def problems(self) -> tuple[DamagedFileError, ...]:
        """Files of any of the runs that could not be read; everything else is there."""
        return tuple(problem for run in self._runs for problem in run.problems)

    def events(self, type: str | None = None) -> Iterator[Event]:
        """Yield the events of the runs, one run after the other."""
        for run in self._runs:
            yield from run.events(type)

    def episodes(
        self, where: str | None = None, sort: str | Sequence[str] | None = None, limit: int | None = None
    ) -> RunTable:
        """Return the episodes of all runs in one table, with a column ``run``: the name of each one's run.

        What only some of the runs have (a metric, a label) is NaN, -1, False or empty in the others.

        Args:
            where, sort, limit: as for ``ReplaySystem.episodes``: ``"run like '*-lr3' and success"``.

        Raises:
            QueryError: an expression cannot be understood; the message shows the place.
        """
        sources = []
        for name, run in self._pairs():
            source, named = run.annotated_rows(f"{where} {sort}").source, encode_text([name])
            sources.append(DerivedColumns(source, {"run": (named.dtype, "episode", _constant(named))}))
        columns = LazyColumns(JoinedColumns(sources)) if sources else {}
        total = sum(len(run) for run in self._runs)
        return RunTable(columns, "episode", f"{len(self)} runs", total).choose(where, sort, limit)

    def resolve(self, episode: Any) -> tuple[ReplaySystem, int, int]:
        """Return run, writer and number of an episode.

        Args:
            episode: ``"run:7"`` or ``"run:p001-7"``, a row of `episodes`, or a loaded episode.

        Raises:
            EpisodeNotFoundError: it does not say which run, or is no address of an episode.
            RunNotFoundError: the run is none of these.
        """
        if isinstance(episode, str) and ":" in episode:
            name, _, number = episode.rpartition(":")
            return self[name], *address_of(number)
        row = row_of(episode)
        if row is not None and "run" in row:
            return self[str(row["run"])], *address_of(row)
        if isinstance(episode, ReplayEpisode):
            for run in self._runs:
                if run.run_dir.resolve() == episode.run_dir.resolve():
                    return run, *address_of(episode)
        example = f"{self.names[0]}:7" if self.names else "run:7"
        raise EpisodeNotFoundError(
            f"{shown_argument(episode)} does not say which of the {len(self)} runs it is of; write "
            f"{example!r}, or give a row of episodes()"
        )

    def load_episode(self, episode: EpisodeAddress) -> ReplayEpisode:
        """Return one episode; its arrays are read when they are asked for.

        Args:
            episode: ``"run:7"`` or ``"run:p001-7"``, or a row of `episodes`.

        Raises:
            EpisodeNotFoundError: there is no such episode.
            RunNotFoundError: the run is none of these.
            DamagedFileError: the segment that holds its steps cannot be read.
        """
        run, writer, number = self.resolve(episode)
        return run.load_episode(number, writer=writer)

    def aggregate(
        self, metric: str = "total_reward", by: str = "run,member", where: str | None = None, **options: Any
    ) -> Aggregate:
        """Return one number for how well the runs did on all tasks, and how sure it is.

        Args:
            metric: the column that is the score.
            by: the columns that tell apart what is independent of each other: runs and their members.
            where: which episodes count.
            **options: ``of, confidence, reps, seed, last, gamma`` of ``ReplaySystem.aggregate``.

        Raises:
            NotRecordedError, QueryError, ReplayError: as for ``ReplaySystem.aggregate``.
        """
        from jaxarc.replay.aggregate import aggregate_of_rows

        chosen = {"of": "iqm", "confidence": 0.95, "reps": 2000, "seed": 0, "last": None, **options}
        table, title = self.episodes(where), f"{len(self)} runs"
        return aggregate_of_rows(table, self._known_success(), title, metric=metric, by=by, **chosen)

    def leaderboard(
        self,
        metric: str,
        *,
        direction: str | None = None,
        of: str | None = None,
        where: str | None = None,
        limit: int | None = None,
        baseline: str | ReplaySystem | None = None,
    ) -> Leaderboard:
        """Rank the runs by a metric: ``jaxarc.open("*").leaderboard("eval/return").best``.

        Args:
            metric: the metric; ``loss[phase=val]`` for one of several series.
            direction: ``minimize`` or ``maximize``; None for what the runs declare.
            of: what of the series counts, as for ``ReplaySystem.gate``; None for what each run says.
            where: which runs, by what they say: ``"params.lr < 0.01 and status == 'FINISHED'"``.
            limit: the most runs; None for all.
            baseline: a run, or its name, that the others are compared with.

        Raises:
            QueryError: an expression cannot be understood, no run has the metric, or nobody declared which
                way it gets better.
            RunNotFoundError: there is no such baseline.
        """
        from jaxarc.replay.baseline import baseline_run_dir
        from jaxarc.replay.leaderboard import leaderboard_of

        against = None
        if baseline is not None:
            is_run = isinstance(baseline, ReplaySystem)
            against = baseline.run_dir if is_run else baseline_run_dir(baseline, self._runs[0])
        options = {"direction": direction, "of": of, "where": where, "limit": limit}
        return leaderboard_of([run.run_dir for run in self._runs], metric, **options, baseline=against)

    def best(self, metric: str, **options: Any) -> ReplaySystem:
        """Return the run with the best value of a metric.

        Args:
            metric: the metric.
            **options: as for `leaderboard`.

        Raises:
            QueryError: as for `leaderboard`, or no run has a finite value.
        """
        return ReplaySystem(self.leaderboard(metric, **options).best.run_dir)

    def tasks(
        self, where: str | None = None, sort: str | None = None, *, having: str | None = None
    ) -> TaskTable:
        """Return what became of each task over all runs; ``first_solved_run`` and ``last_run`` say where.

        Args:
            where, sort, having: as for ``ReplaySystem.tasks``.

        Raises:
            QueryError: an expression cannot be understood.
        """
        from jaxarc.replay.task_table import tasks_of_rows

        return tasks_of_rows(self.episodes(where), self._known_success(), sort, having)

    def _pairs(self) -> Iterator[tuple[str, ReplaySystem]]:
        return zip(self.names, self._runs, strict=True)

    def _known_success(self) -> KnownSuccess:
        """Return of which streams of which runs it is known which episodes succeed."""
        from jaxarc.replay.known_success import KnownSuccess, streams_that_say_success

        known = {name.encode(): streams_that_say_success(run, run.episodes()) for name, run in self._pairs()}
        return KnownSuccess(by_run=known)


def _constant(value: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda column: np.repeat(value, len(column))


def _names(run_dirs: Sequence[Path]) -> tuple[str, ...]:
    """Return the directories' names, with as much of what is above as tells them apart."""
    for depth in range(1, 8):
        names = ["/".join(run_dir.parts[-depth:]) for run_dir in run_dirs]
        if max(Counter(names).values(), default=1) == 1:
            return tuple(names)
    return tuple(map(str, run_dirs))
