"""Frames of pixels, alone and stacked: what an agent that sees screens has seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.rendering.board import Marks, Picture
from jaxarc.rendering.field import box_of
from jaxarc.rendering.image import image
from jaxarc.rendering.kinds import channel_axis
from jaxarc.rendering.palette import MARK_DARK, MARK_LIGHT
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import MINUS, label

__all__ = ["as_pixels", "frame_pictures", "frames_of", "stack_pictures"]

_SIDE_AT_MOST = 512
_THUMBNAILS_FROM = 160.0
_THUMBNAIL_GAP = 9.0
_REGION_AT_MOST = 0.5


def as_pixels(value: np.ndarray) -> np.ndarray:
    """Return a frame as uint8 [h w], [h w 3] or [h w 4], at most 512 a side.

    Args:
        value: uint8, floats from 0 to 1, or booleans; three or four channels first or last.
    """
    if value.ndim == 3 and channel_axis(value.shape) == 0:
        value = np.moveaxis(value, 0, 2)
    if value.dtype == np.bool_:
        value = value.astype(np.uint8) * np.uint8(255)
    elif value.dtype != np.uint8:
        with np.errstate(invalid="ignore"):
            value = (np.clip(np.nan_to_num(value), 0.0, 1.0) * 255 + 0.5).astype(np.uint8)
    step = -(-max(value.shape[:2]) // _SIDE_AT_MOST)
    if step > 1:
        rows, columns = (max(side // step, 1) for side in value.shape[:2])
        blocks = value[: rows * step, : columns * step]
        down, across = min(step, value.shape[0]), min(step, value.shape[1])
        blocks = blocks.reshape(rows, down, columns, across, *value.shape[2:])
        value = (blocks.mean(axis=(1, 3)) + 0.5).astype(np.uint8)
    return value


def frames_of(stack: np.ndarray) -> list[np.ndarray]:
    """Return the frames of a stack, the oldest first; [h w k], [k h w] or [k h w 3]."""
    if stack.ndim == 4:
        return list(stack)
    return list(np.moveaxis(stack, channel_axis(stack.shape), 0))


def _region(changed: np.ndarray | None, shape: tuple[int, ...]) -> tuple[float, float, float, float] | None:
    """Return left, top, right and bottom of what changed, as shares; None where it is nothing or most."""
    if changed is None:
        return None
    if np.shape(changed) != shape:
        return None
    where = changed if changed.ndim == 2 else np.moveaxis(changed, channel_axis(shape), 0).any(axis=0)
    rows, columns = (np.flatnonzero(np.any(where, axis=axis)) for axis in (-1, 0))
    if not len(rows):
        return None
    height, width = (
        side for axis, side in enumerate(shape) if len(shape) == 2 or axis != channel_axis(shape)
    )
    top, bottom = rows[0] / height, (rows[-1] + 1) / height
    left, right = columns[0] / width, (columns[-1] + 1) / width
    if (bottom - top) * (right - left) > _REGION_AT_MOST:
        return None
    return float(left), float(top), float(right), float(bottom)


def _drawn(frame: np.ndarray, size: int | float, style: Style, changed: np.ndarray | None = None) -> Picture:
    pixels = as_pixels(frame)
    rows, columns = pixels.shape[:2]
    width, height = box_of((rows, columns), size)
    body = image(pixels, 0, 0, width, height)
    theme = style.colours
    edge = f'<rect x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" fill="none"'
    body += f'{edge} stroke="{theme.grid}" stroke-opacity=".35"/>'
    region = _region(changed, frame.shape)
    if region is not None:
        left, top = region[0] * width - 2, region[1] * height - 2
        across, down = region[2] * width + 2 - left, region[3] * height + 2 - top
        box = f'<rect x="{left:.1f}" y="{top:.1f}" width="{across:.1f}" height="{down:.1f}" fill="none"'
        body += f'{box} stroke="{MARK_DARK}" stroke-width="2.2"/>{box} stroke="{MARK_LIGHT}"/>'
    return Picture(width, height, body)


def frame_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks]
) -> list[Picture]:
    """Draw frames as they are; a thin box around the pixels that changed where they are less than half.

    Args:
        values: uint8 or floats from 0 to 1, [h w], [h w 3], [h w 4] or [3 h w] each.
        style: the look.
        size: the longest side of a frame, in pixels.
        marks: ``changed`` is used.
    """
    return [_drawn(value, size, style, mark.changed) for value, mark in zip(values, marks, strict=True)]


def _changed_last(changed: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return what changed in the newest frame of a stack."""
    if changed is None or np.shape(changed) != shape:
        return None
    return frames_of(np.asarray(changed))[-1]


def stack_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks]
) -> list[Picture]:
    """Draw stacks with the newest frame large and the ones before it small below, oldest first.

    Args:
        values: frames [h w k], [k h w] or [k h w 3], the last one the newest, as frame stacks have it.
        style: the look.
        size: the longest side of the newest frame, in pixels; below 160 it stands alone.
        marks: ``changed`` is used, for the newest frame.
    """
    pictures = []
    for value, mark in zip(values, marks, strict=True):
        *older, newest = frames_of(value)
        if size < _THUMBNAILS_FROM:
            pictures.append(_drawn(newest, size, style))
            continue
        large = _drawn(newest, size, style, _changed_last(mark.changed, value.shape))
        columns = max(min(len(older), 5), 3)
        side = (large.width - _THUMBNAIL_GAP * (columns - 1)) / columns
        parts, top = [large.body], large.height + 10
        low = 0.0
        for index, frame in enumerate(older):
            small = _drawn(frame, side, style)
            x, y = index % columns * (side + _THUMBNAIL_GAP), top + index // columns * (small.height + 26)
            parts.append(f'<g transform="translate({x:g} {y:g})">{small.body}</g>')
            words = f"t {MINUS} {len(older) - index}"
            parts.append(label(x, y + small.height + 13, words, 11, style.colours.muted))
            low = y + small.height + 18
        pictures.append(Picture(large.width, max(low, large.height), "".join(parts)))
    return pictures
