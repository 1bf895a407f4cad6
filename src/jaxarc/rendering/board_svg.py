"""A board as SVG: one path a colour, one for the grid lines, one for each kind of mark."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from jaxarc.rendering.digits import digits
from jaxarc.rendering.palette import MARK_DARK, MARK_LIGHT
from jaxarc.rendering.paths import full_grid, grid_lines, mask_runs, outline, value_runs

if TYPE_CHECKING:
    from jaxarc.rendering.board import Cells

__all__ = ["board_svg"]

_PADDING = -1


def _cells(cells: Cells, *, crossed: bool) -> str:
    """Draw the cells in cell units; the commonest colour is one rectangle under the others."""
    codes, colours = cells.codes, cells.colours
    height, width = codes.shape
    parts = []
    base = _PADDING
    if cells.is_full:
        base = int(np.bincount(codes.ravel()).argmax())
        parts.append(f'<path fill="{colours[base]}" d="M0 0h{width}v{height}h-{width}z"/>')
    runs = value_runs(codes, without=base)
    parts.append('<g transform="translate(0 .5)" shape-rendering="crispEdges">')
    parts.extend(f'<path stroke="{colours[value]}" d="{path}"/>' for value, path in runs)
    parts.append("</g>")
    if crossed and cells.has_unknown:
        outside = codes == len(colours) - 1
        line = f'stroke="{cells.style.cells.outside_mark}" stroke-width=".12" transform="translate(0 .5)"'
        parts.append(f'<path {line} d="{mask_runs(outside)}"/>')
    return "".join(parts)


def _twice(path: str, below: str, above: str) -> str:
    """Stroke one path twice; it is named by its content, so equal names on a page mean equal paths."""
    name = "p" + blake2b(path.encode(), digest_size=6).hexdigest()
    use = f'<use href="#{name}"'
    return f'<defs><path id="{name}" d="{path}"/></defs>{use} {below}/>{use} {above}/>'


def _dots(
    mask: np.ndarray, size: float, colour: str, ring: str, *, round_: bool, cell: float, aside: bool
) -> str:
    """Draw a dot in every cell of a mask, in its middle or ``aside``: a dashed line along each run."""
    edge = max(1.1 / cell, 0.07)
    across, down = (0.5 - size / 2 - edge, f"{size / 2 + edge:.3g}") if aside else (0.0, ".5")

    def stroke(width: float, colour: str) -> str:
        look = f'stroke="{colour}" stroke-width="{width:.3g}"'
        if round_:
            offset = f"{0.505 - across:.3g}".removeprefix("0")
            return f'{look} stroke-linecap="round" stroke-dasharray=".01 .99" stroke-dashoffset="{offset}"'
        dash = f'stroke-dasharray="{width:.3g} {1 - width:.3g}"'
        return f'{look} {dash} stroke-dashoffset="{(1 + width) / 2 - across:.3g}"'

    twice = _twice(mask_runs(mask), stroke(size + 2 * edge, ring), stroke(size, colour))
    return f'<g transform="translate(0 {down})">{twice}</g>'


def _outlined(mask: np.ndarray, cell: float, width: float = 3.4) -> str:
    """Outline a mask with a light line on a dark one, ``width`` pixels wide, which shows on every colour."""
    below = f'stroke="{MARK_DARK}" stroke-width="{width / cell:.3g}" stroke-linecap="square"'
    above = f'stroke="{MARK_LIGHT}" stroke-width="{width * 0.53 / cell:.3g}" stroke-linecap="square"'
    return _twice(outline(mask), below, above)


def _lines(cells: Cells) -> str:
    """Draw the lines between the cells; in one drawing, boards of one size share the path."""
    cell, theme = cells.cell, cells.style.colours
    line = f'stroke="{theme.grid}" stroke-opacity="{theme.grid_opacity:g}" stroke-width="{1 / cell:.3g}"'
    if cells.are_outlined:
        return f'<path {line} d="{outline(cells.filled)}"/>'
    # Half a pixel on, each line covers one column of pixels, so that sharp edges never lose it.
    line += f' shape-rendering="crispEdges" transform="translate({0.5 / cell:.3g} {0.5 / cell:.3g})"'
    if not cells.is_full:
        return f'<path {line} d="{grid_lines(cells.filled)}"/>'
    height, width = cells.board.shape
    name = f"g{height}x{width}"
    if name in cells.defined:
        return f'<use href="#{name}" {line}/>'
    cells.defined.add(name)
    return f'<g {line}><path id="{name}" d="{full_grid(height, width)}"/></g>'


def board_svg(cells: Cells) -> str:
    """Return a board as SVG elements, with its top left corner at the origin."""
    theme, cell = cells.style.colours, cells.cell
    height, width = cells.board.shape
    written = cells.are_written
    changed, wrong = cells.changed, cells.wrong
    empty = cells.is_empty
    parts = ["" if empty else _cells(cells, crossed=not written)]
    if empty:
        dash = f'stroke-dasharray="{4 / cell:.3g} {3 / cell:.3g}"'
        frame = f'stroke="{theme.muted}" stroke-width="{1 / cell:.3g}" {dash}'
        parts.append(f'<path {frame} d="M0 0h{width}v{height}h-{width}z"/>')
    else:
        parts.append(_lines(cells))
    if cells.are_outlined:
        parts.extend(_outlined(mask, cell, 2.2) for mask in (changed, wrong) if mask is not None)
        changed = wrong = None
    size = 0.18 if written else 0.3
    if changed is not None:
        parts.append(_dots(changed, size, MARK_LIGHT, MARK_DARK, round_=True, cell=cell, aside=written))
    if wrong is not None:
        parts.append(
            _dots(wrong, size + 0.02, theme.wrong, MARK_LIGHT, round_=False, cell=cell, aside=written)
        )
    if cells.selected is not None:
        parts.append(_outlined(cells.selected, cell))
    body = f'<g transform="scale({cell:g})" fill="none">{"".join(parts)}</g>'
    return body + digits(cells.board, np.array(cells.colours)[cells.codes], cell) if written else body
