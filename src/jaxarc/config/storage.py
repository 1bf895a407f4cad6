"""Where a run lives on disk and how its files are named and packed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Formatter
from typing import Any, ClassVar

from jaxarc.config.rules import (
    RejectedError,
    Rule,
    checked,
    integer,
    number,
    one_of,
    optional,
    path_part,
    shown,
    text,
)
from jaxarc.config.section import Section

__all__ = ["CLEANUP_POLICIES", "EpisodeConfig"]

CLEANUP_POLICIES = ("size_based", "oldest_first", "manual")

NUMBER_FORMAT = re.compile(r"0?\d{0,2}d?")


def numbered_name(numbered: str) -> Rule:
    """Accept a format that turns the number called ``numbered`` into a name, another one for every number."""
    example = f"{numbered}_{{{numbered}:04d}}"

    def rule(value: Any) -> str:
        words = text(value)
        needs = f"must hold {{{numbered}}} once and no other field, such as {example}"
        try:
            parts = list(Formatter().parse(words))
        except ValueError as error:
            raise RejectedError(f"{needs}, got {shown(words)} ({error})") from None
        used = [(name, spec, conversion) for _, name, spec, conversion in parts if name is not None]
        if [name for name, _, _ in used] != [numbered]:
            raise RejectedError(f"{needs}, got {shown(words)}")
        if used[0][2] or not NUMBER_FORMAT.fullmatch(used[0][1] or ""):
            raise RejectedError(f"must format {{{numbered}}} as a whole number (:04d), got {shown(words)}")
        try:
            for trial in (0, 999_999_999):
                path_part(words.format(**{numbered: trial}))
        except RejectedError as rejected:
            raise RejectedError(f"{rejected.message} from {shown(words)}") from None
        return words

    return rule


@dataclass(frozen=True, kw_only=True)
class EpisodeConfig(Section):
    """The directory of a run and the files in it (group ``storage``).

    Attributes:
        base_output_dir: directory of all experiments; made when missing.
        experiment: directory of this experiment's runs.
        run_name: begins the name of the run's directory; None for the time in UTC. A suffix is always
            added, so that two runs never share a directory.
        episode_dir_format: name of an episode's directory, from ``{episode}``.
        step_file_format: name of a step's picture without its ending, from ``{step}``.
        compression: ``zstd``, ``gzip`` (which every HDF5 reader knows), ``lzf`` or ``none``.
        segment_bytes: size, before compression, at which a segment is closed and the next one begun.
        max_storage_gb: size of the run's folder, in 10^9 bytes, above which episodes give up their steps;
            None for any.
        max_episodes_per_run: episodes of which steps are kept, at most; None for any.
        cleanup_policy: which go first: ``size_based`` the largest, ``oldest_first`` the oldest. With
            ``manual`` they go only when ``jaxarc clean`` or ``cleanup_old_data`` is called, the oldest first.
            Rows are never deleted; pinned episodes, the best one and the first success of each task stay.
        fallback_dir: where the run goes on when its directory cannot be written; None for a folder of this
            user's in the one for temporary files.
    """

    key: ClassVar[str] = "storage"

    base_output_dir: str = checked("outputs/episodes", text)
    experiment: str = checked("default", path_part)
    run_name: str | None = checked(None, optional(path_part))
    episode_dir_format: str = checked("episode_{episode:04d}", numbered_name("episode"))
    step_file_format: str = checked("step_{step:03d}", numbered_name("step"))
    compression: str = checked("zstd", one_of("zstd", "gzip", "lzf", "none"))
    segment_bytes: int = checked(32_000_000, integer(1))
    max_storage_gb: float | None = checked(None, optional(number(above=0)))
    max_episodes_per_run: int | None = checked(None, optional(integer(1)))
    cleanup_policy: str = checked("size_based", one_of(*CLEANUP_POLICIES))
    fallback_dir: str | None = checked(None, optional(text))
