"""ReplaySystem: a run that is read back, asked and simulated again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxarc.errors import NotRecordedError
from jaxarc.replay.run_questions import RunQuestions
from jaxarc.replay.verification import RunVerification, Verification
from jaxarc.storage import keep_segments_open, resolve_run

if TYPE_CHECKING:
    from jaxarc.rendering.style import Style

__all__ = ["DEFAULT_ROOT", "ReplaySystem", "open_run"]

DEFAULT_ROOT = "outputs/episodes"


def open_run(
    name: str | os.PathLike[str] = "latest", root: str | os.PathLike[str] | None = None
) -> ReplaySystem:
    """Open a run: ``jaxarc.open("latest")``.

    Args:
        name: a path, a run's name or the beginning of one, ``latest``, or ``latest~1`` for the one before.
        root: where runs are looked for; None for ``JAXARC_OUTPUT_DIR``, or ``outputs/episodes``.

    Raises:
        RunNotFoundError: none or several runs answer to the name; the closest are listed.
    """
    base = Path(root if root is not None else os.environ.get("JAXARC_OUTPUT_DIR", DEFAULT_ROOT)).expanduser()
    return ReplaySystem(resolve_run(name, base))


class ReplaySystem(RunQuestions):
    """One run on disk: its episodes, events and status, and what can be asked of them.

    A running run can be opened; ``refresh`` reads on.

    Args:
        run_dir: the run's directory.
        include_hidden: whether episodes that a later attempt recorded again are among the rows, which have a
            column ``hidden`` then. They can be loaded in any case.
    """

    def save_html(
        self,
        path: str | os.PathLike[str],
        where: str | None = None,
        sort: str | None = None,
        limit: int | None = 100,
        *,
        style: Style | None = None,
        palette: str | None = None,
        theme: str | None = None,
        title: str = "",
    ) -> Path:
        """Write one HTML file that plays episodes of the run anywhere, without network: ``docs/pictures.md``.

        The file appears whole; folders are made, and a file that is there is replaced. Episodes without
        stored steps are left out.

        Args:
            path: the file.
            where, sort: which episodes, in which order, as for `episodes`.
            limit: the most episodes; None for all.
            style, palette, theme: the look at the start; what is left off is as the run was told.
            title: what the page is called; the run's name when left off.

        Returns:
            The path of the file.

        Raises:
            EpisodeNotFoundError: none of them has stored steps.
            QueryError: an expression cannot be understood.
            RenderError: a palette or theme that does not exist, or a limit below 1.
            StorageError: the path is a folder, or cannot be written.
        """
        from jaxarc.replay.episode_pages import save_run_page

        look = {"style": style, "palette": palette, "theme": theme}
        return save_run_page(self, path, where=where, sort=sort, limit=limit, title=title, **look)

    def verify(self, episode: int, step_fn: Any, *, writer: int = 0, **options: Any) -> Verification:
        """Re-simulate an episode and say where it first differs from what was recorded.

        Args:
            episode: its number.
            step_fn: the step of one environment, or an environment, as for ``jaxarc.verify``.
            writer: the process that recorded it, where several wrote the run.
            **options: ``like, like_action, describe, rtol, atol`` of ``jaxarc.verify``.

        Raises:
            NotRecordedError: the episode lacks its first state, or an action (``capture.journal``).
        """
        from jaxarc.replay.verify import verify

        return verify(self.load_episode(episode, writer=writer), step_fn, **options)

    def verify_all(self, step_fn: Any, where: str | None = None, **options: Any) -> RunVerification:
        """Re-simulate the episodes of the run, or some of them.

        Args:
            step_fn: as for `verify`.
            where: which episodes, as for `episodes`.
            **options: as for `verify`.

        Returns:
            What was found of each; episodes that lack what re-simulation needs, or what it could be compared
            with (those of one step, without ``describe``), are named in ``left_out``.
        """
        found, left_out = [], {}
        with keep_segments_open():
            for row in self.episodes(where):
                number, writer = int(row.episode), int(row.writer)
                try:
                    verification = self.verify(number, step_fn, writer=writer, **options)
                except NotRecordedError as error:
                    left_out[writer, number] = str(error)
                    continue
                if verification.says_something:
                    found.append(verification)
                else:
                    left_out[writer, number] = str(verification)
        return RunVerification(tuple(found), left_out)
