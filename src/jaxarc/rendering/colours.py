"""Colours as numbers, 0xRRGGBB."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["blend", "ramp", "rgb"]


@lru_cache(maxsize=4096)
def rgb(colour: str) -> int:
    """Return ``#RRGGBB`` as a number."""
    return int(colour[1:], 16)


@lru_cache(maxsize=1 << 15)
def blend(below: int, above: int, share: float) -> int:
    """Return ``share`` of one colour on another."""
    mixed = 0
    for shift in (16, 8, 0):
        low, high = below >> shift & 255, above >> shift & 255
        mixed |= int(low + (high - low) * share + 0.5) << shift
    return mixed


@lru_cache(maxsize=4096)
def ramp(below: int, above: int, levels: int) -> tuple[int, ...]:
    """Return the colours from one to another in ``levels`` steps, both ends included."""
    return tuple(blend(below, above, level / levels) for level in range(levels + 1))
