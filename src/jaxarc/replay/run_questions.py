"""RunQuestions: what can be asked of a run beyond its rows: tasks, differences, causes, aggregates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from jaxarc.errors import DamagedFileError, ReplayError
from jaxarc.replay.run_tracking import RunTracking

if TYPE_CHECKING:
    from jaxarc.replay.addresses import EpisodeAddress
    from jaxarc.replay.aggregate import Aggregate
    from jaxarc.replay.cause_table import CauseTable
    from jaxarc.replay.episode_difference import EpisodeDifference
    from jaxarc.replay.explanation import Explanation
    from jaxarc.replay.picture import Picture
    from jaxarc.replay.step_table import StepTable
    from jaxarc.replay.task_table import TaskTable

__all__ = ["RunQuestions"]


class RunQuestions(RunTracking):
    """A run that is asked questions. Each is answered by a module of its own, imported when it is asked.

    Args:
        run_dir: the run's directory.
        include_hidden: as for RunReader.
    """

    def steps(
        self, where: str | None = None, sort: str | Sequence[str] | None = None, limit: int | None = None
    ) -> StepTable:
        """Return stored steps as rows of a table, of which only what is asked about is read.

        Columns: ``episode, step, writer, stream, member, env_id, update, task_id``, the labels, ``env_step``
        (environment steps of the stream before it), ``reward, terminated, truncated, success, mark``, every
        metric, and the numbers in actions and info (``action.operation``, ``info.value``, ``action[0]``). By
        name there is more: see `StepTable`. What the program did not give, or the level did not store, is
        left out; where only a journal of an episode is stored, its steps are those of the journal.

        Args:
            where: which steps, such as ``"reward > 0 and action.operation == 34 and total_steps < 40"``;
                conditions on columns of episodes choose among episodes before any step is read.
            sort: columns to sort by, such as ``"-reward,step"``; by episode and step without.
            limit: the most steps to return.

        Raises:
            QueryError: an expression cannot be understood; the message shows the place.
            NotRecordedError: it asks for something that was not stored; the message says why.
            DamagedFileError: a segment cannot be read.
        """
        from jaxarc.replay.steps import find_steps

        for is_last in (False, True):
            try:
                return find_steps(
                    self._rows.table,
                    self._index.step_blocks(self.run_dir),
                    origin=f"{self.name} ({self.status})",
                    level=str(self.info.get("level", "")),
                    where=where,
                    sort=sort,
                    limit=limit,
                )
            except DamagedFileError as error:
                if is_last or error.path.exists():
                    raise
            self.refresh()  # a segment was rewritten since the run was read
        raise AssertionError("the second try returns or raises")

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

    def compare(
        self,
        *episodes: EpisodeAddress,
        kind: str = "reward_progression",
        where: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
        palette: str | None = None,
        theme: str | None = None,
    ) -> Picture:
        """Draw episodes side by side: ``run.compare(3, 7, other_run.load_episode(2))``.

        Args:
            *episodes: numbers, names, or loaded episodes, also of other runs; none for those of ``where``.
            kind: ``reward_progression``, ``similarity_progression``, ``outcome_by_task`` or
                ``operations_used``.
            where, sort, limit: which episodes besides, as for `episodes`; of more than 1,000 as many, evenly
                spread, where no limit is given.
            palette, theme: the look; None for that of the run.

        Raises:
            EpisodeNotFoundError: there is no such episode, or none where ``where`` says.
            QueryError: an expression cannot be understood.
            RenderError: an unknown kind or look, or more than 1,000 episodes.
        """
        from jaxarc.replay.run_pictures import comparison_picture

        choice = {"where": where, "sort": sort, "limit": limit}
        return comparison_picture(self, episodes, kind, **choice, palette=palette, theme=theme)

    def alignment(
        self, a: EpisodeAddress, b: EpisodeAddress, *, palette: str | None = None, theme: str | None = None
    ) -> Picture:
        """Draw two episodes step by step, with where they part; `diff` says it in words.

        Args:
            a, b: numbers or names of episodes, or loaded episodes, also of another run.
            palette, theme: the look; None for that of the run.

        Raises:
            EpisodeNotFoundError: there is no such episode.
            NotRecordedError: no steps, or no observations, of an episode are stored.
        """
        from jaxarc.replay.run_pictures import alignment_picture

        return alignment_picture(self, a, b, palette=palette, theme=theme)

    def reel(
        self,
        task: str | None = None,
        by: str = "update",
        *,
        limit: int = 8,
        palette: str | None = None,
        theme: str | None = None,
    ) -> Picture:
        """Draw one task at several points of training, an episode a row.

        Args:
            task: the task; None for the one with the most episodes whose steps are stored.
            by: the column that says how far training was: ``update`` (where it was never given, the number of
                the episode), ``end_step``, ``episode``.
            limit: the most episodes.
            palette, theme: the look; None for that of the run.

        Raises:
            NotRecordedError: the run has no such task, or no task at all.
            RenderError: ``by`` is no column of numbers, or the look does not exist.
        """
        from jaxarc.replay.run_pictures import reel_picture

        return reel_picture(self, task, by, limit, palette=palette, theme=theme)

    @overload
    def explain(self, episode: EpisodeAddress) -> Explanation: ...

    @overload
    def explain(
        self,
        episode: None = None,
        *,
        task: str | None = None,
        where: str | None = None,
        sort: str | None = None,
        limit: int = 200,
    ) -> CauseTable: ...

    def explain(
        self,
        episode: EpisodeAddress | None = None,
        *,
        task: str | None = None,
        where: str | None = None,
        sort: str | None = None,
        limit: int = 200,
    ) -> Explanation | CauseTable:
        """Say why an episode went as it went, or what the unsolved ones have in common.

        ``run.explain(7)`` looks at one: was it submitted, was the best undone, what is wrong with the last
        board, how many steps had no effect, did it go in circles; each with numbers, and with the steps that
        show it. Of solved episodes it says where time was lost. ``run.explain(task="007bbfb7")`` and
        ``run.explain(where="update > 100")`` count the causes over all unsolved episodes that are meant. What
        was not stored cannot be explained, and is named.

        Args:
            episode: its number or name, or a loaded episode; None for several.
            task: the episodes of this task.
            where, sort: which episodes, as for `episodes`.
            limit: the most unsolved episodes to look at; of more as many, evenly spread.

        Raises:
            EpisodeNotFoundError: there is no such episode.
            NotRecordedError: the run has no such task.
            QueryError: an expression cannot be understood.
            ReplayError: an episode and a choice of several are given, or ``limit`` is below 1.
        """
        if episode is None:
            from jaxarc.replay.cause_table import explain_episodes

            return explain_episodes(self, task, where, sort, limit)
        if task is not None or where is not None or sort is not None:
            raise ReplayError("explain takes one episode, or task=, where= and sort= for several; not both")
        from jaxarc.replay.episode_choice import loaded
        from jaxarc.replay.explain import explain_episode
        from jaxarc.replay.known_success import stream_says_success

        found = loaded(self, episode)
        return explain_episode(found, says_success=stream_says_success(self, found))

    def aggregate(
        self,
        metric: str = "total_reward",
        by: str = "member",
        of: str = "iqm",
        *,
        confidence: float = 0.95,
        reps: int = 2000,
        seed: int = 0,
        where: str | None = None,
        last: int | None = None,
        gamma: float = 1.0,
    ) -> Aggregate:
        """Return one number for how well the members did on all tasks, and how sure it is.

        Scores are the means of each member on each task, over its episodes that ended. They are aggregated,
        and the interval is made by a stratified bootstrap over the members, as R. Agarwal et al. do in "Deep
        Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021.

        Args:
            metric: the column that is the score: ``total_reward``, ``success``, ``similarity_last``, …
            by: the column that tells apart what is independent of each other, or several with commas:
                ``member``, ``env_id``, ``"run,member"`` of several runs, ``episode``.
            of: ``iqm`` (the mean of the middle half of the scores), ``mean``, ``median`` (over tasks) or
                ``optimality_gap`` (how far scores lie below ``gamma``).
            confidence: how much of the resampled numbers lies in the interval.
            reps: how often the scores are drawn anew.
            seed: of the draws.
            where: which episodes count, as for `episodes`: ``"stream == 'eval'"``.
            last: how many of the latest episodes of each member and task count; all without.
            gamma: the score that is good enough, for ``optimality_gap``.

        Raises:
            NotRecordedError: the metric is ``success``, and nobody says which episodes succeed.
            QueryError: there is no such column, or ``where`` cannot be understood.
            ReplayError: an option is out of its limits.
        """
        from jaxarc.replay.aggregate import aggregate_of_run

        options = {"metric": metric, "by": by, "of": of, "confidence": confidence, "reps": reps}
        return aggregate_of_run(self, where, **options, seed=seed, last=last, gamma=gamma)
