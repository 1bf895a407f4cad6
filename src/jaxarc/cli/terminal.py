"""What is printed: consoles that let no text from outside act on the terminal."""

from __future__ import annotations

import os
import re

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
from rich.segment import Segment

__all__ = ["inert", "terminal"]

_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_ROOM = 1_000
"""Columns of a file or a pipe."""


def inert(text: str) -> str:
    """Return text without the characters that terminals obey: escapes, controls, turns of direction."""
    return text if text.isprintable() else _ACTING.sub("", text)


class _Inert:
    """A renderable whose text is inert; what rich itself adds (colours, the cursor) stays."""

    def __init__(self, inside: object):
        self._inside = inside

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inside, options):  # pyright: ignore[reportArgumentType]
            text, style, control = segment
            yield segment if control else Segment(inert(text), style)


class _OnlyInert:
    """Makes everything that a console renders inert."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Inert(each) for each in renderables]  # pyright: ignore[reportReturnType]


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to ``main`` what happens when the reader of a pipe went away."""
        raise BrokenPipeError


def terminal(*, stderr: bool = False) -> Console:
    """Return the console of a command: no colours for what only looks like numbers, and inert text.

    Colours follow ``NO_COLOR``, ``FORCE_COLOR`` and ``TERM``. What is no terminal gets none, and room for
    whole lines, unless ``COLUMNS`` says how much it has.
    """
    console = _Terminal(stderr=stderr, highlight=False, emoji=False)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console.width = _ROOM
    console.push_render_hook(_OnlyInert())  # pyright: ignore[reportArgumentType]
    return console
