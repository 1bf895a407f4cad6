"""EpisodeManager: the folders of a run, by episode and step, and the room that they take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jaxarc.config import EpisodeConfig
from jaxarc.errors import StorageError
from jaxarc.storage.atomic import storage_errors
from jaxarc.storage.cleanup import CleanupResult
from jaxarc.storage.numbered_names import episode_folder, numbered_name
from jaxarc.storage.run_cleaning import clean_run
from jaxarc.storage.run_directory import create_run_dir

__all__ = ["EpisodeManager"]


class EpisodeManager:
    """Name and make the folders in which a run's pictures lie, and keep the run within its limits.

    Args:
        config: where runs live, how episodes and steps are named, and how much of them is kept.
        run_dir: the directory of a run that is there already; else ``start_new_run`` makes one.
        writer: the writer whose episodes are meant; the folders of all but the first begin with its name.
        pictures_dir: where the folders of episodes lie; None for ``episodes`` in the run's directory.
    """

    def __init__(
        self,
        config: EpisodeConfig,
        run_dir: Path | None = None,
        *,
        writer: int = 0,
        pictures_dir: Path | None = None,
    ):
        self.config = config
        self.writer = writer
        self.pictures_dir = pictures_dir
        self.current_run_dir: Path | None = run_dir
        self.current_episode_dir: Path | None = None
        self._num_steps: int | None = None

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

    def episode_dir(self, episode_num: int, writer: int | None = None) -> Path:
        """Return the folder of an episode's pictures, whether or not it is there.

        Args:
            episode_num: its number.
            writer: the writer that recorded it, where it is not the manager's; the folders of all but the
                first begin with its name (``p001-episode_0007``).
        """
        chosen = self.writer if writer is None else writer
        folder = episode_folder(self.pictures_dir or self._run_dir(), self.config, chosen, episode_num)
        return folder if self.pictures_dir is None else self.pictures_dir / folder.name

    def start_new_episode(
        self, episode_num: int, *, writer: int | None = None, num_steps: int | None = None
    ) -> Path:
        """Make the folder of an episode's pictures and return it; one that is there is used again.

        Args:
            episode_num: its number.
            writer: as in ``episode_dir``.
            num_steps: steps of the episode where they are known, so that names of files get the digits that
                they need to sort.

        Raises:
            StorageError: no run was started, or the folder cannot be made.
        """
        folder = self.episode_dir(episode_num, writer)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.current_episode_dir, self._num_steps = folder, num_steps
        return folder

    def get_step_path(self, step_num: int, file_type: str = "svg") -> Path:
        """Return the path of a step's picture in the episode that was started last.

        Names sort as the steps do, also those of an episode of 100,000 steps.

        Raises:
            StorageError: no episode was started.
        """
        if self.current_episode_dir is None:
            raise StorageError("no episode was started; call start_new_episode first")
        name = numbered_name(self.config.step_file_format, step_num, self._num_steps)
        return self.current_episode_dir / f"{name}.{file_type}"

    def cleanup_old_data(self, dry_run: bool = False) -> CleanupResult:
        """Let episodes of the run give up their steps and pictures until it keeps within its limits.

        These are ``storage.max_storage_gb`` and ``max_episodes_per_run``, in the order of
        ``cleanup_policy``. Rows and numbers stay. A run that is written keeps within them by itself.

        Args:
            dry_run: change nothing, and return what would go.

        Raises:
            StorageError: no run was started, somebody writes it, or something cannot be written.
        """
        return clean_run(self._run_dir(), self.config, dry_run=dry_run)

    def _run_dir(self) -> Path:
        if self.current_run_dir is None:
            raise StorageError("no run was started; call start_new_run first")
        return self.current_run_dir
