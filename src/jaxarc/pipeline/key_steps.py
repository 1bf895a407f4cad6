"""Level ``standard``: the steps of an episode that are worth keeping."""

from __future__ import annotations

import numpy as np

from jaxarc.records.layout import FLAG_MARK, Layout
from jaxarc.records.steps import StepBlock

__all__ = ["choose_key_steps"]


def _observation_changed(layout: Layout, block: StepBlock) -> np.ndarray:
    """Say for each step whether an integer observation differs after it; bool[n]."""
    changed = np.zeros(len(block), bool)
    after = {field.path: i for i, field in enumerate(layout.rows) if field.role == "next_observation"}
    for index, field in enumerate(layout.rows):
        if field.role != "observation" or not field.dtype.startswith(("int", "uint", "bool")):
            continue
        before = layout.decode_row(index, block.words, block.octets).reshape(len(block), -1)
        if field.path in after:
            following = layout.decode_row(after[field.path], block.words, block.octets).reshape(
                len(block), -1
            )
            changed |= (before != following).any(axis=1)
        else:
            changed[:-1] |= (before[:-1] != before[1:]).any(axis=1)
    return changed


def _scalar_moved(layout: Layout, block: StepBlock, key_delta: float) -> np.ndarray:
    """Say for each step whether the reward or a metric moved by more than ``key_delta``; bool[n]."""
    moved = np.zeros(len(block), bool)
    for index, field in enumerate(layout.scalars):
        if field.role in ("reward", "metrics"):
            values = layout.decode_scalar(index, block.scalars).astype(np.float64)
            moved[1:] |= np.abs(np.diff(values)) > key_delta
    return moved


def choose_key_steps(block: StepBlock, limit: int, key_delta: float, *, ends: bool) -> np.ndarray:
    """Return the positions in ``block`` of its key steps, ascending.

    Key steps are the first and the last, those that changed an integer observation, those at which the
    reward or a metric moved by more than ``key_delta``, and marked ones. Where that is more than ``limit``,
    the first, the last and the marked ones stay and the others are thinned evenly.

    Args:
        block: steps of one episode, in order.
        limit: the most positions to return, at least 1.
        key_delta: how far a reward or metric moves before the step is a key step.
        ends: whether the block holds the episode's last step.
    """
    count = len(block)
    needed = (block.scalars[:, 0] & FLAG_MARK) != 0
    needed[0] |= block.steps[0] == 0
    needed[-1] |= ends
    interesting = _observation_changed(block.layout, block) | _scalar_moved(block.layout, block, key_delta)
    first = np.flatnonzero(needed)
    if len(first) >= limit:
        kept = first[np.unique(np.linspace(0, len(first) - 1, limit).round().astype(int))]
        return kept
    others = np.flatnonzero(interesting & ~needed)
    room = limit - len(first)
    if len(others) > room:
        others = others[np.unique(np.linspace(0, len(others) - 1, room).round().astype(int))]
    chosen = np.zeros(count, bool)
    chosen[first] = True
    chosen[others] = True
    return np.flatnonzero(chosen)
