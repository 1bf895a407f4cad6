"""ReplaySystem: a run that is read back, asked and simulated again."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxarc.errors import ReplayError
from jaxarc.replay.addresses import step_in
from jaxarc.replay.arguments import as_text, checked_limit
from jaxarc.replay.run_gates import RunGates
from jaxarc.replay.verification import RunVerification, Verification
from jaxarc.storage import keep_segments_open, resolve_run

if TYPE_CHECKING:
    from jaxarc.records.table import EpisodeRow
    from jaxarc.rendering.plugin import Render
    from jaxarc.rendering.style import Style
    from jaxarc.replay.addresses import EpisodeAddress
    from jaxarc.replay.branching import Branch

__all__ = ["DEFAULT_ROOT", "ReplaySystem", "open_run"]

DEFAULT_ROOT = "outputs/episodes"

_READ_AHEAD_BYTES = 1 << 20
_LONGEST_NOTE = 10_000


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


class ReplaySystem(RunGates):
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

    def verify(
        self, episode: EpisodeAddress, step_fn: Any, *, writer: int = 0, **options: Any
    ) -> Verification:
        """Re-simulate an episode and say where it first differs from what was recorded.

        Args:
            episode: its address.
            step_fn: the step of one environment, or an environment, as for ``jaxarc.verify``.
            writer: the process that recorded it, where several wrote the run and the address says none.
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

        limit = checked_limit(limit)
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

    def resimulate(
        self, episode: EpisodeAddress, step_fn: Any, *, like: Any = None, like_action: Any = None
    ) -> Any:
        """Rebuild every state of an episode from its first one, its actions and its keys.

        Args:
            episode: its address.
            step_fn: the step of one environment, or an environment, as for ``jaxarc.resimulate``.
            like, like_action: as for ``jaxarc.resimulate``.

        Returns:
            States [T+1, …]: those that the T steps began with, and the one after the last.

        Raises:
            NotRecordedError: the episode lacks its first state, or an action or key (``capture.journal``).
            ReplayError: ``like`` or what ``step_fn`` returns does not fit the recording.
        """
        from jaxarc.replay.resimulation import resimulate

        return resimulate(self.load_episode(episode), step_fn, like=like, like_action=like_action)

    def branch(
        self,
        episode: EpisodeAddress,
        step: int,
        env: Any = None,
        *,
        like: Any = None,
        like_action: Any = None,
    ) -> Branch:
        """Return the state before a step of an episode, to go on from with other actions.

        ``found = run.branch(7, 12, env)``, then ``env.step(found.state, another_action)``; ``found.key`` is
        the key that the step was taken with, where one was recorded.

        Args:
            episode: its address.
            step: the step, from 0; ``total_steps`` for the state that the last step led to.
            env: the step of one environment, or an environment; not needed where the state was recorded, as
                at level ``full``.
            like: an example of a state, whose class it gets; None for that of ``env``, else dicts and tuples.
            like_action: the same for actions.

        Raises:
            NotRecordedError: the state was not recorded, and cannot be simulated.
            ReplayError: the episode has no such step, or the examples do not fit.
        """
        from jaxarc.replay.branching import branch

        return branch(self.load_episode(episode), step, env, like=like, like_action=like_action)

    def pin(self, *episodes: EpisodeAddress) -> None:
        """Keep episodes safe: no cleaning of the run takes their steps or pictures, until `unpin`.

        A pin lies in the run, in a file of its own: the run may be running, or written by others.

        Args:
            episodes: their addresses.

        Raises:
            EpisodeNotFoundError: there is no such episode.
            StorageError: the run can only be read, or not be written.
        """
        self._set_pins(episodes, pinned=True)

    def unpin(self, *episodes: EpisodeAddress) -> None:
        """Take the pins of episodes away; the arguments are those of `pin`."""
        self._set_pins(episodes, pinned=False)

    def _set_pins(self, episodes: Sequence[EpisodeAddress], *, pinned: bool) -> None:
        found = [self._numbered(episode) for episode in episodes]
        for row in found:
            said = {"writer": int(row.writer), "episode": int(row.episode), "pinned": pinned}
            self.annotations.append("pin", said)

    def _numbered(self, episode: EpisodeAddress) -> EpisodeRow:
        """Return the row of an episode whose number is given for good."""
        row = self._there(*self.resolve(episode))
        if row.ended == "running":
            raise ReplayError(
                f"episode {row.episode} still runs, and gets its number when it ends; refresh() and try again"
            )
        return row

    def note(self, text: str, episode: EpisodeAddress | None = None, step: int | None = None) -> None:
        """Write a note about the run, an episode or a step: ``run.note("overshoots", episode=7, step=12)``.

        It lies in the run, in a file of its own, beside those of everybody else: `notes` returns them.

        Args:
            text: the note; plain text.
            episode: the episode that it is about; None for the run.
            step: the step of it.

        Raises:
            EpisodeNotFoundError: there is no such episode.
            ReplayError: the note is empty or too long, or the episode has no such step.
            StorageError: the run can only be read, or not be written.
        """
        text = as_text("a note", text)
        if not text.strip() or len(text) > _LONGEST_NOTE:
            raise ReplayError(f"a note has 1 to {_LONGEST_NOTE:,} characters, got {len(text):,}")
        said: dict[str, Any] = {"text": text}
        if episode is not None:
            row = self._numbered(episode)
            said |= {"writer": int(row.writer), "episode": int(row.episode)}
            if step is not None:
                said["step"] = step_in(row, step)
        elif step is not None:
            raise ReplayError(f"step {step} of which episode? give episode= as well")
        self.annotations.append("note", said)
