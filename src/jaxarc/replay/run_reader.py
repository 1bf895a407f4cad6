"""RunReader: a run's rows, episodes and events, read as far as they are committed. Needs no JAX."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import DamagedFileError, EpisodeNotFoundError, NotRecordedError, StorageError
from jaxarc.records.events import Event
from jaxarc.records.notes import Note
from jaxarc.records.table import EpisodeRow
from jaxarc.replay.addresses import EpisodeAddress, address_of, shown_address
from jaxarc.replay.annotated import annotated
from jaxarc.replay.episode import ReplayEpisode
from jaxarc.replay.followed_steps import FollowedSteps
from jaxarc.replay.run_rows import RunRows
from jaxarc.replay.run_table import RunTable
from jaxarc.replay.superseded import resumes_of
from jaxarc.storage import (
    Annotations,
    RunIndex,
    StoredSteps,
    annotation_files,
    continued_in,
    derive_status,
    document_path,
    load_index,
    read_events,
    read_open_rows,
    read_run_file,
    run_file_problem,
    write_index,
    writer_name,
    writer_number,
)

__all__ = ["RunReader"]


class RunReader:
    """One run on disk: its episodes, events and status. A running run can be opened; ``refresh`` reads on.

    Args:
        run_dir: the run's directory.
        include_hidden: whether episodes that a later attempt recorded again are among the rows, which have a
            column ``hidden`` then. They can be loaded in any case.
    """

    def __init__(self, run_dir: str | os.PathLike[str], *, include_hidden: bool = False):
        self.run_dir = Path(run_dir)
        self._include_hidden = include_hidden
        self._known: RunIndex | None = None
        self.annotations = Annotations(self.run_dir)
        self.refresh()

    def refresh(self) -> None:
        """Read what was committed since the run was opened."""
        self._run_file_problems: list[DamagedFileError] = []
        try:
            self.info: dict[str, Any] = read_run_file(self.run_dir)
        except DamagedFileError as error:
            # What it says is derived: the segments hold every episode without it.
            self.info = {"run_id": self.run_dir.name, "status": "LOST"}
            self._run_file_problems.append(error)
        else:
            if (problem := run_file_problem(self.run_dir, self.info)) is not None:
                self._run_file_problems.append(problem)
        # First what is open: of an episode that ends in between there are both rows, and the last one counts.
        open_rows, self._open_problems = read_open_rows(self.run_dir)
        self._index = self._known = load_index(self.run_dir, self._known)
        is_running = self.status == "RUNNING"
        if self._index.is_behind and not is_running:
            with suppress(StorageError):  # it is derived: who may not write reads without it
                write_index(self.run_dir, self._index)
        self._rows = RunRows(
            self.run_dir,
            self._index,
            open_rows,
            resumes_of(self.run_dir),
            is_running=is_running,
            include_hidden=self._include_hidden,
        )

    def __repr__(self) -> str:
        problems = f", problems={len(self.problems)}" if self.problems else ""
        return f"{type(self).__name__}({self.name!r}, status={self.status!r}, episodes={len(self)}{problems})"

    def _repr_html_(self) -> str:
        from jaxarc.replay.run_display import run_html

        return run_html(self)

    def __len__(self) -> int:
        return len(self._rows.table)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows.table)

    @property
    def name(self) -> str:
        """The run's name, which is its directory's."""
        return self.run_dir.name

    @property
    def continued_in(self) -> Path | None:
        """The run in which this one goes on, where its directory could not be written any more."""
        return None if self.status in ("FINISHED", "FAILED", "KILLED") else continued_in(self.run_dir)

    @property
    def status(self) -> str:
        """RUNNING, FINISHED, FAILED, KILLED, or LOST: nobody writes it, or ``run.json`` does not say."""
        return derive_status(self.run_dir, self.info)

    @property
    def problems(self) -> tuple[DamagedFileError, ...]:
        """Files that could not be read and episodes that are missing; everything else is there."""
        return (
            *self._run_file_problems,
            *self._open_problems,
            *self._index.problems,
            *self._missing_episodes(),
            *self._missing_events(),
        )

    def _lost_rows(self) -> list[DamagedFileError]:
        """Return the problems that can cost episodes: those of segments, or of a ``run.json`` without any."""
        steps = self.run_dir / "steps"
        lost = [problem for problem in self.problems if steps in (problem.path, problem.path.parent)]
        return lost or list(() if len(self) else self.problems)

    def _missing_episodes(self) -> Iterator[DamagedFileError]:
        """Yield a problem where an ended run, or its repair, counted more episodes than its segments hold."""
        counted = self.info.get("episodes")  # written when the run ends
        by_writer = self.info.get("episodes_by_writer")  # where it had several
        expected = dict(by_writer) if isinstance(by_writer, dict) else {self.info.get("writer"): counted}
        repaired = self.info.get("repaired")  # says what is lost for good
        if isinstance(repaired, dict) and "episodes_left" in repaired:
            expected = {None: repaired["episodes_left"]}
        for name, count in expected.items():
            held = self._index.num_rows(None if name is None else writer_number(str(name)))
            if isinstance(count, int) and held < count:
                of_writer = f" of writer {name}" if len(expected) > 1 else ""
                yield DamagedFileError(
                    self.run_dir / "steps",
                    f"the segments that can be read hold {held} episodes{of_writer}, run.json counted "
                    f"{count}; segments are missing or damaged, or were never written",
                )

    def _missing_events(self) -> Iterator[DamagedFileError]:
        """Yield a problem where the writer that ``run.json`` names left no events: it begins with one."""
        writer = self.info.get("writer")
        if isinstance(writer, str) and not any((self.run_dir / "events").glob("p*.jsonl")):
            yield DamagedFileError(
                self.run_dir / "events",
                "holds no event file: what was logged, pinned and noted is gone; the episodes are not",
            )

    def episodes(
        self, where: str | None = None, sort: str | Sequence[str] | None = None, limit: int | None = None
    ) -> RunTable:
        """Return episode rows: a table to iterate over, a column a NumPy array (``table["total_reward"]``).

        It shows itself in a notebook; ``to_pandas()`` and ``to_arrow()`` make tables of other libraries.

        Args:
            where: which rows, such as ``"success and total_steps < 40 and task_id == '007bbfb7'"``;
                ``docs/replay.md`` has the language.
            sort: columns to sort by, such as ``"-total_reward"``.
            limit: the most rows to return; None for all.

        Raises:
            QueryError: the expression cannot be understood; the message shows the place. Or ``limit`` is no
                number of rows.
        """
        return self.annotated_rows(f"{where} {sort}").choose(where, sort, limit)

    def annotated_rows(self, asked: str = "") -> RunTable:
        """Return all rows, with the columns ``pinned`` and ``notes`` where these say something.

        Args:
            asked: the expressions that the rows are for: who asks for these columns gets them.
        """
        rows = self._rows.table
        columns = annotated(rows.columns, self.annotations, asked)
        return RunTable(columns, "episode", f"{self.name} ({self.status})", len(rows))

    def notes(self, episode: EpisodeAddress | None = None) -> list[Note]:
        """Return the notes that people wrote about the run, its episodes and steps, the oldest first.

        Args:
            episode: only those about this episode.

        Raises:
            EpisodeNotFoundError: it is no address of an episode.
        """
        found = self.annotations.notes()
        if episode is None:
            return found
        about = self.resolve(episode)
        return [note for note in found if (note.writer, note.episode) == about]

    def pinned(self) -> list[tuple[int, int]]:
        """Return writer and number of the episodes that somebody pinned."""
        return sorted(self.annotations.pinned())

    def resolve(self, episode: EpisodeAddress, *, writer: int = 0) -> tuple[int, int]:
        """Return writer and number of the episode that is meant; loading it says whether it exists.

        Args:
            episode: its number (``7``), its name (``"p001-7"``, or as its folder has it:
                ``"p001-episode_0007"``), a row of `episodes`, a loaded episode, or writer and number.
            writer: the process that recorded it, where the address says none.

        Raises:
            EpisodeNotFoundError: it is no address of an episode, or an episode of another run.
        """
        return address_of(episode, writer, self.run_dir)

    def load_episode(self, episode: EpisodeAddress, *, writer: int = 0) -> ReplayEpisode:
        """Return one episode; its arrays are read when they are asked for.

        Args:
            episode: its number, name or row, as for `resolve`.
            writer: the process that recorded it, where several wrote the run and the address says none.

        Raises:
            EpisodeNotFoundError: there is no such episode.
            DamagedFileError: the segment that holds its steps cannot be read.
        """
        writer, number = self.resolve(episode, writer=writer)
        try:
            return self._load(number, writer)
        except DamagedFileError as error:
            if error.path.exists() and error.path.is_file():
                raise
        self.refresh()  # a segment was rewritten since the run was read
        return self._load(number, writer)

    def _there(self, writer: int, episode: int) -> EpisodeRow:
        """Return the row of an episode, or say which there are."""
        row = self._rows.row(writer, episode)
        if row is None:
            last = self._rows.last_episode(writer)
            held = f"0 to {last}" if last >= 0 else "none"
            lost = self._lost_rows()
            damaged = f" that can be read; damaged: {lost[0]}" if lost else ""
            of_writer = f" of writer {writer_name(writer)}" if writer else ""
            raise EpisodeNotFoundError(
                f"run {self.name} has no episode {episode}{of_writer}; it has {held}{damaged}"
                f"{self._of_others(writer, episode)}"
            )
        return row

    def _load(self, episode: int, writer: int) -> ReplayEpisode:
        row = self._there(writer, episode)
        if not row.stored_steps:
            return ReplayEpisode(self.run_dir, row, [], why_empty=lambda: self._why_dropped(writer, episode))
        stored = self._index.stored_steps(self.run_dir, writer, int(row.uid))
        again = partial(self._stored_now, writer, episode, int(row.uid))
        found = ReplayEpisode(self.run_dir, row, [FollowedSteps(source, again) for source in stored])
        if found.num_stored_steps < row.stored_steps:
            lost = self._lost_rows()
            damaged = f": {lost[0]}" if lost else ""
            raise DamagedFileError(
                self.run_dir / "steps",
                f"episode {episode} has {row.stored_steps} stored steps, {found.num_stored_steps} can be "
                f"read{damaged}",
            )
        return found

    def _stored_now(self, writer: int, episode: int, uid: int) -> list[StoredSteps]:
        """Return the stored steps of an episode as they lie now; the rows stay as they were read."""
        self._known = load_index(self.run_dir, self._known)
        found = self._known.stored_steps(self.run_dir, writer, uid)
        if not found and (why := self._why_dropped(writer, episode)):
            raise NotRecordedError(f"the steps of episode {episode} are not there any more: {why}")
        return found

    def _of_others(self, writer: int, episode: int) -> str:
        """Return which other writers have an episode of this number."""
        table = self._rows.table
        others = np.unique(table["writer"][table["episode"] == episode]).tolist()
        names = [repr(shown_address(other, episode)) for other in others if other != writer]
        return f"; did you mean {', '.join(names[:3])}?" if names else ""

    def _why_dropped(self, writer: int, episode: int) -> str:
        """Say whether retention dropped the steps of an episode, and by which rule."""
        for event in self.events("tombstone"):
            if [writer, episode] in _pairs(event.payload.get("episodes")):
                policy, reason = (str(event.payload.get(key, "")) for key in ("policy", "reason"))
                return f"dropped by retention ({policy}: {reason}); its row stays"
        return ""

    def task(self, task_id: str) -> dict[str, Any] | None:
        """Return the document that was stored for a task (its pairs), or None."""
        path = document_path(self.run_dir, "tasks", task_id)
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_bytes())
        except ValueError as error:
            raise DamagedFileError(path, f"is no JSON ({error})") from error

    def events(
        self, type: str | None = None, *, problems: list[DamagedFileError] | None = None
    ) -> Iterator[Event]:
        """Yield the run's events in the order in which each writer wrote them, or those of one type.

        Those of the run's writers come first, then what people added: pins and notes.

        Args:
            type: only these; None for all.
            problems: collects one for every line that cannot be read.
        """
        for path in [*sorted((self.run_dir / "events").glob("p*.jsonl")), *annotation_files(self.run_dir)]:
            for event in read_events(path, problems, types=None if type is None else [type]):
                if type is None or event.type == type:
                    yield event


def _pairs(episodes: object) -> list[list[int]]:
    """Return the episodes that an event names, as [writer, number]."""
    found = []
    for pair in episodes if isinstance(episodes, list) else []:
        if isinstance(pair, list) and len(pair) == 2:
            writer = writer_number(pair[0]) if isinstance(pair[0], str) else pair[0]
            found.append([writer, pair[1]])
    return found
