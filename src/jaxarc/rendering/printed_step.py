"""One step in a terminal: what happened, then the states, leaf by leaf where they are nested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering.leaves import Path, is_tree, leaves_of, main_leaf, main_path, path_words
from jaxarc.rendering.step_facts import action_words, is_arc
from jaxarc.rendering.style import Style
from jaxarc.rendering.terminal_values import terminal_values
from jaxarc.rendering.text import clean, number

__all__ = ["terminal_step"]

_LEAVES_AT_MOST = 12


@dataclass(frozen=True)
class _Stack:
    parts: tuple[RenderableType, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.parts


def terminal_step(data: StepVisualizationData, style: Style | None = None) -> _Stack:
    """Return a step for a terminal: a line that says what happened, then before, after and target.

    Changed cells are marked on the board after the step, unless the style says otherwise. Frames and fields
    are half blocks, vectors bars, all others words; nested states are shown leaf by leaf. Where the state
    after the step was not recorded, that is said in its place.

    Args:
        data: the step.
        style: the look.
    """
    style = style or Style()
    head = Text()
    head.append(f"step {data.step_num}", style="bold")
    if data.title:
        head.append(f"  {clean(data.title)}", style="dim")
    words = action_words(data) if style.show_operation_names else ""
    if words:
        head.append(f"  {words}", style="bold")
    if style.include_metrics:
        head.append(f"  reward {number(data.reward, signed=True)}")
        if data.similarity is not None:
            head.append(f"  similarity {number(data.similarity)}")
    if data.ended:
        head.append(
            f"  {'solved' if data.success else data.ended}", style="bold green" if data.success else "bold"
        )
    return _Stack((head, *_states(data, style)))


def _states(data: StepVisualizationData, style: Style) -> Iterator[RenderableType]:
    arc = is_arc(data)
    mask = data.changed_cells if style.highlight_changes else None
    states = {"before": data.before_grid, "after": data.after_grid}
    target = {} if data.target_grid is None else {"target": main_leaf(data.target_grid)}
    if not any(is_tree(state) for state in states.values()):
        changed = None if mask is None or is_tree(mask) else np.asarray(mask)
        yield from terminal_values(states | target, style, changed=changed, arc=arc)
        return
    leaves = {name: {} if state is None else leaves_of(state) for name, state in states.items()}
    masks = leaves_of(mask) if is_tree(mask) else {}
    known = {**leaves["before"], **leaves["after"]}
    first = main_path(known) if known else ()
    paths = sorted(known, key=lambda path: path != first)
    for path in paths[:_LEAVES_AT_MOST]:
        yield Text(clean(path_words(path)), style="dim")
        values = _at(path, leaves) | (target if path == first else {})
        if data.after_grid is None:
            values["after"] = None
        yield from terminal_values(values, style, changed=masks.get(path), arc=arc)
    if len(paths) > _LEAVES_AT_MOST:
        yield Text(f"+{len(paths) - _LEAVES_AT_MOST} more", style="dim")


def _at(path: Path, leaves: Mapping[str, Mapping[Path, np.ndarray]]) -> dict[str, np.ndarray | None]:
    return {name: found[path] for name, found in leaves.items() if path in found}
