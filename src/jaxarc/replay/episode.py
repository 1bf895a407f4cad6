"""ReplayEpisode: an episode that knows its run, plays itself in a page and shows itself in a notebook."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxarc.records.episode_data import EpisodeData

if TYPE_CHECKING:
    from jaxarc.rendering.plugin import Render
    from jaxarc.rendering.style import Style

__all__ = ["ReplayEpisode"]


class ReplayEpisode(EpisodeData):
    """One episode of a run on disk: the arrays of EpisodeData, and what its run adds.

    Args:
        run_dir: the run's directory.
        *args: as for EpisodeData.
        **kwargs: as for EpisodeData.
    """

    def __init__(self, run_dir: Path, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.run_dir = run_dir

    def save_html(
        self,
        path: str | os.PathLike[str],
        *,
        style: Style | None = None,
        palette: str | None = None,
        theme: str | None = None,
        title: str = "",
        render: str | Render | None = None,
    ) -> Path:
        """Write one HTML file that plays the episode anywhere, without network: ``docs/pictures.md``.

        The file appears whole; folders are made, and a file that is there is replaced.

        Args:
            path: the file.
            style: the look at the start; None for the one that the run was told.
            palette: that of the look: ``default``, ``colorblind`` or ``high_contrast``.
            theme: that of the look: ``light`` (as the reader's system) or ``dark``.
            title: what the page is called; the run's name when left off.
            render: a drawing function of your own, or ``module:function``; its frames are shown beside what
                was observed: ``docs/pictures.md``.

        Returns:
            The path of the file.

        Raises:
            RenderError: a palette or theme that does not exist, or ``render`` fails.
            StorageError: the path is a folder, or cannot be written.
        """
        from jaxarc.replay.episode_pages import chosen_style, save_page

        look = chosen_style(self.run_dir, style, palette, theme)
        return save_page(path, [self], look, title or self.run_dir.name, render)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from jaxarc.replay.episode_display import episode_mimebundle

        kinds = {"text/plain", "text/html", "image/png"}
        if include is not None:
            kinds &= set(include)
        return episode_mimebundle(self, kinds - set(exclude or ()))

    def _repr_html_(self) -> str:
        return self._repr_mimebundle_({"text/html"}).get("text/html", "")
