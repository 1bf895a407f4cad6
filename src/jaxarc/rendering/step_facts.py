"""What a step says, before it is drawn: words, and which cells are wrong or selected."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering.leaves import main_leaf
from jaxarc.rendering.picture import is_board
from jaxarc.rendering.text import TIMES, clean, number

__all__ = ["action_words", "is_arc", "num_selected", "value_words", "wrong_cells"]


def action_words(data: StepVisualizationData) -> str:
    """Return the operation's name, or the scalar fields of the action when it has none ("action 1")."""
    if data.operation_name:
        return clean(data.operation_name)
    words = (f"{key} {value_words(value)}" for key, value in data.action.items() if np.size(value) == 1)
    return clean(", ".join(words))


def is_arc(data: StepVisualizationData) -> bool:
    """Return whether a step is ARC's, an operation on a selection: its boards have ten colours, no more."""
    return "operation" in data.action and "selection" in data.action


def value_words(value: Any) -> str:
    """Return a value of the metrics in a few characters."""
    array = np.asarray(value)
    if array.dtype == np.bool_ and array.size == 1:
        return "yes" if array.item() else "no"
    if array.size == 1 and array.dtype.kind in "iuf":
        return number(array.item())
    if array.ndim == 0:
        return clean(value)
    return f"{array.dtype} {TIMES.join(str(side) for side in array.shape)}"


def wrong_cells(data: StepVisualizationData) -> np.ndarray | None:
    """Return where the target is not reached, shaped as the target; None without a target or an after."""
    if data.target_grid is None or data.after_grid is None:
        return None
    target, after = main_leaf(data.target_grid), main_leaf(data.after_grid)
    if not is_board(target) or not is_board(after):
        return None
    wrong = target != -1
    rows, columns = (min(a, b) for a, b in zip(target.shape, after.shape, strict=True))
    wrong[:rows, :columns] = target[:rows, :columns] != after[:rows, :columns]
    return wrong


def num_selected(selected: np.ndarray | None, before: np.ndarray) -> tuple[int, int]:
    """Return how many selected cells are on the board, and how many in its padding."""
    if selected is None:
        return 0, 0
    total = int(np.count_nonzero(selected))
    if not is_board(before) or before.shape != selected.shape:
        return total, 0
    on_board = int(np.count_nonzero(selected & (before != -1)))
    return on_board, total - on_board
