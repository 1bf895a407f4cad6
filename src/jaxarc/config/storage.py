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
    one_of,
    optional,
    path_part,
    shown,
    text,
)
from jaxarc.config.section import Section

__all__ = ["EpisodeConfig"]

NUMBER_FORMAT = re.compile(r"0?\d{0,2}d?")


def numbered_name(number: str) -> Rule:
    """Accept a format that turns the number called ``number`` into a name, another one for every number."""
    example = f"{number}_{{{number}:04d}}"

    def rule(value: Any) -> str:
        words = text(value)
        needs = f"must hold {{{number}}} once and no other field, such as {example}"
        try:
            parts = list(Formatter().parse(words))
        except ValueError as error:
            raise RejectedError(f"{needs}, got {shown(words)} ({error})") from None
        used = [(name, spec, conversion) for _, name, spec, conversion in parts if name is not None]
        if [name for name, _, _ in used] != [number]:
            raise RejectedError(f"{needs}, got {shown(words)}")
        if used[0][2] or not NUMBER_FORMAT.fullmatch(used[0][1] or ""):
            raise RejectedError(f"must format {{{number}}} as a whole number (:04d), got {shown(words)}")
        try:
            for trial in (0, 999_999_999):
                path_part(words.format(**{number: trial}))
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
    """

    key: ClassVar[str] = "storage"

    base_output_dir: str = checked("outputs/episodes", text)
    experiment: str = checked("default", path_part)
    run_name: str | None = checked(None, optional(path_part))
    episode_dir_format: str = checked("episode_{episode:04d}", numbered_name("episode"))
    step_file_format: str = checked("step_{step:03d}", numbered_name("step"))
    compression: str = checked("zstd", one_of("zstd", "gzip", "lzf", "none"))
    segment_bytes: int = checked(32_000_000, integer(1))
