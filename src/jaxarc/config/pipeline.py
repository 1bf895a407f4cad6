"""How records travel from the callback to the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxarc.config.rules import boolean, checked, integer, number, one_of
from jaxarc.config.section import Section

__all__ = ["AsyncLoggerConfig"]


@dataclass(frozen=True, kw_only=True)
class AsyncLoggerConfig(Section):
    """The queue between the program and the one writer (group ``pipeline``).

    Attributes:
        queue_bytes: memory for records that wait to be written.
        overflow: what happens when they need more: ``block`` waits for the disk, ``drop_steps`` sheds
            the oldest steps, counted, and never an episode row or an event.
        flush_interval: the most seconds between commits; a crash loses no more than this.
        strict: whether what was lost, or could not be written, is raised when the recorder closes.
        handle_signals: whether SIGTERM closes the recorder, and Ctrl-C waits for a callback or a close that
            is under way. Interpreter exit always closes it.
    """

    key: ClassVar[str] = "pipeline"

    queue_bytes: int = checked(64_000_000, integer(1))
    overflow: str = checked("block", one_of("block", "drop_steps"))
    flush_interval: float = checked(5.0, number(above=0.0))
    strict: bool = checked(False, boolean)
    handle_signals: bool = checked(True, boolean)
