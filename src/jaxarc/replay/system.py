"""ReplaySystem: a run that is read back, asked and simulated again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxarc.replay.run_questions import RunQuestions
from jaxarc.replay.verification import RunVerification, Verification
from jaxarc.storage import keep_segments_open, resolve_run

if TYPE_CHECKING:
    from jaxarc.rendering.plugin import Render
    from jaxarc.rendering.style import Style
    from jaxarc.replay.addresses import EpisodeAddress

__all__ = ["DEFAULT_ROOT", "ReplaySystem", "open_run"]

DEFAULT_ROOT = "outputs/episodes"

_READ_AHEAD_BYTES = 1 << 20


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
        render: str | Render | None = None,
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
            render: a drawing function of your own, or ``module:function``; its frames are shown beside what
                was observed: ``docs/pictures.md``.

        Returns:
            The path of the file.

        Raises:
            EpisodeNotFoundError: none of them has stored steps.
            QueryError: an expression cannot be understood.
            RenderError: a palette or theme that does not exist, a limit below 1, or ``render`` fails.
            StorageError: the path is a folder, or cannot be written.
        """
        from jaxarc.replay.episode_pages import save_run_page

        look = {"style": style, "palette": palette, "theme": theme, "render": render}
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

    def verify_all(
        self,
        step_fn: Any,
        where: str | None = None,
        *,
        episodes: Sequence[EpisodeAddress] | None = None,
        limit: int | None = None,
        progress: Callable[[int, int], object] | None = None,
        **options: Any,
    ) -> RunVerification:
        """Re-simulate the episodes of the run, or some of them, side by side in one program or a few.

        What is found of an episode is what `verify` finds of it; memory stays bounded whatever their number.

        Args:
            step_fn: as for `verify`.
            where: which episodes, as for `episodes`.
            episodes: addresses of these episodes instead.
            limit: the most episodes.
            progress: called with how many episodes are done, and of how many.
            **options: as for `verify`.

        Returns:
            What was found of each; episodes that lack what re-simulation needs, or what it could be compared
            with (those of one step, without ``describe``), are named in ``left_out``.
        """
        from jaxarc.replay.verify_run import verify_many

        if episodes is None:
            table = self.episodes(where, limit=limit)
            names = list(zip(table["writer"].tolist(), table["episode"].tolist(), strict=True))
        else:
            names = [self.resolve(episode) for episode in episodes][:limit]
        found: dict[tuple[int, int], Verification] = {}
        left_out: dict[tuple[int, int], str] = {}
        with keep_segments_open(ahead_bytes=_READ_AHEAD_BYTES):
            loads = (
                ((writer, number), lambda w=writer, n=number: self.load_episode(n, writer=w))
                for writer, number in names
            )
            for name, verification in verify_many(loads, step_fn, **options):
                if isinstance(verification, Verification) and verification.says_something:
                    found[name] = verification
                else:
                    left_out[name] = str(verification)
                if progress is not None:
                    progress(len(found) + len(left_out), len(names))
        return RunVerification(
            tuple(found[name] for name in names if name in found),
            {name: left_out[name] for name in names if name in left_out},
        )
