"""RunQuestions: what can be asked of a run beyond its rows: tasks, differences, causes, aggregates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxarc.replay.run_reader import RunReader

if TYPE_CHECKING:
    from jaxarc.replay.addresses import EpisodeAddress
    from jaxarc.replay.episode_difference import EpisodeDifference
    from jaxarc.replay.task_table import TaskTable

__all__ = ["RunQuestions"]


class RunQuestions(RunReader):
    """A run that is asked questions. Each is answered by a module of its own, imported when it is asked.

    Args:
        run_dir: the run's directory.
        include_hidden: as for RunReader.
    """

    def tasks(
        self, where: str | None = None, sort: str | None = None, *, having: str | None = None
    ) -> TaskTable:
        """Return what became of each task: attempts, successes, the best, and when it was first solved.

        Episodes that are running, or that the end of the recording cut, are attempts and no failures.

        Args:
            where: which episodes count, as for `episodes`: ``"stream == 'eval'"``.
            sort: columns of the tasks to sort by, such as ``"success_rate,-attempts"``; by name without.
            having: which tasks to return, such as ``"solved == 0 and attempts > 10"``.

        Raises:
            QueryError: an expression cannot be understood.
        """
        from jaxarc.replay.task_table import tasks_of

        return tasks_of(self, where, sort, having)

    def diff(self, a: EpisodeAddress, b: EpisodeAddress) -> EpisodeDifference:
        """Return the first step in which two episodes part, and how: printed, it says so in sentences.

        Any observations can be compared, and episodes of which some steps are stored; what cannot be known
        is said.

        Args:
            a, b: numbers or names of episodes, or loaded episodes, also of another run:
                ``run.diff(3, other_run.load_episode(3))``.

        Raises:
            EpisodeNotFoundError: there is no such episode.
        """
        from jaxarc.replay.episode_choice import loaded, names_of
        from jaxarc.replay.episode_difference import difference_between

        pair = loaded(self, a), loaded(self, b)
        return difference_between(*pair, names_of(*pair))
