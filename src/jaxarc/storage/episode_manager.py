"""EpisodeManager: the folders of a run, by episode and step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jaxarc.config import EpisodeConfig
from jaxarc.errors import StorageError
from jaxarc.storage.atomic import storage_errors
from jaxarc.storage.run_directory import create_run_dir
from jaxarc.storage.segment_names import writer_name

__all__ = ["EpisodeManager"]


class EpisodeManager:
    """Name and make the folders in which a run's pictures lie.

    Args:
        config: where runs live and how episodes and steps are named.
        run_dir: the directory of a run that is there already; else ``start_new_run`` makes one.
        writer: the writer whose episodes are meant; the folders of all but the first begin with its name.
    """

    def __init__(self, config: EpisodeConfig, run_dir: Path | None = None, *, writer: int = 0):
        self.config = config
        self.writer = writer
        self.current_run_dir: Path | None = run_dir
        self.current_episode_dir: Path | None = None

    def start_new_run(self, run_name: str | None = None) -> Path:
        """Make the directory of a new run and return it; two runs never share one.

        Args:
            run_name: begins its name; None for ``storage.run_name``, or the UTC time.

        Raises:
            StorageError: it cannot be made.
        """
        config = self.config if run_name is None else replace(self.config, run_name=run_name)
        self.current_run_dir = create_run_dir(config)
        self.current_episode_dir = None
        return self.current_run_dir

    def episode_dir(self, episode_num: int) -> Path:
        """Return the folder of an episode's pictures, whether or not it is there."""
        if self.current_run_dir is None:
            raise StorageError("no run was started; call start_new_run first")
        name = self.config.episode_dir_format.format(episode=episode_num)
        prefix = f"{writer_name(self.writer)}-" if self.writer else ""
        return self.current_run_dir / "episodes" / f"{prefix}{name}"

    def start_new_episode(self, episode_num: int) -> Path:
        """Make the folder of an episode's pictures and return it; one that is there is used again.

        Raises:
            StorageError: no run was started, or the folder cannot be made.
        """
        folder = self.episode_dir(episode_num)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.current_episode_dir = folder
        return folder

    def get_step_path(self, step_num: int, file_type: str = "svg") -> Path:
        """Return the path of a step's picture in the episode that was started last.

        Raises:
            StorageError: no episode was started.
        """
        if self.current_episode_dir is None:
            raise StorageError("no episode was started; call start_new_episode first")
        return self.current_episode_dir / f"{self.config.step_file_format.format(step=step_num)}.{file_type}"
