"""Which kind of picture a value gets.

Values that are compared (before, after, target) are judged together, so that they get one kind and one scale.
What shape and dtype say comes first, and what the numbers say only decides where those leave it open:

- ``board``: integers or booleans [h w] whose values are ARC's colours 0 to 9 and -1, the padding; also any
  other integers where the caller says that they are ARC's: what is no colour is then drawn as unknown.
- ``grid``: integers [h w] from -1 to 255 with at most 64 different values: colours of categories, a legend.
- ``field``: real numbers [h w], and integers too many or too spread to be categories: a heat map.
- ``frame``: pixels: uint8 [h w 3], [h w 4] where the last channel is opacity, [3 h w]; floats from 0 to 1
  likewise; uint8 [h w] of 32 by 32 or more with values past 63 or all zero, and of more than 64 by 64 always.
- ``stack``: frames [h w k] or [k h w], 2 to 16 of them, or [k h w 3].
- ``planes``: booleans, or numbers that are 0 and 1 alone, [h w c] or [c h w] with up to 24 channels; a black
  screen is none.
- ``channels``: any other three axes: one small picture a channel.
- ``vector``: real numbers without or with one axis.
- ``svg``: what a drawing function of the user's returned as SVG text.
- ``text``: everything else, and arrays of more than 20 million entries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.rendering.board import MAX_SIDE
from jaxarc.rendering.categories import CATEGORIES_AT_MOST
from jaxarc.rendering.embedded import SvgImage
from jaxarc.rendering.leaf import is_real

__all__ = ["CATEGORIES_SHOWN", "channel_axis", "family_of", "is_cells", "kind_of"]

CATEGORIES_SHOWN = 64
"""More different values than this are a field and no categories."""

_PIXELS_FROM = 16
_SCREEN_FROM = 32
_MAP_AT_MOST = 64
_STACKED_AT_MOST = 16
_PLANES_AT_MOST = 24
_ENTRIES_AT_MOST = 20_000_000


def is_cells(value: np.ndarray) -> bool:
    """Return whether a value could be a board or a grid by its shape and dtype."""
    return (
        value.ndim == 2
        and value.dtype.kind in "biu"
        and min(value.shape) > 0
        and max(value.shape) <= MAX_SIDE
    )


def family_of(value: np.ndarray) -> tuple[object, ...]:
    """Return what two values must have in common to be drawn on one scale."""
    if value.dtype == object and value.ndim == 0 and isinstance(value.item(), SvgImage):
        return ("svg",)
    if not is_real(value) or value.size == 0 or value.size > _ENTRIES_AT_MOST:
        return ("text",)
    if value.ndim < 2:
        return ("vector",)
    if value.ndim == 2:
        return ("cells",) if is_cells(value) and not _is_screen(value) else ("plane", str(value.dtype.kind))
    return ("volume", value.shape, value.dtype.kind)


def _is_screen(value: np.ndarray) -> bool:
    return value.dtype == np.uint8 and min(value.shape[:2]) >= _SCREEN_FROM


def channel_axis(shape: tuple[int, ...]) -> int:
    """Return which of three axes is that of the channels: the first where it is shorter than both others."""
    return 0 if shape[0] < min(shape[1:]) else 2


def _range(values: Sequence[np.ndarray]) -> tuple[float, float]:
    if values[0].dtype.kind in "biu":
        return float(min(value.min() for value in values)), float(max(value.max() for value in values))
    with np.errstate(invalid="ignore"):
        lows = [float(np.fmin.reduce(value, axis=None)) for value in values]
        highs = [float(np.fmax.reduce(value, axis=None)) for value in values]
    return min(lows), max(highs)


def _num_different(values: Sequence[np.ndarray]) -> int:
    """Return how many different values from -1 to 255 there are."""
    seen = np.zeros(CATEGORIES_AT_MOST + 1, bool)
    for value in values:
        seen[value.astype(np.int16).ravel() + 1] = True
    return int(seen.sum())


def _kind_of_plane(values: Sequence[np.ndarray], *, arc: bool) -> str:
    if values[0].dtype.kind == "f":
        return "field"
    if not all(is_cells(value) for value in values):
        return "frame" if values[0].dtype == np.uint8 else "field"
    if arc:
        return "board"
    low, high = _range(values)
    if all(_is_screen(value) for value in values) and (
        high > 63 or high == 0 or min(values[0].shape) > _MAP_AT_MOST
    ):
        return "frame"
    if low >= -1 and high <= 9:
        return "board"
    if low < -1 or high >= CATEGORIES_AT_MOST:
        return "field"
    return "grid" if _num_different(values) <= CATEGORIES_SHOWN else "field"


def _is_binary(values: Sequence[np.ndarray]) -> bool:
    return all(value.dtype == np.bool_ or bool(((value == 0) | (value == 1)).all()) for value in values)


def _is_opaque(value: np.ndarray) -> bool:
    """Return whether a fourth channel is opacity: it covers most of the picture."""
    limit = 250 if value.dtype == np.uint8 else 0.98
    return float((value[..., 3] >= limit).mean()) > 0.5


def _kind_of_volume(values: Sequence[np.ndarray]) -> str:
    shape, dtype = values[0].shape, values[0].dtype
    low, high = (0.0, 255.0) if dtype == np.uint8 else _range(values)
    shades = dtype == np.uint8 or (dtype.kind == "f" and low >= 0 and high <= 1)
    axis = channel_axis(shape)
    count = shape[axis]
    sides = shape[1:] if axis == 0 else shape[:2]
    black = dtype == np.uint8 and min(sides) >= _SCREEN_FROM and not any(value.any() for value in values)
    if count <= _PLANES_AT_MOST and max(sides) <= MAX_SIDE and not black and _is_binary(values):
        return "planes"
    if shades and min(sides) >= _PIXELS_FROM:
        if count == 3:
            return "frame"
        if count == 4 and axis == 2 and all(_is_opaque(value) for value in values):
            return "frame"
        if min(sides) >= _SCREEN_FROM and count <= _STACKED_AT_MOST:
            return "stack"
    if dtype == np.uint8 and axis == 2 and count == 3 and min(sides) >= 4 and _range(values)[1] > 63:
        return "frame"
    return "channels"


def kind_of(values: Sequence[np.ndarray], *, arc: bool = False) -> str:
    """Return the kind of picture of values of one family.

    Args:
        values: arrays of one ``family_of``, without axes of length 1 before three others.
        arc: whether integers [h w] are ARC's colours, whatever their values.
    """
    first = values[0]
    family = family_of(first)[0]
    if family in ("svg", "text", "vector"):
        return str(family)
    if first.ndim == 2:
        return _kind_of_plane(values, arc=arc)
    if first.ndim == 3:
        return _kind_of_volume(values)
    frames = first.ndim == 4 and first.dtype == np.uint8 and first.shape[3] == 3
    if frames and first.shape[0] <= _STACKED_AT_MOST and min(first.shape[1:3]) >= _PIXELS_FROM:
        return "stack"
    return "text"
