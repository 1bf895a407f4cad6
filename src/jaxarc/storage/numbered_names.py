"""Names with a number in them that sort as the numbers do."""

from __future__ import annotations

from pathlib import Path
from string import Formatter

from jaxarc.config import EpisodeConfig
from jaxarc.storage.segment_names import writer_name

__all__ = ["EPISODES_FOLDER", "episode_folder", "numbered_name"]

EPISODES_FOLDER = "episodes"


def numbered_name(template: str, number: int, count: int | None = None) -> str:
    """Return the name of one of many files: listed by name, they stand in the order of their numbers.

    The template's padding is widened where it is known that ``count`` of them need more digits: step 3 of
    100,000 is ``step_00003``. Where that is not known, a number that outgrows the padding has a letter before
    it, which sorts after all digits: ``step_999``, ``step_a1000``, ``step_b10000``. A template without
    padding is left as it is.

    Args:
        template: such as ``step_{step:03d}``; one field, as the configuration checks.
        number: the number, from 0.
        count: how many there are; None where nobody knows.
    """
    (before, field, spec, _), *rest = Formatter().parse(template)
    after = rest[0][0] if rest else ""
    digits = (spec or "").removesuffix("d")
    width = int(digits or 0)
    if field is None or not width:
        return template.format(**{field or "": number})
    fill = "0" if digits.startswith("0") else " "
    if count is not None:
        width = max(width, len(str(count - 1)))
    extra = len(str(number)) - width
    letter = chr(ord("a") + extra - 1) if extra > 0 else ""
    return f"{before}{letter}{str(number).rjust(width, fill)}{after}"


def episode_folder(run_dir: Path, config: EpisodeConfig, writer: int, episode: int) -> Path:
    """Return where pictures of an episode lie: ``episodes/episode_0007``, ``episodes/p001-episode_0007``."""
    name = numbered_name(config.episode_dir_format, episode)
    return run_dir / EPISODES_FOLDER / (f"{writer_name(writer)}-{name}" if writer else name)
