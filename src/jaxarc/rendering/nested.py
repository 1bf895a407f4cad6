"""A nested observation in one picture: its main leaf large, the others small below, each under its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from jaxarc.rendering.board import Marks, Picture
from jaxarc.rendering.document import place
from jaxarc.rendering.leaf import is_real
from jaxarc.rendering.leaves import Path, is_tree, leaves_of, main_path, path_words
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import fit, label, number, width_of
from jaxarc.rendering.text_box import text_lines

__all__ = ["nested_pictures"]

_ALONE_BELOW = 160.0
_LEAVES_AT_MOST = 12
_TILES_AT_MOST = 4
_CAPTION = 18.0
_GAP = 14.0
_LINE = 18.0


class _Draw(Protocol):
    def __call__(
        self,
        values: Sequence[object],
        style: Style,
        size: int | float,
        marks: Sequence[Marks],
        *,
        arc: bool,
        extent: tuple[int, int] = (0, 0),
    ) -> list[Picture]: ...


@dataclass(frozen=True)
class _Nested:
    """The leaves of one value, and what to mark on each."""

    leaves: Mapping[Path, np.ndarray]
    marks: Marks

    def marks_at(self, path: Path, main: Path) -> Marks:
        def at(mask: Any) -> Any:
            if mask is None:
                return None
            if is_tree(mask):
                return leaves_of(mask).get(path)
            leaf = self.leaves.get(path)
            return mask if path == main and leaf is not None and np.shape(mask) == leaf.shape else None

        return Marks(at(self.marks.selected), at(self.marks.changed), at(self.marks.wrong))


def _line(leaf: np.ndarray | None) -> str | None:
    """Return what a leaf says in one line; None where it deserves a picture."""
    if leaf is None:
        return ""
    if is_real(leaf) and leaf.size == 1:
        entry = leaf.item()
        return ("yes" if entry else "no") if leaf.dtype == np.bool_ else number(entry)
    if not is_real(leaf) or leaf.size == 0 or leaf.ndim > 4:
        return " ".join(text_lines(leaf)[:2])
    return None


def _lines(paths: Sequence[Path], nested: _Nested, style: Style, width: int | float) -> Picture:
    """Draw leaves that are one number or a few words: the path to the left, what it says to the right."""
    theme = style.colours
    parts = []
    for index, path in enumerate(paths):
        y = index * _LINE + 12
        name = fit(path_words(path), width * 0.55, 11)
        parts.append(label(0, y, name, 11, theme.muted))
        words = fit(_line(nested.leaves.get(path)) or "", width - width_of(name, 11) - 16, 12)
        parts.append(label(width, y, words, 12, theme.ink, anchor="end"))
    return Picture(width, len(paths) * _LINE, "".join(parts))


def nested_pictures(
    values: Sequence[object],
    style: Style,
    size: int | float,
    marks: Sequence[Marks],
    draw: _Draw,
    *,
    arc: bool = False,
    extent: tuple[int, int] = (0, 0),
) -> list[Picture]:
    """Draw trees leaf by leaf, every leaf on one scale and at one place in all of them.

    Boards and fields come first, then vectors, then what is said in one line; of more than twelve leaves
    the rest is counted.

    Args:
        values: trees; one that is no tree is drawn with the main leaves of the others.
        style: the look.
        size: the width of a picture; below 160 pixels only the main leaf is drawn.
        marks: what to mark: masks of the main leaf, or trees of masks.
        draw: draws several leaves, as ``pictures_of`` does.
        arc: whether boards are ARC's.
        extent: rows and columns that a board has room for at least, where it is the main leaf.
    """
    nested = [_Nested(leaves_of(value), mark) for value, mark in zip(values, marks, strict=True)]
    trees = [index for index, value in enumerate(values) if is_tree(value)]
    known: dict[Path, np.ndarray] = {}
    for index in trees:
        known = {**nested[index].leaves, **known}
    if not known:
        return draw(["nothing"] * len(values), style, size, [Marks()] * len(values), arc=arc)
    main = main_path(known)
    large = draw(
        [_main(one, main) for one in nested],
        style,
        size,
        [one.marks_at(main, main) if index in trees else one.marks for index, one in enumerate(nested)],
        arc=arc,
        extent=extent,
    )
    if size < _ALONE_BELOW:
        return large
    column = _Column(style, size, trees)
    column.add(main, dict(enumerate(large)))
    tiles, rows, said = _arranged({path: leaf for path, leaf in known.items() if path != main})
    for path in (*tiles, *rows):
        holders = [index for index in trees if path in nested[index].leaves]
        pictures = draw(
            [nested[index].leaves[path] for index in holders],
            style,
            column.tile if path in tiles else size,
            [nested[index].marks_at(path, main) for index in holders],
            arc=arc,
        )
        column.add(path, dict(zip(holders, pictures, strict=True)), tiled=path in tiles)
    if said:
        column.add((), {index: _lines(said, nested[index], style, size) for index in trees})
    left_out = len(known) - 1 - len(tiles) - len(rows) - len(said)
    if left_out:
        more = label(0, 10, f"+{left_out} more", 11, style.colours.muted)
        column.add((), dict.fromkeys(trees, Picture(size, 14, more)))
    return [
        column.picture(index) if index in trees else _moved_down(picture)
        for index, picture in enumerate(large)
    ]


class _Column:
    """Pictures of several values that grow together: what is added to one stands at one height in all.

    Args:
        style: the look.
        size: the width, in pixels.
        indices: which values have a picture.
    """

    def __init__(self, style: Style, size: int | float, indices: Sequence[int]):
        self.tile = (size - _GAP) / 2
        self._style = style
        self._size = size
        self._parts: dict[int, list[str]] = {index: [] for index in indices}
        self._top = 0.0
        self._beside = 0.0  # height of the tile to the left, where the one beside it is free

    def add(self, path: Path, pictures: Mapping[int, Picture], *, tiled: bool = False) -> None:
        """Add a leaf below what is there; a tile beside a tile where there is room."""
        x = self.tile + _GAP if tiled and self._beside else 0.0
        if self._beside and not x:
            self._end_row(self._beside)
        top = _CAPTION if path else 0.0
        room = self.tile if tiled else self._size
        words = label(0, 11, path_words(path), 11, self._style.colours.muted, max_width=room)
        for index, parts in self._parts.items():
            if index in pictures:
                parts.append(place(x, self._top, words + place(0, top, pictures[index].body)))
        tall = top + max(pictures[index].height for index in self._parts if index in pictures)
        if tiled and not x:
            self._beside = tall
        else:
            self._end_row(max(tall, self._beside))

    def _end_row(self, tall: float) -> None:
        self._top += tall + _GAP
        self._beside = 0.0

    def picture(self, index: int) -> Picture:
        """Return what was added to one of the values."""
        height = self._top + self._beside if self._beside else self._top - _GAP
        return Picture(self._size, height, "".join(self._parts[index]))


def _arranged(leaves: Mapping[Path, np.ndarray]) -> tuple[list[Path], list[Path], list[Path]]:
    """Return which leaves are small pictures side by side, which are rows of bars, and which a line each."""
    drawn = {path: leaf for path, leaf in leaves.items() if _line(leaf) is None}
    tiles = [path for path, leaf in drawn.items() if leaf.ndim > 1][:_TILES_AT_MOST]
    rows = [path for path, leaf in drawn.items() if leaf.ndim < 2][:_TILES_AT_MOST]
    room = max(_LEAVES_AT_MOST - len(tiles) - len(rows), 0)
    return tiles, rows, [path for path, leaf in leaves.items() if _line(leaf) is not None][:room]


def _moved_down(picture: Picture) -> Picture:
    """Return a picture as far down as main leaves are below their captions."""
    return Picture(picture.width, picture.height + _CAPTION, place(0, _CAPTION, picture.body))


def _main(one: _Nested, main: Path) -> np.ndarray:
    """Return the main leaf of a value, or where it has none at that place the one that it has."""
    if main in one.leaves:
        return one.leaves[main]
    return one.leaves[main_path(one.leaves)] if one.leaves else np.array("nothing")
