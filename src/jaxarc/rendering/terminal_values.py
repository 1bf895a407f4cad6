"""Values of any kind in a terminal: pixels as half blocks, vectors as bars, all others in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.style import Style as RichStyle
from rich.text import Text

from jaxarc.rendering.board import as_board
from jaxarc.rendering.field import heat_scale
from jaxarc.rendering.frame import as_pixels, frames_of
from jaxarc.rendering.grid import composited
from jaxarc.rendering.kinds import channel_axis
from jaxarc.rendering.picture import drawn_arrays
from jaxarc.rendering.style import Style
from jaxarc.rendering.terminal import TerminalBoards
from jaxarc.rendering.text import clean, number
from jaxarc.rendering.text_box import text_lines

__all__ = ["TerminalPixels", "terminal_values"]

_SHADES = " .:-=+*#%@"
_GAP = 3
_WIDTH_AT_MOST = 64
_HEIGHT_AT_MOST = 24
_BARS = 16
_SPARKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class TerminalPixels:
    """A rich renderable: titled pictures next to each other, two pixels a character.

    Without colour a character is a shade of the two. Larger pictures are shrunk to what the console has room
    for; what does not fit side by side is put one below the other.

    Attributes:
        pictures: uint8 [height width 3] each.
        titles: one a picture.
    """

    pictures: tuple[np.ndarray, ...]
    titles: tuple[str, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines for this console."""
        colour = console.color_system is not None and not console.no_color
        each = (options.max_width + _GAP) // len(self.pictures) - _GAP
        stacked = each < 12
        room = min(options.max_width if stacked else each, _WIDTH_AT_MOST)
        drawn = [_halves(_shrunk(picture, room), colour=colour) for picture in self.pictures]
        groups = [[index] for index in range(len(drawn))] if stacked else [list(range(len(drawn)))]
        for group in groups:
            yield from _side_by_side([drawn[i] for i in group], [self.titles[i] for i in group])


def _side_by_side(drawn: Sequence[list[Text]], titles: Sequence[str]) -> RenderResult:
    widths = [max(lines[0].cell_len, len(title)) for lines, title in zip(drawn, titles, strict=True)]
    heads = (title.ljust(width + _GAP) for title, width in zip(titles, widths, strict=True))
    yield Text("".join(heads).rstrip(), style="bold", no_wrap=True, overflow="crop")
    for row in range(max(map(len, drawn))):
        line = Text(no_wrap=True, overflow="crop")
        for index, (lines, width) in enumerate(zip(drawn, widths, strict=True)):
            part = lines[row] if row < len(lines) else Text()
            line.append_text(part)
            if index + 1 < len(drawn):
                line.append(" " * (width + _GAP - part.cell_len))
        yield line


def _shrunk(picture: np.ndarray, room: int) -> np.ndarray:
    """Return a picture of at most ``room`` columns and 48 rows: the mean of the pixels that fall together."""
    rows, columns = picture.shape[:2]
    scale = min(room / columns, 2 * _HEIGHT_AT_MOST / rows, 1.0)
    tall, wide = max(int(rows * scale), 1), max(int(columns * scale), 1)
    downs = np.linspace(0, rows, tall, endpoint=False).astype(int)
    acrosses = np.linspace(0, columns, wide, endpoint=False).astype(int)
    sums = np.add.reduceat(np.add.reduceat(picture.astype(float), downs, axis=0), acrosses, axis=1)
    counts = np.outer(np.diff([*downs.tolist(), rows]), np.diff([*acrosses.tolist(), columns]))
    return (sums / counts[..., None] + 0.5).astype(np.uint8)


def _halves(picture: np.ndarray, *, colour: bool) -> list[Text]:
    lines = []
    for y in range(0, len(picture), 2):
        line = Text()
        below = picture[y + 1] if y + 1 < len(picture) else None
        if not colour:
            pair = picture[y : y + 2].mean(axis=(0, 2))
            line.append("".join(_SHADES[int(light * len(_SHADES) / 256)] for light in pair.tolist()))
        else:
            for x, top in enumerate(picture[y]):
                back = None if below is None else _hex(below[x])
                line.append("▀", RichStyle(color=_hex(top), bgcolor=back))
        lines.append(line)
    return lines


def _hex(rgb: np.ndarray) -> str:
    return f"#{rgb[0]:02x}{rgb[1]:02x}{rgb[2]:02x}"


def _rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., :3] if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _pixels(kind: str, arrays: Sequence[np.ndarray], style: Style) -> tuple[list[np.ndarray], str]:
    """Return arrays of one kind as pixels, and what to say below them."""
    if kind == "frame":
        return [_rgb(as_pixels(array)) for array in arrays], ""
    if kind == "stack":
        return [_rgb(as_pixels(frames_of(array)[-1])) for array in arrays], "the newest frame of each stack"
    if kind == "channels":
        fields = [np.moveaxis(array, channel_axis(array.shape), 0)[0] for array in arrays]
        words = f"the first of {arrays[0].shape[channel_axis(arrays[0].shape)]} channels, "
    else:
        fields, words = list(arrays), ""
    scale = heat_scale(fields)
    colours = scale.colours(style)
    if scale.low > scale.high:
        return [colours[scale.levels(field)] for field in fields], f"{words}no finite number"
    span = f"{number(scale.low)} to {number(scale.high)}" if scale.high > scale.low else number(scale.low)
    special = f", {', '.join(scale.special)}" if scale.special else ""
    return [colours[scale.levels(field)] for field in fields], f"{words}{span}{special}"


def _bars(title: str, vector: np.ndarray, low: float, high: float) -> Text:
    """Return a vector as lines of number and bar, or as one line of bars where it is long."""
    entries = np.atleast_1d(vector).astype(float)
    text = Text(title, style="bold")
    if len(entries) == 1:
        return text.append(f"  {number(entries[0])}", style="not bold")
    far = max(-low, high)
    if len(entries) <= _BARS:
        words = [number(entry) for entry in entries.tolist()]
        wide = max(map(len, words))
        for index, (entry, word) in enumerate(zip(entries.tolist(), words, strict=True)):
            full = round(20 * abs(entry) / far) if far and np.isfinite(entry) else 0
            text.append(f"\n{index:>4}  {word.rjust(wide)}  {'█' * full}", style="not bold")
        return text
    firsts = np.linspace(0, len(entries), min(len(entries), _WIDTH_AT_MOST), endpoint=False).astype(int)
    tops = np.maximum.reduceat(np.where(np.isfinite(entries), entries, -np.inf), firsts)
    steps = (np.clip((tops - low) / (high - low or 1.0), 0, 1) * (len(_SPARKS) - 1)).round().astype(int)
    line = "".join(_SPARKS[step] for step in steps.tolist())
    return text.append(
        f"\n{line}\n{len(entries):,} values, {number(low)} to {number(high)}", style="not bold"
    )


def _span(arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    scale = heat_scale([np.append(np.atleast_1d(array).astype(float), 0.0) for array in arrays])
    return scale.low, scale.high


def _boards(
    kind: str, values: Mapping[str, np.ndarray | None], changed: np.ndarray | None, style: Style
) -> TerminalBoards:
    shown: list[np.ndarray | None] = []
    marked: list[np.ndarray | None] = []
    for title, value in values.items():
        board = None
        if value is not None:
            board = composited(value) if kind == "planes" else as_board(value)
        fits = board is not None and changed is not None and changed.shape == board.shape
        shown.append(board)
        marked.append(changed if title == "after" and fits else None)
    return TerminalBoards(tuple(shown), tuple(map(clean, values)), tuple(marked), style, kind == "board")


def terminal_values(
    values: Mapping[str, object], style: Style, *, changed: np.ndarray | None = None, arc: bool = False
) -> list[RenderableType]:
    """Return values for a terminal, those of one kind on one scale and side by side.

    Args:
        values: arrays by their titles; None for one that was not recorded, which is said in its place.
        style: the look.
        changed: which cells of the value called ``after`` to mark without colour.
        arc: whether boards are ARC's.
    """
    known = {title: value for title, value in values.items() if value is not None}
    drawn = dict(zip(known, drawn_arrays(list(known.values()), arc=arc), strict=True))
    lost = [title for title in values if title not in known]
    parts: list[RenderableType] = []
    for kind in dict.fromkeys(kind for kind, _ in drawn.values()):
        chosen = {title: array for title, (of, array) in drawn.items() if of == kind}
        names, arrays = tuple(map(clean, chosen)), list(chosen.values())
        if kind in ("board", "grid", "planes"):
            together = {title: chosen.get(title) for title in values if title in chosen or title in lost}
            parts.append(_boards(kind, together, changed, style))
            lost = []
        elif kind in ("frame", "stack", "field", "channels"):
            pictures, words = _pixels(kind, arrays, style)
            parts.append(TerminalPixels(tuple(pictures), names))
            parts.extend([Text(words, style="dim")] if words else [])
        elif kind == "vector":
            low, high = _span(arrays)
            parts.extend(_bars(name, array, low, high) for name, array in zip(names, arrays, strict=True))
        else:
            for name, array in zip(names, arrays, strict=True):
                said = ["an SVG"] if kind == "svg" else text_lines(array)
                parts.append(Text(f"{name}: {clean('  '.join(said))}"))
    return [*parts, *(Text(f"{title}: not recorded") for title in lost)]
